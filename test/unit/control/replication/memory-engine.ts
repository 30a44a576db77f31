/** An engine in memory for replicas of one process: one linearizable record, and clients that can be cut off. */
import type { Engine, EngineRecord } from '../../../../control/replication/engine.ts';

/** The record and its version. */
export class MemoryEngine {
  #version = 0;
  #record: EngineRecord | undefined;
  readonly #hints = new Set<() => void>();

  get record(): EngineRecord | undefined {
    return this.#record;
  }

  /** Another program, or a person, writes the record anew. */
  change(changes: Partial<EngineRecord>): void {
    if (this.#record === undefined) throw new Error('there is no record');
    this.#version += 1;
    this.#record = { ...this.#record, ...changes };
    for (const hint of this.#hints) hint();
  }

  /** A client of it. */
  client(): Engine & { isCut: boolean } {
    const client: Engine & { isCut: boolean } = {
      isCut: false,
      read: async () => {
        await pause();
        if (client.isCut) return { kind: 'failed', reason: 'cut off' };
        if (this.#record === undefined) return { kind: 'absent' };
        return { kind: 'record', version: String(this.#version), record: this.#record };
      },
      cas: async (version, record) => {
        await pause();
        if (client.isCut) return { kind: 'unknown', reason: 'cut off' };
        const current = this.#record === undefined ? null : String(this.#version);
        if (version !== current) return { kind: 'conflict' };
        this.#version += 1;
        this.#record = structuredClone(record);
        for (const hint of this.#hints) if (!client.isCut) hint();
        return { kind: 'ok', version: String(this.#version) };
      },
      watch: (onHint) => {
        this.#hints.add(onHint);
        return () => this.#hints.delete(onHint);
      },
      close: async () => {},
    };
    return client;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
