/**
 * `miroirctl backup` and `backups`: copies of control's state. A backup is written beside its name and only
 * takes it once every byte has arrived, matches its checksum, and is on disk.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  type BackupHeader,
  BackupServiceService,
  type BackupTrailer,
} from '../../../proto/gen/miroir/admin/v1/backup.ts';
import type { Cli, Runner } from '../cli.ts';
import { CliError, EXIT, type ExitCode, UsageError } from '../errors.ts';
import { dataOf } from '../output/data.ts';
import { Progress } from '../output/progress.ts';
import { agoOf } from '../output/times.ts';
import { sizeOf } from '../output/words.ts';
import { listView } from './list-view.ts';

interface BackupFlags {
  readonly force?: boolean;
}

/** Adds the commands. */
export function addBackup(program: Command, run: Runner): void {
  program
    .command('backup <file>')
    .summary("Write control's state into a file here.")
    .description(
      "Write control's state (catalog, owners, tasks) into a file here. Documents are on the nodes and not in it.",
    )
    .option('--force', 'replace the file if there is one')
    .action(
      run<BackupFlags>((cli, flags, [file]) => backup(cli, file ?? '', flags.force === true)),
    );
  program
    .command('backups')
    .description('The backups that jobs wrote on the machine of the leader.')
    .action(run((cli) => listBackups(cli)));
}

async function backup(cli: Cli, name: string, isForced: boolean): Promise<ExitCode> {
  const file = resolve(cli.io.cwd, name);
  if (existsSync(file) && !isForced) throw new UsageError(`${name} exists; --force replaces it`);
  const fresh = `${file}.part`;
  const handle = await open(fresh, 'w', 0o600).catch((error: Error) => {
    throw new CliError(`${name}: ${error.message}`);
  });
  try {
    const written = await writeStream(cli, handle, name);
    await handle.sync();
    await handle.close();
    await rename(fresh, file);
    await syncFolder(dirname(file));
    emitWritten(cli, name, written);
    return EXIT.ok;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(fresh, { force: true });
    throw error;
  }
}

interface Written {
  readonly header: BackupHeader;
  readonly trailer: BackupTrailer;
}

async function writeStream(cli: Cli, handle: FileHandle, name: string): Promise<Written> {
  const progress = new Progress(cli.io);
  const hash = createHash('sha256');
  let header: BackupHeader | undefined;
  let trailer: BackupTrailer | undefined;
  let bytes = 0;
  try {
    for await (const { part } of cli.control().stream(BackupServiceService.streamBackup, {})) {
      if (part?.$case === 'header') header = part.value;
      else if (part?.$case === 'trailer') trailer = part.value;
      else if (part?.$case === 'chunk') {
        await handle.writeFile(part.value);
        hash.update(part.value);
        bytes += part.value.length;
        progress.show({ title: name, done: bytes, total: 0, unit: 'bytes' });
      }
    }
  } finally {
    progress.end();
  }
  if (header === undefined || trailer === undefined)
    throw new CliError('the backup is not whole: control ended it early');
  const isSame = hash.digest().equals(trailer.sha256) && BigInt(bytes) === trailer.byteCount;
  if (!isSame) throw new CliError('the backup is damaged: it does not match its checksum');
  return { header, trailer };
}

function emitWritten(cli: Cli, file: string, { header, trailer }: Written): void {
  const { epoch = 0n, index = 0n } = header.position ?? {};
  const size = sizeOf(trailer.byteCount);
  cli.emit({
    data: {
      file,
      ...dataOf(header),
      byte_count: trailer.byteCount,
      sha256: trailer.sha256.toString('hex'),
    },
    text: () =>
      `${file}   ${size}, cluster ${header.clusterId} at ${epoch}/${index}\n` +
      `back with: miroirctl restore ${file} --data DIR, into an empty folder, with control stopped\n`,
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function listBackups(cli: Cli): Promise<ExitCode> {
  const { backups } = await cli.control().call(BackupServiceService.listBackups, {}, 'read');
  const nowMs = cli.io.wallMs();
  cli.emit(
    listView({
      name: 'backups',
      rows: backups,
      columns: [
        { header: 'FILE', text: ({ fileName }) => fileName },
        { header: 'SIZE', text: ({ byteCount }) => sizeOf(byteCount), isNumber: true },
        { header: 'MADE', text: ({ madeAt }) => agoOf(madeAt, nowMs) },
      ],
      data: (file) => dataOf(file),
      none: 'no backups: miroirctl jobs start backup',
    }),
  );
  return EXIT.ok;
}
