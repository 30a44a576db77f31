/**
 * Completion scripts for bash, zsh and fish, made from the commander tree: every command, flag and fixed
 * set of values that the program knows, and nothing that has to be kept in step by hand.
 */
import type { Argument, Command, Option } from 'commander';
import { defaultSubcommand, ownOptions, subcommands } from './tree.ts';

/** Shells there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of them. */
export type Shell = (typeof SHELLS)[number];

interface Word {
  readonly text: string;
  readonly about: string;
}

/** A place on the command line: the commands typed so far, and what may follow. */
interface Place {
  readonly path: string;
  readonly words: readonly Word[];
  readonly flags: readonly Word[];
}

const HELP: readonly Word[] = ['-h', '--help'].map((text) => ({ text, about: 'show help' }));

interface Tree {
  readonly places: readonly Place[];
  /** Flags that may stand anywhere. */
  readonly everywhere: readonly Word[];
  /** Every option of every command. */
  readonly options: readonly Option[];
}

/** The script to be sourced. */
export function completionScript(program: Command, shell: Shell): string {
  const tree: Tree = {
    places: placesOf(program, ''),
    everywhere: [...ownOptions(program).flatMap(flagWords), ...HELP],
    options: allOptions(program),
  };
  if (shell === 'bash') return bashScript(tree);
  return shell === 'zsh' ? zshScript(tree) : fishScript(tree);
}

function placesOf(command: Command, path: string): Place[] {
  const children = subcommands(command);
  const fallback = defaultSubcommand(command);
  const isRoot = command.parent === null;
  const options = [
    ...(isRoot ? [] : ownOptions(command)),
    ...(fallback === undefined ? [] : ownOptions(fallback)),
  ];
  const choices = command.registeredArguments.flatMap((argument: Argument) =>
    (argument.argChoices ?? []).map((text) => ({ text, about: '' })),
  );
  const words = children.map((child) => ({
    text: child.name(),
    about: child.summary() || child.description(),
  }));
  return [
    { path, words: [...words, ...choices], flags: options.flatMap(flagWords) },
    ...children.flatMap((child) => placesOf(child, `${path} ${child.name()}`.trim())),
  ];
}

function flagWords(option: Option): Word[] {
  return [option.short, option.long].flatMap((text) =>
    text === undefined ? [] : [{ text, about: option.description }],
  );
}

function allOptions(command: Command): Option[] {
  const below = subcommands(command).flatMap(allOptions);
  const seen = new Map([...ownOptions(command), ...below].map((option) => [option.long, option]));
  return [...seen.values()];
}

/** Options that take a value, as shell patterns, with the fixed values if there are some. */
function valueOptions(options: readonly Option[]): { pattern: string; values: string[] }[] {
  return options
    .filter((option) => option.required)
    .map((option) => ({
      pattern: flagWords(option)
        .map(({ text }) => text)
        .join('|'),
      values: [...(option.argChoices ?? [])],
    }));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The part bash and zsh share: from the words typed, the place reached. */
function walk(places: readonly Place[], options: readonly Option[], words: string): string {
  const known = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const taking = valueOptions(options).map(({ pattern }) => pattern);
  return `  for ((i = first; i < last; i++)); do
    case "\${${words}[i]}" in ${taking.join('|')}) i=$((i + 1)); continue ;; esac
    step="\${place:+$place }\${${words}[i]}"
    case "$step" in ${known.join('|')}) place=$step ;; esac
  done`;
}

function bashScript({ places, everywhere, options }: Tree): string {
  const list = (words: readonly Word[]) => quoted(words.map(({ text }) => text).join(' '));
  const values = valueOptions(options).map(({ pattern, values }) =>
    values.length === 0
      ? `    ${pattern}) return ;;`
      : `    ${pattern}) COMPREPLY=($(compgen -W ${quoted(values.join(' '))} -- "$word")); return ;;`,
  );
  const cases = places.map(
    ({ path, words, flags }) => `    ${quoted(path)}) words=${list(words)} flags=${list(flags)} ;;`,
  );
  return `# Completion of miroirctl for bash: source <(miroirctl completion bash)
_miroirctl() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  local place='' words='' flags='' step i first=1 last=$COMP_CWORD
  COMPREPLY=()
${walk(places, options, 'COMP_WORDS')}
  case "$before" in
${values.join('\n')}
  esac
  case "$place" in
${cases.join('\n')}
  esac
  if [[ $word == -* ]]; then words="$flags "${list(everywhere)}; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _miroirctl miroirctl
`;
}

function zshScript({ places, everywhere, options }: Tree): string {
  const list = (words: readonly Word[]) =>
    words.map(({ text, about }) => quoted(`${text.replaceAll(':', '\\:')}:${about}`)).join(' ');
  const values = valueOptions(options).map(({ pattern, values }) =>
    values.length === 0
      ? `    ${pattern}) _files; return ;;`
      : `    ${pattern}) compadd -- ${values.join(' ')}; return ;;`,
  );
  const cases = places.map(
    ({ path, words, flags }) =>
      `    ${quoted(path)}) entries=(${list(words)}) flags=(${list(flags)}) ;;`,
  );
  return `#compdef miroirctl
# Completion of miroirctl for zsh: source <(miroirctl completion zsh)
_miroirctl() {
  local place='' step i first=2 last=$CURRENT before=\${words[CURRENT - 1]}
  local -a entries flags
${walk(places, options, 'words')}
  case "$before" in
${values.join('\n')}
  esac
  case "$place" in
${cases.join('\n')}
  esac
  [[ \${words[CURRENT]} = -* ]] && entries=($flags ${list(everywhere)})
  _describe 'miroirctl' entries || _files
}
if [ "$funcstack[1]" = _miroirctl ]; then _miroirctl "$@"; else compdef _miroirctl miroirctl; fi
`;
}

function fishScript({ places, everywhere, options }: Tree): string {
  const taking = valueOptions(options).flatMap(({ pattern }) => pattern.split('|'));
  const known = places.map(({ path }) => path).filter((path) => path !== '');
  const offer = (test: string, { text, about }: Word) =>
    `complete -c miroirctl -f -n ${quoted(test)} -a ${quoted(text)}${about === '' ? '' : ` -d ${quoted(about)}`}`;
  const isFlag = 'string match -q -- "-*" (commandline -ct)';
  const lines = places.flatMap(({ path, words, flags }) => [
    ...(words.length === 0
      ? []
      : [`complete -c miroirctl -f -n ${quoted(`__miroirctl_at "${path}"`)}`]),
    ...words.map((word) => offer(`__miroirctl_at "${path}"`, word)),
    ...flags.map((word) => offer(`${isFlag}; and __miroirctl_at "${path}"`, word)),
  ]);
  const values = valueOptions(options)
    .filter(({ values: texts }) => texts.length > 0)
    .map(({ pattern, values: texts }) =>
      offer(`__miroirctl_after ${pattern.replaceAll('|', ' ')}`, {
        text: texts.join(' '),
        about: '',
      }),
    );
  return `# Completion of miroirctl for fish: miroirctl completion fish | source
function __miroirctl_after
  contains -- (commandline -opc)[-1] $argv
end
function __miroirctl_at
  __miroirctl_after ${taking.join(' ')}; and return 1
  set -l path ''
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    test $skip = 1; and set skip 0; and continue
    contains -- $word ${taking.join(' ')}; and set skip 1; and continue
    set -l step (string trim "$path $word")
    contains -- $step ${known.map(quoted).join(' ')}; and set path $step
  end
  test "$path" = "$argv"
end
${[...lines, ...everywhere.map((word) => offer(isFlag, word)), ...values].join('\n')}
`;
}
