/**
 * The look at a suspect environment (examine.ts), which it only reads: every value has its checksum, the log
 * is one chain from its base to its end, and the state holds what the log's last entries say of each key. The
 * last finds pages that are whole but old, which no checksum does.
 */
import { openValue } from './codec.ts';
import { type Environment, endOf, openEnvironment } from './environment.ts';
import { readEntry } from './log.ts';
import { decodeEntry, followsChain, readHead } from './log-entry.ts';
import { type Meta, parseMeta, readRawMeta, SCHEMA_VERSION } from './meta.ts';

/** Bytes of the log, from its end, that are held against the state. */
const COMPARED_BYTES = 8 * 1024 * 1024;

const [folder = '', ...skimmed] = process.argv.slice(2);
const environment = openEnvironment(folder, { isReadOnly: true });
try {
  readState(environment);
  const raw = readRawMeta(environment);
  // What another version wrote is for that version to judge, or for the migrations.
  if (raw?.schema === SCHEMA_VERSION) {
    const meta = parseMeta(raw);
    checkChain(environment, meta);
    checkState(environment, meta);
  }
  await environment.root.close();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}

function readState({ state }: Environment): void {
  let start = '';
  for (const prefix of skimmed.toSorted()) {
    checkValues(state, start, prefix);
    start = endOf(prefix);
    // Counting goes from page to page without a word of JavaScript for each key.
    state.getCount({ start: prefix, end: start });
  }
  checkValues(state, start, undefined);
}

function checkValues(state: Environment['state'], start: string, end: string | undefined): void {
  const from = start === '' ? {} : { start };
  for (const { key, value } of state.getRange(end === undefined ? from : { ...from, end })) {
    openValue(key, value);
  }
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
