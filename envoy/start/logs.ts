/**
 * The parts' log files. They are opened for appending and handed to the parts as file descriptors, so
 * lines are kept even if the starter dies; a file that has grown too large is kept once as `.1`.
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

const FILE_MAX_BYTES = 64 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/** Opens a log for appending; to be closed by the caller. */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  trimLog(file);
  return openSync(file, 'a', 0o600);
}

/** Moves the content of a log above 64 MiB to `FILE.1`; lines written in between may be lost. */
export function trimLog(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= FILE_MAX_BYTES) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** Bytes of a log, 0 if there is none. */
export function logBytes(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last thing a part said from byte `from` on; of a JSON line its message. Empty if nothing. */
export function lastWords(file: string, from: number): string {
  const size = logBytes(file);
  const start = Math.max(from, size - TAIL_BYTES);
  if (size <= start) return '';
  const buffer = Buffer.alloc(size - start);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, buffer, 0, buffer.length, start);
  } finally {
    closeSync(descriptor);
  }
  const lines = buffer
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  // Of a crash of Node.js the line that names the error says most, else the last line does.
  const line = lines.findLast((text) => /^(\w*Error\b|error:)/.test(text)) ?? lines.at(-1) ?? '';
  return messageOf(line).slice(0, 400);
}

function messageOf(line: string): string {
  if (!line.startsWith('{')) return line.trim();
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return err?.message ?? msg ?? line;
  } catch {
    return line;
  }
}
