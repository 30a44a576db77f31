/**
 * Goal: documents read from a node's answer: equal ones have equal content whatever the order of their
 * fields, different ones have not, and what is written to another node is the document itself.
 * Method: random documents printed by JSON.stringify with their fields shuffled, compared with a dumb way:
 * parse and sort.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  firstVersionOf,
  storedId,
  storedVersion,
  writeContent,
  writeStored,
} from '../../../../core/documents/index.ts';
import { ByteWriter } from '../../../../core/json/slice.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('stored documents');

const document = fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 3 }), {
  maxKeys: 8,
});

function content(text: string): string {
  const writer = new ByteWriter();
  writeContent(Buffer.from(text), 0, writer);
  return writer.done().toString();
}

function stored(text: string): string {
  const writer = new ByteWriter();
  const bytes = Buffer.from(text);
  writeStored(bytes, { start: 0, end: bytes.length }, writer);
  return writer.done().toString();
}

/** The same value with the members of every object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, member]) => [name, turned(member)]));
}

test('order of fields does not matter, at any depth', () => {
  fc.assert(
    fc.property(document, (value) => {
      assert.is(content(JSON.stringify(value)), content(JSON.stringify(turned(value))));
      assert.equal(JSON.parse(content(JSON.stringify(value))), JSON.parse(JSON.stringify(value)));
    }),
    { seed, numRuns: 500 },
  );
});

test('different documents have different contents', () => {
  fc.assert(
    fc.property(document, document, (left, right) => {
      const [a, b] = [left, right].map((value) => JSON.stringify(sorted(value)));
      assert.is(content(JSON.stringify(left)) === content(JSON.stringify(right)), a === b);
    }),
    { seed, numRuns: 500 },
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([name, member]) => ({ name, member: sorted(member) }));
}

test('numbers are told apart by their text, vectors a node computed are not', () => {
  assert.is.not(content('{"n":9007199254740993}'), content('{"n":9007199254740992}'));
  const vectors = (numbers: string, regenerate: boolean): string =>
    content(`{"id":1,"_vectors":{"a":{"embeddings":[${numbers}],"regenerate":${regenerate}}}}`);
  assert.is(vectors('1.0', true), vectors('1.1', true));
  assert.is.not(vectors('1.0', false), vectors('1.1', false));
  assert.is(content('{"id":1,"_vectors":{}}'), content('{"id":1}'));
});

test('an empty _vectors is left out of what is written, wherever it stands', () => {
  assert.is(stored('{"id":1,"_vectors":{}}'), '{"id":1}');
  assert.is(stored('{"_vectors":{ },"id":1}'), '{"id":1}');
  assert.is(stored('{"id":1, "_vectors":{} ,"x":2}'), '{"id":1, "x":2}');
  assert.is(stored('{"_vectors":{}}'), '{}');
  assert.is(stored('{"id":1,"_vectors":{"a":[1]}}'), '{"id":1,"_vectors":{"a":[1]}}');
});

test('identifiers and versions are read as they were written', () => {
  const id = (text: string, primaryKey: string): string =>
    storedId(Buffer.from(text), 0, primaryKey);
  assert.is(id('{"x":1,"id":18446744073709551615}', 'id'), '18446744073709551615');
  assert.is(id('{"a":{"b":"q"}}', 'a.b'), 'q');
  assert.is(id('{"a":{"c":1},"a.b":"q"}', 'a.b'), 'q');
  assert.throws(() => id('{"x":1}', 'id'));
  fc.assert(
    fc.property(fc.nat(2 ** 31), fc.nat(2 ** 24 - 1), (seq, position) => {
      const text = `{"id":1,"_miroir_version":"${encodeVersion({ seq, position })}"}`;
      const version = storedVersion(Buffer.from(text), 0);
      assert.is(version, firstVersionOf(seq) + BigInt(position));
    }),
    { seed },
  );
  assert.is(storedVersion(Buffer.from('{"id":1}'), 0), 0n);
});

run();
