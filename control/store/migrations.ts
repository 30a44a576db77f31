/**
 * Data of older versions, brought up to this one step by step: each step goes from one schema to the next
 * in a transaction of its own, so that a start that is killed halfway goes on with the next step.
 */
import { openPlain, sealPlain, sealValue } from './codec.ts';
import type { Environment } from './environment.ts';
import { UnusableStore } from './errors.ts';
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
  { from: 1, name: 'a log for other replicas; keys in checksums', run: toReplicatedLog },
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
      void environment.root.put(META_KEY, sealPlain(Buffer.from(JSON.stringify(record))));
    });
  }
}

/**
 * Schema 1 knew one replica: no name of the copy, no fence, and a log that nobody read. Its entries go, since
 * the chain before them is not known; checksums did not cover keys.
 */
function toReplicatedLog(environment: Environment, raw: object, freshId: () => string): object {
  const old = raw as { epoch: string; index: string; chain: string };
  const { state, log } = environment;
  for (const index of [...log.getKeys({})]) void log.remove(index);
  for (const key of [...state.getKeys({})]) {
    const value = openPlain(key, state.get(key) ?? Buffer.alloc(0));
    void state.put(key, sealValue(key, value));
  }
  const last = { epoch: old.epoch, index: old.index, chain: old.chain };
  const applied = old.index;
  return { storeId: freshId(), fence: old.epoch, last, base: last, applied, logBytes: 0 };
}
