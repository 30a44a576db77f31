/**
 * `miroirctl restore`: a backup becomes the data folder of a control that is not running. It needs no
 * cluster; the store is loaded only here, so that no other command waits for it.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Runner } from '../cli.ts';
import { dryRunOption } from '../confirm.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';

interface Flags {
  readonly data: string;
  readonly cluster?: string;
  readonly dryRun?: boolean;
}

/** Adds the command. */
export function addRestore(program: Command, run: Runner): void {
  program
    .command('restore <file>')
    .summary('Put a backup into an empty data folder.')
    .description(
      "Put a backup of control's state into a data folder that is empty or not there yet, while control is stopped. Nodes that have changed since are recognised at the next start and brought up.",
    )
    .requiredOption('--data <folder>', 'the folder (`control.data_dir` of the configuration)')
    .option('--cluster <id>', 'refuse a backup of another cluster')
    .addOption(dryRunOption())
    .action(run<Flags>((cli, flags, [file]) => restore(cli, file ?? '', flags)));
}

async function restore(cli: Cli, name: string, flags: Flags): Promise<ExitCode> {
  const { restoreBackup, UnusableSnapshot, UnusableStore, verifyBackup } = await import(
    '../../store/index.ts'
  );
  const file = resolve(cli.io.cwd, name);
  const folder = resolve(cli.io.cwd, flags.data);
  const { dryRun = false, cluster } = flags;
  try {
    const header = dryRun
      ? await verifyBackup(file)
      : await restoreBackup({
          file,
          folder,
          freshId: () => randomBytes(8).toString('hex'),
          ...(cluster === undefined ? {} : { clusterId: cluster }),
        });
    const { clusterId, epoch, index } = header;
    const what = `cluster ${clusterId} at ${epoch}/${index}`;
    cli.emit({
      data: { file: name, dry_run: dryRun, data: flags.data, cluster_id: clusterId, epoch, index },
      text: () =>
        dryRun
          ? `${name}   whole: ${what}\nnothing was changed (--dry-run)\n`
          : `${flags.data}   ${what}\nstart control with control.data_dir ${flags.data}\n`,
    });
    return EXIT.ok;
  } catch (error) {
    const isKnown = error instanceof UnusableSnapshot || error instanceof UnusableStore;
    const isOfDisk = typeof (error as NodeJS.ErrnoException).code === 'string';
    if (isKnown || isOfDisk) throw new CliError((error as Error).message, { cause: error });
    throw error;
  }
}
