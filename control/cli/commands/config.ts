/**
 * `miroirctl config`: checks a file before it is used, explains options, shows what is in force. Checking
 * and explaining need no cluster.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError } from '../../../core/config/error.ts';
import type { ConfigProblem } from '../../../core/config/index.ts';
import { nearest } from '../../../core/config/suggest.ts';
import { ConfigServiceService } from '../../../proto/gen/miroir/admin/v1/config.ts';
import type { Cli, Runner } from '../cli.ts';
import { CliError, EXIT, type ExitCode, UsageError } from '../errors.ts';
import { jsonData } from '../output/data.ts';
import { type Column, renderPairs, renderTable, visible } from '../output/table.ts';
import { listView } from './list-view.ts';

/** The schema is large: only these commands wait for it. */
const loadCore = () => import('../../../core/config/index.ts');

const FILE_BYTES_MAX = 1024 * 1024;

interface CheckFlags {
  readonly env?: boolean;
  readonly diff?: boolean;
}

/** Adds the commands. */
export function addConfig(program: Command, run: Runner): void {
  const config = program
    .command('config')
    .description('The configuration: check a file, explain options, show what is in force.');
  config
    .command('check <file>')
    .description('Check a file as a start of Miroir would. Needs no cluster.')
    .option('--env', 'with the MIROIR_* variables of this shell, which win over the file')
    .option('--diff', 'show how it differs from the configuration in force (asks control)')
    .action(run<CheckFlags>((cli, flags, [file]) => check(cli, file ?? '', flags)));
  config
    .command('show [option]')
    .description('The configuration in force, or those options that begin so.')
    .action(run((cli, _flags, [prefix]) => show(cli, prefix)));
  config
    .command('explain <option>')
    .description('What an option does, takes, and is by default. Needs no cluster.')
    .action(run((cli, _flags, [path]) => explain(cli, path ?? '')));
}

async function check(cli: Cli, file: string, flags: CheckFlags): Promise<ExitCode> {
  const { checkConfigText, loadConfig } = await loadCore();
  const { problems } = checkConfigText(readText(file));
  const found: ConfigProblem[] = [...problems];
  const words = problems.map((problem) => wordsOf(file, problem));
  // The variables of this shell win over the file, so they can be wrong where it is right.
  if (words.length === 0 && flags.env === true) {
    const broken = brokenBy(() => loadConfig({ file, env: cli.io.env }));
    if (broken !== undefined) {
      words.push(broken.message);
      found.push({ path: broken.path, message: broken.message, suggestion: '', line: 0 });
    }
  }
  if (words.length === 0 && flags.diff === true) return showDifferences(cli, file);
  if (cli.isMachine) {
    cli.emit({ data: { valid: words.length === 0, problems: found }, text: () => '' });
    return words.length === 0 ? EXIT.ok : EXIT.failed;
  }
  const [first, ...others] = words;
  if (first === undefined) {
    cli.emit({ data: {}, text: ({ paint }) => `${paint.good('ok')}   ${file}\n` });
    return EXIT.ok;
  }
  if (others.length === 0) throw new CliError(first);
  for (const line of words) cli.note(line);
  throw new CliError(`${file}: ${words.length} problems`);
}

function readText(file: string): string {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Error('larger than 1 MiB');
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file}: cannot be read: ${(error as Error).message}`);
  }
}

/** `FILE:LINE: option: what is wrong`, as compilers say it. */
function wordsOf(file: string, { line, path, message }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}`;
  return [place, path, message].filter((word) => word !== '').join(': ');
}

function brokenBy(load: () => unknown): ConfigError | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

async function showDifferences(cli: Cli, file: string): Promise<ExitCode> {
  const yaml = readFileSync(file, 'utf8');
  const answer = await cli.control().call(ConfigServiceService.checkConfig, { yaml }, 'read');
  const bad = answer.problems.find((problem) => !problem.isWarning);
  if (bad !== undefined) throw new CliError(`${bad.path}: ${bad.message}`);
  for (const { path, message } of answer.problems) cli.note(`warning   ${path}: ${message}`);
  cli.emit(
    listView({
      name: 'differences',
      rows: answer.differences,
      columns: [
        { header: 'OPTION', text: ({ path }) => path },
        { header: 'IN-FORCE', text: ({ currentJson }) => currentJson },
        { header: 'FILE', text: ({ newJson }) => newJson },
      ],
      data: ({ path, currentJson, newJson }) => ({
        path,
        current: jsonData(currentJson),
        new: jsonData(newJson),
      }),
      none: 'the same as in force',
      more: { valid: true },
    }),
  );
  return EXIT.ok;
}

async function show(cli: Cli, prefix: string | undefined): Promise<ExitCode> {
  const answer = await cli.control().call(ConfigServiceService.getConfig, {}, 'read');
  const isWanted = (path: string): boolean =>
    prefix === undefined ||
    path === prefix ||
    path.startsWith(`${prefix}.`) ||
    path.startsWith(`${prefix}[`);
  const options = answer.options.filter(({ path }) => isWanted(path));
  if (options.length === 0)
    throw unknownOption(
      prefix ?? '',
      answer.options.map(({ path }) => path),
    );
  const columns: readonly Column<(typeof options)[number]>[] = [
    { header: 'OPTION', text: ({ path }) => path },
    { header: 'VALUE', text: ({ valueJson }) => valueJson },
    { header: 'DEFAULT', text: ({ defaultJson }) => defaultJson },
    { header: 'UNIT', text: ({ unit }) => unit, isWide: true },
    { header: 'VARIABLE', text: ({ env }) => env, isWide: true },
  ];
  cli.emit({
    data: Object.fromEntries(options.map(({ path, valueJson }) => [path, jsonData(valueJson)])),
    text: (style) =>
      prefix === undefined && !style.isWide ? answer.yaml : renderTable(columns, options, style),
  });
  return EXIT.ok;
}

async function explain(cli: Cli, path: string): Promise<ExitCode> {
  const { configOptions, expectedOf } = await loadCore();
  const option = configOptions.find((candidate) => candidate.path === path);
  const section = configOptions.filter((candidate) => candidate.path.startsWith(`${path}.`));
  if (option === undefined && section.length > 0) {
    cli.emit(
      listView({
        name: 'options',
        rows: section,
        columns: [
          { header: 'OPTION', text: (row) => row.path },
          { header: 'TAKES', text: ({ schema }) => expectedOf(schema) },
          { header: 'DEFAULT', text: ({ schema }) => textOf(schema.default) },
        ],
        data: (row) => ({ path: row.path, description: row.schema.description }),
        none: '',
      }),
    );
    return EXIT.ok;
  }
  if (option === undefined)
    throw unknownOption(
      path,
      configOptions.map((known) => known.path),
    );
  const { schema, env } = option;
  cli.emit({
    data: {
      path,
      description: schema.description,
      takes: expectedOf(schema),
      default: schema.default,
      variable: env,
    },
    text: ({ paint }) =>
      `${visible(schema.description ?? '')}\n\n${renderPairs(
        [
          ['option', path],
          ['takes', expectedOf(schema)],
          ['default', textOf(schema.default)],
          ['variable', env],
        ],
        paint,
      )}`,
  });
  return EXIT.ok;
}

function textOf(value: unknown): string {
  return value === undefined || value === '' ? '' : JSON.stringify(value);
}

function unknownOption(path: string, known: readonly string[]): UsageError {
  const leaves = new Map(known.map((name) => [name.split('.').at(-1) ?? name, name]));
  const near = nearest(path, known) ?? leaves.get(nearest(path, [...leaves.keys()]) ?? '');
  const hint = near === undefined ? '' : `; did you mean \`${near}\`?`;
  return new UsageError(`no option \`${path}\`${hint}`);
}
