/**
 * Goal: chosen fields are kept, and only those, without touching a byte of what is kept.
 * Method: random documents and selectors against a dumb second implementation over parsed values.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ByteWriter } from '../../../../core/json/slice.ts';
import { distinctValues } from '../../../../core/ranking/distinct.ts';
import { Hit } from '../../../../core/ranking/hits.ts';
import { writeFields } from '../../../../core/ranking/write-hit.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('field selection');

type Json = null | number | string | boolean | Json[] | { [name: string]: Json };
const names = fc.constantFrom('a', 'b', 'ab', 'a.b', 'c', 'é', '');
const { value: documents } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, 1, 'x"y', true, [], {}),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  ),
}));
const objects = fc.dictionary(names, documents, { maxKeys: 6 });
const selectors = fc.array(fc.constantFrom('a', 'b', 'a.b', 'a.b.c', 'c.a', 'é.é', 'ab', ''), {
  maxLength: 4,
});

const within = (path: string, field: string) => path === field || path.startsWith(`${field}.`);

function dumbSelect(document: { [name: string]: Json }, wanted: readonly string[]): Json {
  const kept: { [name: string]: Json } = {};
  for (const [name, value] of Object.entries(document)) {
    if (wanted.some((one) => within(one, name))) kept[name] = dumbWalk(value, name, wanted);
  }
  return kept;
}

function dumbWalk(value: Json, path: string, wanted: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((item) => dumbWalk(item, path, wanted));
  if (typeof value !== 'object' || value === null) return value;
  const kept: { [name: string]: Json } = {};
  for (const [name, inner] of Object.entries(value)) {
    const next = path === '' ? name : `${path}.${name}`;
    if (wanted.some((one) => within(one, next) || within(next, one))) {
      kept[name] = dumbWalk(inner, next, wanted);
    }
  }
  return kept;
}

/** Of `_formatted` a name with dots selects what it leads to, and nothing beside it. */
function dumbStrict(document: { [name: string]: Json }, path: string, wanted: readonly string[]) {
  const kept: { [name: string]: Json } = {};
  for (const [name, value] of Object.entries(document)) {
    const next = path === '' ? name : `${path}.${name}`;
    if (wanted.some((one) => within(next, one))) kept[name] = value;
    else if (wanted.some((one) => within(one, next))) {
      const inner = dumbInside(value, next, wanted);
      if (inner !== undefined) kept[name] = inner;
    }
  }
  return kept;
}

function dumbInside(value: Json, path: string, wanted: readonly string[]): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return dumbStrict(value, path, wanted);
  return value.flatMap((item): Json[] => {
    const inner = dumbInside(item, path, wanted);
    const isEmpty = JSON.stringify(inner ?? {}) === '{}';
    return isEmpty ? [] : [inner as Json];
  });
}

// Names that are empty have paths of their own, which a strict selection does not go by.
const plainNames = fc.constantFrom('a', 'b', 'ab', 'c', 'é');
const { value: plain } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, 1, 'x"y', true, [], {}),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(plainNames, tie('value'), { maxKeys: 4 }),
  ),
}));

test('a strict selection keeps what its names lead to', () => {
  const objectsOf = fc.dictionary(plainNames, plain, { maxKeys: 6 });
  fc.assert(
    fc.property(objectsOf, selectors, (document, wanted) => {
      const writer = new ByteWriter(8);
      const bytes = Buffer.from(JSON.stringify(document));
      writeFields(writer, bytes, 0, { fields: wanted, keepsVectors: false, isStrict: true });
      const expected: unknown = JSON.parse(JSON.stringify(dumbStrict(document, '', wanted)));
      assert.equal(JSON.parse(writer.done().toString()), expected);
    }),
    { seed, numRuns: 1000 },
  );
});

test('the same fields as over parsed values', () => {
  fc.assert(
    fc.property(objects, selectors, (document, wanted) => {
      const writer = new ByteWriter(8);
      const bytes = Buffer.from(JSON.stringify({ ...document, _miroir_shard: 'x' }));
      writeFields(writer, bytes, 0, { fields: wanted, keepsVectors: false });
      assert.equal(JSON.parse(writer.done().toString()), dumbSelect(document, wanted));
    }),
    { seed, numRuns: 3000 },
  );
});

test('everything but internal fields stays byte for byte', () => {
  fc.assert(
    fc.property(objects, (document) => {
      const text = JSON.stringify(document);
      const writer = new ByteWriter(8);
      const comma = text === '{}' ? '' : ',';
      const stored = `${text.slice(0, -1)}${comma}"_miroir_shard":"⊐","_miroir_version":"⊑"}`;
      writeFields(writer, Buffer.from(stored), 0, { fields: undefined, keepsVectors: false });
      assert.is(writer.done().toString(), text);
    }),
    { seed, numRuns: 1000 },
  );
});

test('distinct values are found where the engine files them', () => {
  const valuesOf = (text: string, field: string) => {
    const bytes = Buffer.from(text);
    return distinctValues(new Hit(bytes, 0, 0, bytes.length), field);
  };
  assert.equal(valuesOf('{"a":"Été"}', 'a'), [`s${'été'.normalize('NFKD')}`]);
  assert.equal(valuesOf('{"a":[1,"x",true,null,[2]]}', 'a'), ['n1', 'sx', 'strue', 'n2']);
  assert.equal(valuesOf('{"a":{"b":5},"a.b":6}', 'a.b'), ['n5', 'n6']);
  assert.equal(valuesOf('{"a":[{"b":1},{"b":[2,3]}]}', 'a.b'), ['n1', 'n2', 'n3']);
  assert.equal(valuesOf('{"a":""}', 'a'), []);
  assert.equal(valuesOf('{"a":" "}', 'a'), ['s']);
  assert.equal(valuesOf('{"a":{"b":1}}', 'a'), []);
  assert.equal(valuesOf('{"a":-0.0}', 'a'), ['n-0']);
});

run();
