/**
 * The engine of a single replica: the record stands in its own store. Nobody else can write there, since the
 * data folder is held by one process at a time, so a compare-and-swap is one after the other in memory and a
 * write that is flushed. The version of a record is its nonce.
 */
import type { Engine, EngineCasOutcome, EngineReadOutcome, EngineRecord } from '../engine.ts';
import { decodeRecord, encodeRecord } from './record.ts';

/** Where the record is kept. */
export interface RecordPlace {
  /** Its bytes, or undefined if none were put. */
  get(): Uint8Array | undefined;
  /** Resolves when it is on disk; rejects if that is not sure. */
  put(bytes: Uint8Array): Promise<void>;
}

/** The driver. */
export class LocalEngine implements Engine {
  readonly #place: RecordPlace;
  readonly #hints = new Set<() => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(place: RecordPlace) {
    this.#place = place;
  }

  async read(_signal: AbortSignal): Promise<EngineReadOutcome> {
    // What is being put is not read before it is on disk.
    await this.#last;
    return this.#read();
  }

  cas(
    version: string | null,
    record: EngineRecord,
    _signal: AbortSignal,
  ): Promise<EngineCasOutcome> {
    const swapped = this.#last.then(() => this.#swap(version, record));
    this.#last = swapped;
    return swapped;
  }

  watch(onHint: () => void): () => void {
    this.#hints.add(onHint);
    return () => {
      this.#hints.delete(onHint);
    };
  }

  async close(): Promise<void> {
    this.#hints.clear();
    await this.#last;
  }

  #read(): EngineReadOutcome {
    const bytes = this.#place.get();
    if (bytes === undefined) return { kind: 'absent' };
    const record = decodeRecord(Buffer.from(bytes).toString());
    if (typeof record === 'string') return { kind: 'failed', reason: record };
    return { kind: 'record', version: record.nonce, record };
  }

  async #swap(version: string | null, record: EngineRecord): Promise<EngineCasOutcome> {
    try {
      const now = this.#read();
      if (now.kind === 'failed') return { kind: 'unknown', reason: now.reason };
      if ((now.kind === 'absent' ? null : now.version) !== version) return { kind: 'conflict' };
      await this.#place.put(Buffer.from(encodeRecord(record)));
    } catch (error) {
      return { kind: 'unknown', reason: (error as Error).message };
    }
    for (const onHint of [...this.#hints]) onHint();
    return { kind: 'ok', version: record.nonce };
  }
}
