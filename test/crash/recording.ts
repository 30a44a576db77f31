/**
 * What a process wrote into the data file, in order, with its syncs, and what it said meanwhile. By strace where
 * there is one: the real calls. Else from copies of the file after each acknowledged write: the pages that
 * differ, in the order that LMDB has them (data, sync, meta), which the recordings by strace confirm.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildRoot } from '../kit/paths.ts';
import { parseTrace } from './strace.ts';
import type { Version } from './version.ts';

/** One thing that happened. */
export type RecordedEvent =
  /** `isSynced`: on disk when it returned (O_DSYNC). */
  | {
      readonly kind: 'write';
      readonly offset: number;
      readonly bytes: Buffer;
      readonly isSynced: boolean;
    }
  | { readonly kind: 'resize'; readonly size: number }
  | { readonly kind: 'sync' }
  /** The write that made this version was acknowledged. */
  | { readonly kind: 'version'; readonly version: Version };

/** How a recording is made. */
export interface RecordingOptions {
  /** For the data folder and the trace; must exist. */
  readonly folder: string;
  readonly seed: number;
  readonly writeCount: number;
}

const PAGE_BYTES = 4_096;
const META_PAGES = 2;

/** Records the writer under strace. */
export async function recordByStrace(options: RecordingOptions): Promise<RecordedEvent[]> {
  const trace = join(options.folder, 'trace');
  const calls = 'trace=openat,lseek,write,writev,pwrite64,pwritev,fdatasync,fsync,ftruncate,msync';
  const flags = ['-f', '-xx', '-s', '100000000', '-e', calls, '-o', trace];
  const child = spawn('strace', [...flags, process.execPath, ...writerArguments(options)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await ended(child);
  return parseTrace(readFileSync(trace, 'latin1'));
}

/** Records the writer by looking at its file after each of its lines. */
export async function recordByCopies(options: RecordingOptions): Promise<RecordedEvent[]> {
  const child = spawn(process.execPath, [...writerArguments(options), 'paced'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const end = ended(child);
  const file = join(options.folder, 'data', 'data.mdb');
  const events: RecordedEvent[] = [];
  let before = Buffer.alloc(0);
  for await (const line of createInterface(child.stdout)) {
    const after = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    events.push(...differences(before, after));
    events.push({ kind: 'version', version: JSON.parse(line) as Version });
    before = after;
    child.stdin.write('\n');
  }
  await end;
  return events;
}

function writerArguments({ folder, seed, writeCount }: RecordingOptions): string[] {
  const program = join(buildRoot, 'test', 'crash', 'writer', 'main.js');
  return [program, join(folder, 'data'), String(seed), String(writeCount)];
}

function ended(child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the recorded process ended with ${code}`));
    });
  });
}

function differences(before: Buffer, after: Buffer): RecordedEvent[] {
  const data: RecordedEvent[] = [];
  const meta: RecordedEvent[] = [];
  for (let offset = 0; offset < after.length; offset += PAGE_BYTES) {
    const bytes = after.subarray(offset, offset + PAGE_BYTES);
    if (bytes.equals(before.subarray(offset, offset + PAGE_BYTES))) continue;
    const isSynced = offset < META_PAGES * PAGE_BYTES;
    (isSynced ? meta : data).push({ kind: 'write', offset, bytes, isSynced });
  }
  return [...data, { kind: 'sync' }, ...meta];
}
