/**
 * The process whose writes are recorded: a real store, first as a replica alone (commit), then as one of several
 * (entries that are applied later, and some that are thrown away again). After each write that was acknowledged
 * it says, as one line, what the store must hold from then on.
 *
 *   node writer/main.js FOLDER SEED WRITES [paced]     paced: waits for a line on stdin after each line
 */

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  type Change,
  decodeEntry,
  encodeEntry,
  readHead,
  Store,
} from '../../../control/store/index.ts';
import { Random } from '../../sim/random.ts';
import { hashOf, type Version } from '../version.ts';

const [folder = '', seed = '1', writes = '100', pace] = process.argv.slice(2);
const KEYS = 120;
const VALUE_BYTES_MAX = 6_000;

const random = new Random(Number(seed));
const lines = pace === 'paced' ? createInterface(process.stdin)[Symbol.asyncIterator]() : undefined;
const state = new Map<string, Buffer>();
const entries: Buffer[] = [];
let count = 0;

const store = new Store({
  folder,
  nowSeconds: 1,
  freshId: () => 'abcd',
  onPoisoned: (error) => {
    throw error;
  },
});
await say();
while (count < Number(writes)) {
  if (count < Number(writes) / 2) await commitAlone();
  else await writeAsReplica();
  count += 1;
  await say();
}
await store.close();
process.exit(0);

async function commitAlone(): Promise<void> {
  const changes = randomChanges();
  await store.commit(changes);
  take(changes);
}

async function writeAsReplica(): Promise<void> {
  const fence = store.epoch + BigInt(Math.floor(count / 40));
  const waiting = Number(store.position.index - store.appliedIndex);
  const dropped = random.chance(0.2) ? random.between(0, waiting) : 0;
  entries.splice(waiting - dropped, dropped);
  const from = store.position.index - BigInt(dropped) + 1n;
  let chain = store.placeAt(from - 1n)?.chain ?? new Uint8Array(16);
  const added: Buffer[] = [];
  for (let at = random.between(0, 3); at > 0; at -= 1) {
    const { bytes } = encodeEntry(fence, chain, randomChanges());
    ({ chain } = readHead(bytes));
    added.push(bytes);
  }
  entries.push(...added);
  const applied = random.between(0, entries.length);
  await store.write({
    fence,
    truncateFrom: from,
    entries: added,
    commitIndex: store.appliedIndex + BigInt(applied),
  });
  for (const bytes of entries.splice(0, applied)) take(decodeEntry(bytes).changes);
}

function randomChanges(): Change[] {
  return Array.from({ length: random.between(1, 8) }, () => {
    const key = `k/${random.below(KEYS)}`;
    if (random.chance(0.15)) return { key, value: undefined };
    const text = `${key} ${count} `.repeat(10);
    const length = random.chance(0.1) ? random.below(VALUE_BYTES_MAX) : random.below(300);
    return { key, value: Buffer.from(text.padEnd(length, `${count} `).slice(0, length)) };
  });
}

function take(changes: readonly Change[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) state.delete(key);
    else state.set(key, Buffer.from(value));
  }
}

async function say(): Promise<void> {
  const version: Version = {
    index: Number(store.position.index),
    applied: Number(store.appliedIndex),
    fence: Number(store.fence),
    chain: Buffer.from(store.chain).toString('hex'),
    state: hashOf([...state].map(([key, value]) => ({ key, value }))),
  };
  // At once, so that the recorded order of writes and words is the real one.
  writeSync(1, `${JSON.stringify(version)}\n`);
  await lines?.next();
}
