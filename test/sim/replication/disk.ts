/**
 * Disk of a control replica: a write is on it whole or not at all, a crash leaves the write under way in
 * either of these states, and the disk may be wiped, or put back to what it was.
 */
import type {
  Entry,
  LogPoint,
  LogView,
  WriteEffect,
} from '../../../control/replication/core/index.ts';
import { chainOf, FIRST_POINT, type Payloads } from './payload.ts';

interface Content {
  fence: number;
  base: LogPoint;
  entries: Entry[];
  appliedIndex: number;
  clusterId: string;
  /** Requests that were applied, in order. */
  requests: string[];
}

/** A rule of the disk that a write broke. */
export type DiskFault = 'applied entry taken away' | 'gap in the log' | 'chain broken';

/** The disk. */
export class ModelDisk implements LogView {
  storeId: string;
  content: Content;
  /** What is on it is older than what it once acknowledged. */
  isRolledBack = false;
  readonly #payloads: Payloads;
  readonly #logKept: number;
  #kept: Content | undefined;

  constructor(storeId: string, options: { readonly payloads: Payloads; readonly logKept: number }) {
    this.storeId = storeId;
    this.#payloads = options.payloads;
    this.#logKept = options.logKept;
    this.content = emptyContent();
  }

  get last(): LogPoint {
    return this.content.entries.at(-1) ?? this.content.base;
  }

  pointAt(index: number): LogPoint | undefined {
    const { base, entries } = this.content;
    return index === base.index ? base : entries[index - base.index - 1];
  }

  entriesFrom(index: number, maxBytes: number): readonly Entry[] | 'trimmed' {
    const { base, entries } = this.content;
    if (index <= base.index) return 'trimmed';
    const found: Entry[] = [];
    let bytes = 0;
    for (let at = index - base.index - 1; at < entries.length; at += 1) {
      const entry = entries[at] as Entry;
      if (found.length > 0 && bytes + entry.bytes.length > maxBytes) break;
      found.push(entry);
      bytes += entry.bytes.length;
    }
    return found;
  }

  /** Takes one write whole; says which rule it broke, if any. */
  write(write: WriteEffect): DiskFault | undefined {
    const { content } = this;
    const { truncateFrom } = write;
    if (truncateFrom !== undefined) {
      if (truncateFrom <= content.appliedIndex) return 'applied entry taken away';
      content.entries.length = Math.min(
        content.entries.length,
        truncateFrom - content.base.index - 1,
      );
    }
    for (const entry of write.entries) {
      const { last } = this;
      if (entry.index !== last.index + 1) return 'gap in the log';
      if (entry.chain !== chainOf(entry.epoch, last.chain, entry.bytes)) return 'chain broken';
      content.entries.push(entry);
    }
    content.fence = Math.max(content.fence, write.fence ?? 0);
    this.#apply(write.commitIndex);
    return undefined;
  }

  /** Everything is lost; the next environment is another one. */
  wipe(freshStoreId: string): void {
    this.storeId = freshStoreId;
    this.content = emptyContent();
    this.#kept = undefined;
    this.isRolledBack = false;
  }

  /** Becomes a copy of what another disk was, as another environment. */
  fill(content: Content, freshStoreId: string): void {
    this.wipe(freshStoreId);
    this.content = copyOf(content);
  }

  /** Remembers how it is now. */
  keep(): void {
    this.#kept = copyOf(this.content);
  }

  /** Is as it was when it was kept; false if that changes nothing. */
  rollBack(): boolean {
    if (this.#kept === undefined || this.#kept.appliedIndex >= this.content.appliedIndex)
      return false;
    this.content = copyOf(this.#kept);
    this.isRolledBack = true;
    return true;
  }

  /** As it is now, for a snapshot. */
  copy(): Content {
    return copyOf(this.content);
  }

  #apply(commitIndex: number): void {
    const { content } = this;
    while (content.appliedIndex < commitIndex) {
      const entry = content.entries[content.appliedIndex - content.base.index] as Entry;
      content.appliedIndex += 1;
      const payload = this.#payloads.read(entry.bytes);
      if (payload.kind === 'barrier') content.clusterId = payload.clusterId;
      else content.requests.push(payload.requestId);
    }
    const surplus = content.appliedIndex - content.base.index - this.#logKept;
    if (surplus <= 0) return;
    content.base = content.entries[surplus - 1] as Entry;
    content.entries.splice(0, surplus);
  }
}

function emptyContent(): Content {
  return { fence: 0, base: FIRST_POINT, entries: [], appliedIndex: 0, clusterId: '', requests: [] };
}

function copyOf(content: Content): Content {
  return { ...content, entries: [...content.entries], requests: [...content.requests] };
}
