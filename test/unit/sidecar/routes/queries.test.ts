/**
 * Goal: what is understood of queries and small bodies is what a node understands, and nothing more.
 * Method: forms that a real node takes and forms that it refuses (these must be left to a node).
 */
import * as assert from 'uvu/assert';
import type { MiroirError } from '../../../../core/errors.ts';
import { parseJson } from '../../../../sidecar/routes/body.ts';
import { parseJsonBody } from '../../../../sidecar/routes/json-body.ts';
import { searchBodyOfQuery } from '../../../../sidecar/routes/search-query.ts';
import {
  checkArray,
  checkObject,
  optionalString,
  uidField,
} from '../../../../sidecar/routes/shape.ts';
import { addIndexStats, humanSize } from '../../../../sidecar/routes/stats-sum.ts';
import { parseTaskQuery } from '../../../../sidecar/routes/task-query.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('queries and small bodies');

test('task filters a node takes', () => {
  const filter = (text: string) => parseTaskQuery(text)?.filter;
  assert.is(filter('')?.limit, 20);
  assert.equal(filter('uids=0,')?.uids, [0n]);
  assert.equal(filter('uids=1,2&from=%2B3&reverse=true')?.from, 3n);
  assert.equal(filter('types=INDEXCREATION,dsrClear')?.types, ['indexCreation', 'dsrClear']);
  assert.equal(filter('statuses=Succeeded')?.statuses, ['succeeded']);
  assert.equal(filter('indexUids=*,m')?.indexUids, []);
  assert.is(filter('afterEnqueuedAt=2026-11-23')?.afterEnqueuedAt, '2026-11-24T00:00:00.000Z');
  assert.is(filter('beforeEnqueuedAt=2026-11-23')?.beforeEnqueuedAt, '2026-11-23T00:00:00.000Z');
  assert.is(
    filter('afterStartedAt=2026-11-23T19:37:33%2B02:00')?.afterStartedAt,
    '2026-11-23T19:37:33+02:00',
  );
  assert.is(filter('limit=1&limit=2')?.limit, 2);
});

test('a number that no float can hold is refused as a node does', () => {
  for (const text of ['{"a":1e400}', '[-1E+0999]', `{"a":${'9'.repeat(400)}}`]) {
    assert.throws(() => parseJsonBody(Buffer.from(text)), /number out of range at line 1 column/);
  }
  for (const text of ['{"a":1e300}', '{"a":1e-400}', '{"a":"1e400"}']) {
    assert.equal(parseJsonBody(Buffer.from(text)), JSON.parse(text), text);
  }
});

test('half of a surrogate pair is refused as a node does, a whole one is a letter', () => {
  for (const text of ['{"a":"\\ud83d"}', '["\\uD83D\\u0041"]', '"\\udc00"']) {
    assert.throws(() => parseJsonBody(Buffer.from(text)), /at line 1 column/, text);
  }
  const pair = '{"a":"\\ud83d\\ude00"}';
  assert.equal(parseJsonBody(Buffer.from(pair)), JSON.parse(pair));
});

test('a list that names nothing matches nothing, a star matches all', () => {
  assert.is(parseTaskQuery('uids=')?.matchesNothing, true);
  assert.is(parseTaskQuery('uids=*')?.matchesNothing, false);
});

test('task filters that are left to a node', () => {
  for (const text of [
    'uids=0,%201',
    'uids=a',
    'types=x',
    'statuses=*,x',
    'reverse=TRUE',
    'limit=99999999999',
    'limit=-1',
    'limit=',
    'nothing=1',
    'indexUids=a%20b',
    'afterEnqueuedAt=2026-11-24T00:00:00',
    'afterEnqueuedAt=2026-02-30',
    'beforeEnqueuedAt=2026-11-23T19:37:33%2B02',
  ]) {
    assert.is(parseTaskQuery(text), undefined, text);
  }
});

test('the GET form of a search is its POST form', () => {
  assert.equal(
    searchBodyOfQuery('q=a+b&limit=5&attributesToRetrieve=id,title&filter=x%20%3D%201'),
    {
      q: 'a b',
      limit: 5,
      attributesToRetrieve: ['id', 'title'],
      filter: 'x = 1',
    },
  );
  assert.equal(searchBodyOfQuery('filter=["a = 1",["b = 2"]]'), { filter: ['a = 1', ['b = 2']] });
  assert.equal(searchBodyOfQuery('sort=_geoPoint(1.5, 2):asc,price:desc'), {
    sort: ['_geoPoint(1.5,2):asc', 'price:desc'],
  });
  assert.equal(searchBodyOfQuery('vector=1,-0.5,1e-3&hybridEmbedder=e&hybridSemanticRatio=0.2'), {
    vector: [1, -0.5, 0.001],
    hybrid: { embedder: 'e', semanticRatio: 0.2 },
  });
  for (const text of [
    'limit=-1',
    'x=1',
    'vector=1,2',
    'hybridSemanticRatio=1',
    'retrieveVectors=1',
  ]) {
    assert.is(searchBodyOfQuery(text), undefined, text);
  }
});

test("bodies are checked in a node's words", () => {
  const said = (check: () => void): string => {
    try {
      check();
    } catch (error) {
      const { code, message } = error as MiroirError;
      return `${code}: ${message}`;
    }
    return 'fine';
  };
  const fields = {
    uid: uidField('invalid_index_uid'),
    primaryKey: optionalString('invalid_index_primary_key'),
  };
  const object = (value: unknown) => said(() => checkObject(value, '', fields));
  assert.is(object({ uid: 'a' }), 'fine');
  assert.is(
    object([]),
    'bad_request: Invalid value type: expected an object, but found an array: `[]`',
  );
  assert.is(object(null), 'bad_request: Invalid value type: expected an object, but found null');
  assert.is(
    object({ uid: -1 }),
    'invalid_index_uid: Invalid value type at `.uid`: expected a string, but found a negative integer: `-1`',
  );
  assert.is(
    object({ primaryKey: { a: 1 } }),
    'invalid_index_primary_key: Invalid value type at `.primaryKey`: expected a string, but found an object: `{"a":1}`',
  );
  assert.is(
    object({ x: 1, uid: 'a b' }),
    'bad_request: Unknown field `x`: expected one of `uid`, `primaryKey`',
  );
  assert.match(
    object({ uid: 'a b', x: 1 }),
    'invalid_index_uid: Invalid value at `.uid`: `a b` is',
  );
  assert.is(object(JSON.parse('{"__proto__":1}')).startsWith('bad_request: Unknown field'), true);
  assert.is(
    said(() => checkArray(1.5, '[0].indexes', 'invalid_swap_indexes')),
    'invalid_swap_indexes: Invalid value type at `[0].indexes`: expected an array, but found a number: `1.5`',
  );
});

test('a body nested deeper than a node follows is not parsed', () => {
  const nested = (depth: number) => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
  assert.is(parseJson(nested(127)).kind, 'value');
  assert.is(parseJson(nested(128)).kind, 'malformed');
  assert.is(parseJson(nested(1_000_000)).kind, 'malformed');
  assert.is(parseJson(Buffer.from('{"a":"[[[["}')).kind, 'value');
  assert.is(parseJson(Buffer.from('')).kind, 'empty');
  const twice = parseJson(Buffer.from('{"a":1,"a":2}'));
  assert.equal(twice.kind === 'value' && twice.value, { a: 2 });
});

test('figures of an index are added up once per document', () => {
  const part = {
    numberOfDocuments: 10,
    rawDocumentDbSize: 100,
    avgDocumentSize: 8,
    isIndexing: false,
    fieldDistribution: { title: 10, _miroir_shard: 10, id: 10 },
  };
  const other = { ...part, numberOfDocuments: 30, avgDocumentSize: 4, isIndexing: true };
  const sum = addIndexStats(
    [part, other],
    [part, other].map((one) => ({ part: one, share: 1 / 2 })),
  );
  assert.is(sum.numberOfDocuments, 20);
  assert.is(sum.avgDocumentSize, 5);
  assert.is(sum.isIndexing, true);
  assert.equal(sum.fieldDistribution, { id: 10, title: 10 });
  assert.equal(Object.keys(sum.fieldDistribution), ['id', 'title']);
});

test('sizes for people', () => {
  assert.is(humanSize(0), '0 B');
  assert.is(humanSize(94_208), '92 KiB');
  assert.is(humanSize(1_258_291), '1.2 MiB');
});

run();
