/** docs/reference/cli.md, made from the commander tree of miroirctl. */
import type { Command, Option } from 'commander';
import { buildProgram } from '../../control/cli/program.ts';
import { defaultSubcommand, ownOptions, subcommands } from '../../control/cli/tree.ts';

/** The whole page. */
export function cliReference(): string {
  const program = buildProgram(() => async () => {});
  const leaves = leavesOf(program);
  return `${[
    '# miroirctl',
    '',
    'Made from `control/cli` by `npm run gen`; do not edit. A tour with real output:',
    '[guide/miroirctl.md](../guide/miroirctl.md).',
    '',
    'In a checkout it is `npx miroirctl`. Results go to stdout, progress and questions to stderr, an error is one',
    'line there. `-o json` and `-o yaml` are for programs: keys in snake_case, which later versions add to and',
    'never rename. An act that destroys something asks at a terminal, and is refused without `-y` elsewhere.',
    '',
    '| exit code | |',
    '|---|---|',
    '| 0 | ok |',
    '| 1 | failed: the reason is on stderr |',
    '| 2 | the command line is wrong, or a confirmation is missing |',
    '| 3 | it worked, and the cluster is not green |',
    '',
    'The cluster is found by `--control`, else `--context`, else `MIROIR_CONTROL`, else the `.miroir/run.json` that',
    '`npm start` writes (at or above the current folder), else the current context. The token comes from',
    '`--token-file`, else `MIROIR_ADMIN_TOKEN`, else from the run file or context that the addresses are from: an',
    'address typed by hand is never sent a token from elsewhere. Of several addresses the one that leads is found.',
    '',
    '## Flags of every command',
    '',
    ...optionTable(ownOptions(program)),
    '',
    '## Commands',
    '',
    '| command | |',
    '|---|---|',
    ...leaves.map((leaf) => `| [\`${nameOf(leaf)}\`](#${anchorOf(leaf)}) | ${shortOf(leaf)} |`),
    ...leaves.flatMap(section),
  ].join('\n')}\n`;
}

function leavesOf(command: Command): Command[] {
  const children = subcommands(command);
  return children.length === 0 ? [command] : children.flatMap(leavesOf);
}

function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent == null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

function anchorOf(command: Command): string {
  return nameOf(command).replaceAll(' ', '-');
}

function shortOf(command: Command): string {
  return cell(command.summary() || command.description());
}

function section(command: Command): string[] {
  const options = ownOptions(command);
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const choices = command.registeredArguments.flatMap((argument) =>
    argument.argChoices === undefined
      ? []
      : ['', `\`${argument.name()}\`: ${argument.argChoices.join(', ')}.`],
  );
  const { parent } = command;
  const isDefault = parent !== null && defaultSubcommand(parent) === command;
  return [
    '',
    `### ${nameOf(command)}`,
    '',
    `\`miroirctl ${[nameOf(command), ...words].join(' ')}\``,
    ...(isDefault && parent !== null ? [`(or just \`miroirctl ${nameOf(parent)}\`)`] : []),
    '',
    command.description(),
    ...choices,
    ...(options.length === 0 ? [] : ['', ...optionTable(options)]),
  ];
}

function optionTable(options: readonly Option[]): string[] {
  return ['| flag | |', '|---|---|', ...options.map((option) => optionRow(option))];
}

function optionRow(option: Option): string {
  const choices = option.argChoices === undefined ? '' : ` One of ${option.argChoices.join(', ')}.`;
  const { defaultValue, defaultValueDescription } = option;
  const isShown = defaultValue !== undefined && typeof defaultValue !== 'boolean';
  const fallback = isShown ? ` Default: ${defaultValueDescription ?? String(defaultValue)}.` : '';
  return `| \`${cell(option.flags)}\` | ${cell(`${sentence(option.description)}${choices}${fallback}`)} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
