/**
 * Data of older versions, brought up to this one step by step: each step goes from one schema to the next
 * in a transaction of its own, so that a start that is killed halfway goes on with the next step.
 */
import { assert } from '../../core/assert.ts';
import { openValue, sealValue } from './codec.ts';
import type { Environment } from './environment.ts';
import { UnusableStore } from './errors.ts';
import { readHead } from './log-entry.ts';
import { META_KEY, readRawMeta, SCHEMA_VERSION } from './meta.ts';

interface Migration {
  /** Schema it starts from; it ends at the next. */
  readonly from: number;
  /** In a few words, for the one who reads the list. */
  readonly name: string;
  /** Changes the data, within a transaction, and gives the new record of the environment. */
  run(environment: Environment, old: object, freshId: () => string): object;
}

const MIGRATIONS: readonly Migration[] = [
  { from: 1, name: 'a log that can be copied to other replicas', run: toReplicatedLog },
];

/** Brings the environment to the current schema. Does nothing to a new one. Throws UnusableStore. */
export function migrate(environment: Environment, freshId: () => string): void {
  for (;;) {
    const old = readRawMeta(environment);
    if (old === undefined || old.schema === SCHEMA_VERSION) return;
    const step = MIGRATIONS.find(({ from }) => from === old.schema);
    if (step === undefined) {
      throw new UnusableStore(`the data folder has a schema that never was (${old.schema})`);
    }
    environment.root.transactionSync(() => {
      const record = { ...step.run(environment, old, freshId), schema: step.from + 1 };
      void environment.root.put(META_KEY, sealValue(Buffer.from(JSON.stringify(record))));
    });
  }
}

/** Schema 1 knew one replica: no name of the copy, no fence, and not the chain before the kept entries. */
function toReplicatedLog(environment: Environment, raw: object, freshId: () => string): object {
  const old = raw as {
    epoch: string;
    index: string;
    chain: string;
    logStart: string;
    logBytes: number;
  };
  const last = { epoch: old.epoch, index: old.index, chain: old.chain };
  let base = { epoch: '0', index: '0', chain: '0'.repeat(32) };
  let { logBytes } = old;
  if (BigInt(old.logStart) > 1n) {
    // The oldest entry becomes the one before the first: its own chain is known.
    const key = Number(old.logStart);
    const sealed = environment.log.get(key);
    assert(sealed !== undefined, 'the entry at which the log starts is there');
    const bytes = openValue(`log ${key}`, sealed);
    const { epoch, chain } = readHead(bytes);
    base = {
      epoch: String(epoch),
      index: old.logStart,
      chain: Buffer.from(chain).toString('hex'),
    };
    logBytes -= bytes.length;
    void environment.log.remove(key);
  }
  return { storeId: freshId(), fence: old.epoch, last, base, applied: old.index, logBytes };
}
