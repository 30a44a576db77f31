/**
 * The look at a suspect environment (examine.ts): every value has its checksum, the log is one chain from its
 * base to its end, and the state holds what the log's last entries say of each key, which finds pages that are
 * whole but old. Last, what is there is written once more: the list of free pages is used by writes alone.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openPlain, openValue } from './codec.ts';
import { DATA_NAME, type Environment, endOf, openEnvironment } from './environment.ts';
import { readEntry } from './log.ts';
import { decodeEntry, followsChain, readHead } from './log-entry.ts';
import { META_KEY, type Meta, parseMeta, readRawMeta, SCHEMA_VERSION } from './meta.ts';

/** Bytes of the log, from its end, that are held against the state. */
const COMPARED_BYTES = 8 * 1024 * 1024;
const UNUSED_BYTES_MAX = 16 * 4_096;

/** Looks at the environment in this folder. Throws at what is wrong, if it can still throw. */
export async function readThrough(folder: string, skimmed: readonly string[]): Promise<void> {
  const words = await readAll(folder, skimmed);
  if (words === undefined) return;
  const { root } = openEnvironment(folder);
  try {
    root.putSync(META_KEY, words);
  } finally {
    await root.close();
  }
}

/** The record of the environment as it lies there; undefined if there is none yet. */
async function readAll(folder: string, skimmed: readonly string[]): Promise<Buffer | undefined> {
  const environment = openEnvironment(folder, { isReadOnly: true });
  try {
    if (isUnused(environment, folder)) return undefined;
    const raw = readRawMeta(environment);
    const isCurrent = raw?.schema === SCHEMA_VERSION;
    readState(environment, { skimmed, open: isCurrent ? openValue : openPlain });
    // The log of another version is for that version to judge, or for the migrations.
    if (isCurrent) {
      const meta = parseMeta(raw);
      checkChain(environment, meta);
      checkState(environment, meta);
    }
    return environment.root.get(META_KEY);
  } finally {
    await environment.root.close();
  }
}

/** The first start ended before it had made the parts of the environment, which takes a few pages. */
function isUnused(environment: Partial<Environment>, folder: string): boolean {
  if (environment.state !== undefined && environment.log !== undefined) return false;
  if (statSync(join(folder, DATA_NAME)).size <= UNUSED_BYTES_MAX) return true;
  throw new Error('it holds neither a state nor a log');
}

interface Reading {
  readonly skimmed: readonly string[];
  readonly open: (key: string, sealed: Uint8Array) => unknown;
}

function readState({ state }: Environment, { skimmed, open }: Reading): void {
  const check = (limits: { readonly start?: string; readonly end?: string }) => {
    for (const { key, value } of state.getRange(limits)) open(key, value);
  };
  let start = '';
  for (const prefix of skimmed.toSorted()) {
    check(start === '' ? { end: prefix } : { start, end: prefix });
    start = endOf(prefix);
    // Counting goes from page to page without a word of JavaScript for each key.
    state.getCount({ start: prefix, end: start });
  }
  check(start === '' ? {} : { start });
}

function checkChain({ log }: Environment, meta: Meta): void {
  let previous = meta.base.chain;
  for (let index = meta.base.index + 1n; index <= meta.last.index; index += 1n) {
    const bytes = readEntry(log, index);
    if (!followsChain(previous, bytes)) throw new Error(`the log's chain breaks at ${index}`);
    previous = Uint8Array.from(readHead(bytes).chain);
  }
  if (Buffer.compare(previous, meta.last.chain) !== 0) {
    throw new Error('the log does not end as it should');
  }
}

function checkState({ state, log }: Environment, meta: Meta): void {
  const seen = new Set<string>();
  let bytesCount = 0;
  for (let index = meta.appliedIndex; index > meta.base.index; index -= 1n) {
    const bytes = readEntry(log, index);
    bytesCount += bytes.length;
    if (bytesCount > COMPARED_BYTES) return;
    const { changes } = decodeEntry(bytes);
    for (const { key, value } of changes.toReversed()) {
      if (seen.has(key)) continue;
      seen.add(key);
      const sealed = state.get(key);
      const isSame =
        sealed === undefined || value === undefined
          ? sealed === value
          : openValue(key, sealed).equals(value);
      if (!isSame) throw new Error(`the value of ${JSON.stringify(key)} is not the log's`);
    }
  }
}
