/**
 * Goal: a log entry comes back as it was written, and its chain tells a changed or foreign entry.
 */
import * as assert from 'uvu/assert';
import { decodeEntry, encodeEntry, followsChain } from '../../../../control/store/log-entry.ts';
import { suite } from '../../../kit/suite.ts';

const entries = suite('log entry');
const changes = [
  { key: 'a/1', value: Buffer.from('first') },
  { key: 'ü', value: Buffer.alloc(0) },
  { key: 'gone', value: undefined },
];
const previous = new Uint8Array(16);

entries.test('reads back what was written', () => {
  const { bytes, chain } = encodeEntry(7n, previous, changes);
  const read = decodeEntry(bytes);
  assert.is(read.epoch, 7n);
  assert.equal(Buffer.from(read.chain), Buffer.from(chain));
  assert.equal(
    read.changes.map(({ key, value }) => [
      key,
      value === undefined ? undefined : Buffer.from(value).toString(),
    ]),
    [
      ['a/1', 'first'],
      ['ü', ''],
      ['gone', undefined],
    ],
  );
});

entries.test('the chain breaks with any changed byte and with another predecessor', () => {
  const { bytes } = encodeEntry(7n, previous, changes);
  assert.ok(followsChain(previous, bytes));
  for (const at of [0, 24, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.not.ok(followsChain(previous, changed), `byte ${at}`);
  }
  assert.not.ok(followsChain(new Uint8Array(16).fill(1), bytes));
});

entries.run();
