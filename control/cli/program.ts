/**
 * The tree of commands and flags. Help, completion and docs/reference/cli.md are made from it, so it is
 * built without doing anything: `run` turns what a command does into commander's handler.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { nearest } from '../../core/config/suggest.ts';
import { miroirVersion } from '../../core/telemetry/version.ts';
import type { Runner } from './cli.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addConfig } from './commands/config.ts';
import { addContext } from './commands/context.ts';
import { addControl } from './commands/control.ts';
import { addIndexes } from './commands/indexes.ts';
import { addJobs } from './commands/jobs.ts';
import { addNodes } from './commands/nodes.ts';
import { addRestore } from './commands/restore.ts';
import { addShards } from './commands/shards.ts';
import { addStatus } from './commands/status.ts';
import { addTasks } from './commands/tasks.ts';
import { addVersion } from './commands/version.ts';
import { OUTPUTS } from './output/emit.ts';

const TIMEOUT_DEFAULT_MS = 10_000;
const TIMEOUT_MAX_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, '': 1_000, m: 60_000 };

/** Builds it. */
export function buildProgram(run: Runner): Command {
  const program = new Command('miroirctl')
    .description('Looks after a Miroir cluster. Start with: miroirctl status')
    .version(miroirVersion, '-V, --version', 'show the version of this program')
    .helpOption('-h, --help', 'show help')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .allowExcessArguments(false);
  for (const option of globalOptions()) program.addOption(option);
  for (const add of [
    addStatus,
    addNodes,
    addIndexes,
    addShards,
    addTasks,
    addJobs,
    addControl,
    addBackup,
    addRestore,
    addConfig,
    addAudit,
    addContext,
    addVersion,
  ])
    add(program, run);
  program.addHelpText('after', FOOTER);
  program.helpCommand(false);
  finish(program);
  return program;
}

const FOOTER = `
Which cluster:
  --control, else --context, else MIROIR_CONTROL, else .miroir/run.json of a checkout (after npm start),
  else the current context. The token: --token-file, else MIROIR_ADMIN_TOKEN, else beside the addresses.

Exit codes:
  0 ok   1 failed   2 the command line is wrong   3 it worked, and the cluster is not green`;

function globalOptions(): Option[] {
  return [
    new Option('-o, --output <format>', 'how the result is written')
      .choices(OUTPUTS)
      .default('table'),
    new Option('--control <addresses>', 'HOST:PORT of control; several with commas'),
    new Option('--context <name>', 'a cluster of the context file'),
    new Option('--token-file <file>', 'file that holds the admin token'),
    new Option('--ca <file>', 'TLS: certificates of the authority that control is signed by'),
    new Option('--cert <file>', 'TLS: certificate to show'),
    new Option('--key <file>', 'TLS: key of that certificate'),
    new Option('--timeout <duration>', 'how long to wait for control, for instance 500ms, 10s, 2m')
      .default(TIMEOUT_DEFAULT_MS, '10s')
      .argParser(duration),
    new Option('--no-color', 'no colours (as NO_COLOR does)'),
  ];
}

function duration(text: string): number {
  const [, figure, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|)$/.exec(text) ?? [];
  const ms = Number(figure) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (ms >= 1 && ms <= TIMEOUT_MAX_MS) return Math.round(ms);
  throw new InvalidArgumentError('It is a duration such as 500ms, 10s or 2m, at most 1 hour.');
}

/** Settings every command shares; commander hands some of them down only to commands added later. */
function finish(command: Command): void {
  command.allowExcessArguments(false).helpOption('-h, --help', 'show help').helpCommand(false);
  command.configureHelp({ showGlobalOptions: true, sortSubcommands: false });
  const isGroup = command.commands.length > 0 && command.parent !== null;
  if (isGroup) command.hook('preSubcommand', refuseUnknownSubcommand);
  for (const child of command.commands) finish(child);
}

/** A mistyped subcommand of a group must not be taken for an argument of the group's default one. */
function refuseUnknownSubcommand(group: Command): void {
  const [given] = group.args;
  const names = group.commands.map((child) => child.name());
  if (given === undefined || given.startsWith('-') || names.includes(given)) return;
  const near = nearest(given, names);
  const hint = near === undefined ? `; there are ${names.join(', ')}` : ` (Did you mean ${near}?)`;
  group.error(`error: unknown command '${group.name()} ${given}'${hint}`);
}
