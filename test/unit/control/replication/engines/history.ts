/**
 * Clients that swap records at the same time while faults happen, and what they saw, as a history for the
 * checker. Each swap writes a nonce that nobody else writes, so a register's value is a nonce.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../../../../control/replication/engine.ts';
import type { Rng } from '../../../../chaos/rng.ts';
import type { RegisterOperation } from '../../../../kit/cas-register.ts';
import { recordOf } from './contract.ts';

/** Several engines on one key. */
export interface Register {
  readonly key: string;
  readonly engines: readonly Engine[];
}

/** How clients behave. */
export interface HistoryOptions {
  readonly registers: readonly Register[];
  readonly rng: Rng;
  /** Operations of each client. */
  readonly operations: number;
}

/** A history with what came out of it. */
export interface RecordedHistory {
  readonly operations: readonly RegisterOperation[];
  readonly counts: Readonly<Record<'read' | 'failed' | 'ok' | 'conflict' | 'unknown', number>>;
}

const never = new AbortController().signal;

/** Lets one client work on each engine until all are done. */
export async function recordHistory(options: HistoryOptions): Promise<RecordedHistory> {
  const operations: RegisterOperation[] = [];
  const counts = { read: 0, failed: 0, ok: 0, conflict: 0, unknown: 0 };
  /** Version -> nonce. */
  const nonces = new Map<string, string>();
  let client = 0;
  const work = async (key: string, engine: Engine): Promise<void> => {
    client += 1;
    const name = `${key}c${client}`;
    let known: string | null = null;
    for (let at = 0; at < options.operations; at += 1) {
      const calledAt = performance.now();
      const note = (rest: Pick<RegisterOperation, 'input' | 'output'>): void => {
        operations.push({ key, ...rest, calledAt, returnedAt: performance.now() });
      };
      if (options.rng.isTrue(0.4)) {
        const read = await engine.read(never);
        counts[read.kind === 'failed' ? 'failed' : 'read'] += 1;
        if (read.kind !== 'failed') {
          known = read.kind === 'record' ? read.version : null;
          const value = read.kind === 'record' ? read.record.nonce : null;
          if (known !== null && value !== null) nonces.set(known, value);
          note({ input: { kind: 'read' }, output: { kind: 'value', value } });
        }
      } else {
        const nonce = `${name}.${at}`;
        const expected = known === null ? null : (nonces.get(known) ?? null);
        const end = await engine.cas(known, recordOf(nonce), never);
        counts[end.kind] += 1;
        const input = { kind: 'cas', expected, value: nonce } as const;
        if (end.kind === 'unknown') note({ input, output: undefined });
        else note({ input, output: { kind: end.kind === 'ok' ? 'done' : 'conflict' } });
        if (end.kind === 'ok') {
          known = end.version;
          nonces.set(end.version, nonce);
        }
      }
      await sleep(options.rng.between(0, 4));
    }
  };
  await Promise.all(
    options.registers.flatMap(({ key, engines }) => engines.map((engine) => work(key, engine))),
  );
  return { operations, counts };
}
