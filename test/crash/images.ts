/**
 * Files as a loss of power may leave them: everything up to the last sync, and of what was written after it
 * any part, in any order, torn at sectors; and files as bad disks leave them.
 */
import type { Random } from '../sim/random.ts';
import type { RecordedEvent } from './recording.ts';
import type { Version } from './version.ts';

const PAGE_BYTES = 4_096;
const SECTOR_BYTES = 512;

/** A file, and what it may hold. */
export interface CrashImage {
  readonly bytes: Buffer;
  /** Acknowledged before the cut: must be there; undefined if nothing was yet. */
  readonly acknowledged: Version | undefined;
  /** The write under way: may be there instead, whole. */
  readonly underWay: Version | undefined;
}

/** A loss of power before the event at `cut`. */
export function crashImage(
  events: readonly RecordedEvent[],
  cut: number,
  random: Random,
): CrashImage {
  const file = new FileBytes();
  let unsynced: { offset: number; bytes: Buffer }[] = [];
  let acknowledged: Version | undefined;
  const flush = (writes: typeof unsynced) => {
    for (const { offset, bytes } of writes) file.write(offset, bytes);
  };
  for (const event of events.slice(0, cut)) {
    switch (event.kind) {
      case 'write':
        if (event.isSynced) file.write(event.offset, event.bytes);
        else unsynced.push(...pagesOf(event));
        break;
      case 'sync':
        flush(unsynced);
        unsynced = [];
        break;
      case 'resize':
        file.resize(event.size);
        break;
      default:
        acknowledged = event.version;
    }
  }
  const next = events[cut];
  if (next?.kind === 'write') unsynced.push(...pagesOf(next));
  for (const write of random.some(unsynced, unsynced.length)) lose(file, write, random);
  const later = events.slice(cut).find((event) => event.kind === 'version');
  return {
    bytes: file.bytes(),
    acknowledged,
    underWay: later?.kind === 'version' ? later.version : undefined,
  };
}

/** Ways in which a disk spoils a file. */
export const DAMAGES = ['zeroed page', 'flipped bit', 'old page', 'truncated'] as const;

/** The file of an image, spoiled in one way. `old` is the same file at an earlier time. */
export function damaged(
  bytes: Buffer,
  old: Buffer,
  how: (typeof DAMAGES)[number],
  random: Random,
): Buffer {
  const spoiled = Buffer.from(bytes);
  const offset = random.below(Math.ceil(bytes.length / PAGE_BYTES)) * PAGE_BYTES;
  switch (how) {
    case 'zeroed page':
      spoiled.fill(0, offset, offset + PAGE_BYTES);
      return spoiled;
    case 'flipped bit': {
      const at = offset + random.below(Math.min(PAGE_BYTES, bytes.length - offset));
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << random.below(8));
      return spoiled;
    }
    case 'old page':
      spoiled.fill(0, offset, offset + PAGE_BYTES);
      spoiled.set(old.subarray(offset, offset + PAGE_BYTES), offset);
      return spoiled;
    default:
      return spoiled.subarray(0, random.below(bytes.length));
  }
}

/** Everything that was written, as if all of it had been synced. */
export function wholeFile(events: readonly RecordedEvent[]): Buffer {
  const file = new FileBytes();
  for (const event of events) {
    if (event.kind === 'write') file.write(event.offset, event.bytes);
    else if (event.kind === 'resize') file.resize(event.size);
  }
  return file.bytes();
}

/** A disk takes pages, not calls. */
function pagesOf(event: { readonly offset: number; readonly bytes: Buffer }) {
  const pages: { offset: number; bytes: Buffer }[] = [];
  for (let at = 0; at < event.bytes.length; ) {
    const offset = event.offset + at;
    const length = Math.min(PAGE_BYTES - (offset % PAGE_BYTES), event.bytes.length - at);
    pages.push({ offset, bytes: event.bytes.subarray(at, at + length) });
    at += length;
  }
  return pages;
}

function lose(file: FileBytes, write: { offset: number; bytes: Buffer }, random: Random): void {
  if (random.chance(0.4)) return;
  const isTorn = random.chance(0.4);
  for (let at = 0; at < write.bytes.length; at += SECTOR_BYTES) {
    if (isTorn && random.chance(0.5)) continue;
    file.write(write.offset + at, write.bytes.subarray(at, at + SECTOR_BYTES));
  }
}

/** A file that grows. */
class FileBytes {
  #bytes = Buffer.alloc(1024 * 1024);
  #length = 0;

  write(offset: number, bytes: Buffer): void {
    this.#reserve(offset + bytes.length);
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, offset + bytes.length);
  }

  resize(size: number): void {
    this.#reserve(size);
    if (size < this.#length) this.#bytes.fill(0, size, this.#length);
    this.#length = size;
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
