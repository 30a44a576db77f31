/** `miroirctl version` and `completion`: about the program itself. */
import { Argument, type Command } from 'commander';
import { miroirVersion } from '../../../core/telemetry/version.ts';
import type { Cli, Runner } from '../cli.ts';
import { completionScript, SHELLS, type Shell } from '../completion.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { renderPairs } from '../output/table.ts';
import { readTopology } from './status.ts';

/** Adds the commands. */
export function addVersion(program: Command, run: Runner): void {
  program
    .command('version')
    .description('Versions of this program and of the cluster.')
    .option('--client', 'only of this program; asks nobody')
    .action(
      run<{ readonly client?: boolean }>((cli, flags) => showVersion(cli, flags.client === true)),
    );
  program
    .command('completion')
    .summary('Print a completion script for a shell.')
    .description('Print a completion script: source <(miroirctl completion bash)')
    .addArgument(new Argument('<shell>', 'the shell it is for').choices(SHELLS))
    .action(
      run(async (cli, _flags, [shell]) => {
        cli.io.stdout.write(completionScript(program, shell as Shell));
        return EXIT.ok;
      }),
    );
}

async function showVersion(cli: Cli, isClientOnly: boolean): Promise<ExitCode> {
  const cluster = isClientOnly ? undefined : await clusterVersions(cli);
  const data = { miroirctl: miroirVersion, ...cluster };
  cli.emit({
    data,
    text: ({ paint }) => renderPairs(Object.entries(data), paint),
  });
  return EXIT.ok;
}

/** Versions of the cluster, if there is one: that there is none is no failure of this command. */
async function clusterVersions(cli: Cli): Promise<Record<string, string> | undefined> {
  try {
    const topology = await readTopology(cli, true);
    return { control: topology.miroirVersion, meilisearch: topology.meilisearchVersion };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    cli.note(`the cluster's versions are not known: ${error.message}`);
    return undefined;
  }
}
