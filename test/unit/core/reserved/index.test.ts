/**
 * Goal: internal fields are written so that nodes compare them as numbers and nothing else can be one.
 * Method: round trips, order of the encoded texts against the order of the numbers, spliced bytes.
 */
import * as assert from 'uvu/assert';
import { BrokenInvariant } from '../../../../core/assert.ts';
import {
  decodeExpiresAt,
  decodeShard,
  decodeVersion,
  EXPIRES_AT_FIELD,
  encodeExpiresAt,
  encodeShard,
  encodeVersion,
  isReservedName,
  patchTail,
  SEQ_LIMIT,
  TAIL_BYTES,
  tailTemplate,
} from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/reserved');

test('digits are U+2290 to U+229F, fixed in number', () => {
  assert.is(encodeShard(0), '⊐⊐⊐');
  assert.is(encodeShard(4095), '\u229f\u229f\u229f');
  assert.is(
    encodeVersion({ seq: 0x1a, position: 0xf0 }),
    `${'⊐'.repeat(8)}\u2291\u229a${'⊐'.repeat(4)}\u229f⊐`,
  );
  assert.is(encodeExpiresAt(0).length, 12);
});

test('what is encoded is read again', () => {
  for (const shard of [0, 1, 255, 256, 4095]) assert.is(decodeShard(encodeShard(shard)), shard);
  for (const version of [
    { seq: 0, position: 0 },
    { seq: SEQ_LIMIT - 1, position: 0xffffff },
    { seq: 123_456_789_012, position: 65_536 },
  ]) {
    assert.equal(decodeVersion(encodeVersion(version)), version);
  }
  assert.is(decodeExpiresAt(encodeExpiresAt(1_700_000_000_000)), 1_700_000_000_000);
});

test('anything else is no value', () => {
  for (const text of ['', '⊐⊐', '⊐⊐⊐⊐', '001', '⊐⊐\u22a0', '⊐⊐\u228f']) {
    assert.is(decodeShard(text), undefined, text);
  }
  assert.is(decodeVersion('⊐'.repeat(15)), undefined);
});

test('bytes of versions are in the order of the versions', () => {
  const versions = [0, 1, 9, 10, 15, 16, 255, 256, 4096, 2 ** 20, 2 ** 32, 2 ** 39].flatMap((seq) =>
    [0, 1, 15, 16, 0xffffff].map((position) => ({ seq, position })),
  );
  const bytes = versions.map((version) => Buffer.from(encodeVersion(version)));
  for (let i = 1; i < bytes.length; i += 1) {
    assert.is(Buffer.compare(bytes[i - 1] as Buffer, bytes[i] as Buffer), -1);
  }
});

test('numbers that do not fit are a broken invariant', () => {
  assert.throws(
    () => encodeShard(4096),
    (error: unknown) => error instanceof BrokenInvariant,
  );
  assert.throws(() => encodeShard(-1));
  assert.throws(() => tailTemplate(SEQ_LIMIT));
});

test('a document with its tail is a document with both fields last', () => {
  const target = Buffer.alloc(TAIL_BYTES + 9);
  Buffer.from('{"id":"a"').copy(target);
  target.set(tailTemplate(987_654_321), 9);
  patchTail(target, 9, 0xabc, 0x123456);
  assert.equal(JSON.parse(target.toString()), {
    id: 'a',
    _miroir_shard: encodeShard(0xabc),
    _miroir_version: encodeVersion({ seq: 987_654_321, position: 0x123456 }),
  });
});

test('names are reserved by their beginning', () => {
  assert.ok(isReservedName('_miroir_'));
  assert.ok(isReservedName('_miroir_anything'));
  assert.ok(isReservedName(EXPIRES_AT_FIELD));
  assert.not.ok(isReservedName('_miroir'));
  assert.not.ok(isReservedName('x_miroir_'));
});

run();
