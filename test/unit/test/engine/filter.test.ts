/**
 * Goal: the filter grammar binds and complains as a node's does.
 * Method: documents of mixed types, filters with the identifiers a real node gives back.
 */
import * as assert from 'uvu/assert';
import { EngineError } from '../../../engine/errors.ts';
import { matchDocuments } from '../../../engine/filter/match.ts';
import { parseFilter } from '../../../engine/filter/parse.ts';
import { parseJson } from '../../../engine/parse-json.ts';
import { changeSettings } from '../../../engine/settings.ts';
import { IndexStore } from '../../../engine/store.ts';
import type { Json, JsonObject } from '../../../engine/value.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('engine: filter');

const index = new IndexStore('m', 'id', '2026-01-01T00:00:00Z');
index.settings = changeSettings(
  index.settings,
  new Map<string, Json>([['filterableAttributes', ['p', 'o', 'with space']]]),
);
const DOCUMENTS = `[
  {"id":"a","p":1},{"id":"b","p":"Ábc"},{"id":"c","p":[3,"x"]},{"id":"d","p":null},
  {"id":"e"},{"id":"f","p":""},{"id":"g","p":true},{"id":"h","o":{"k":7}},{"id":"i","p":10}
]`;
for (const fields of parseJson(Buffer.from(DOCUMENTS)) as JsonObject[]) {
  index.put(String(fields.get('id')), fields);
}

const CONTEXT = { code: 'invalid_search_filter', prefix: '', hasContains: true };

function ids(filter: Json): string {
  return matchDocuments(index, filter, CONTEXT)
    .map((document) => document.id)
    .join('');
}

test('operators', () => {
  for (const [filter, expected] of [
    ['p = 1', 'a'],
    ['p = "1.0"', 'a'],
    ['p = ábc', 'b'],
    ['p = TRUE', 'g'],
    ['p != 1', 'bcdefghi'],
    ['p > 2', 'bcgi'],
    ['p 1 TO 5', 'ac'],
    ['p IN [1, x]', 'ac'],
    ['p NOT IN [1, x]', 'bdefghi'],
    ['p EXISTS', 'abcdfgi'],
    ['p NOT EXISTS', 'eh'],
    ['p IS NULL', 'd'],
    ['p IS EMPTY', 'f'],
    ['p STARTS WITH a', 'b'],
    ['o.k = 7', 'h'],
    ['p CONTAINS x', 'c'],
  ] as const) {
    assert.is(ids(filter), expected, filter);
  }
});

test('NOT binds tighter than AND, AND tighter than OR', () => {
  assert.is(ids('p = 1 OR p = 10 AND p = x'), 'a');
  assert.is(ids('(p = 1 OR p = 10) AND NOT p = 10'), 'a');
  assert.is(ids('NOT p EXISTS OR p = 1'), 'aeh');
  assert.is(ids(['p EXISTS', ['p = 1', 'p = 10']]), 'ai');
  assert.is(ids([]), 'abcdefghi');
});

test('complaints', () => {
  for (const [filter, start, end] of [
    ['p =', 'Was expecting a value but instead got nothing.', '4:4 p ='],
    ['p', 'Was expecting an operation', '1:2 p'],
    ['AND p = 1', 'Was expecting a value but instead got `AND`', '1:4 AND p = 1'],
    ['p = 1 p = 2', 'Found unexpected characters at the end of the filter', '7:12 p = 1 p = 2'],
    ['(p = 1', 'Expression `(p = 1` is missing the following closing delimiter', '1:7 (p = 1'],
    ['p IN 1', 'Expected `[` after `IN` keyword.', '6:7 p IN 1'],
    ['z = 1', 'Attribute `z` is not filterable.', '1:2 z = 1'],
    ['_geo = 1', '`_geo` is a reserved keyword', '1:9 _geo = 1'],
  ] as const) {
    try {
      ids(filter);
      assert.unreachable(filter);
    } catch (error) {
      assert.instance(error, EngineError, filter);
      const { message } = error as EngineError;
      assert.ok(message.startsWith(start), message);
      assert.ok(message.endsWith(`\n${end}`), message);
    }
  }
});

test('depth is limited', () => {
  assert.throws(
    () => parseFilter(`${'('.repeat(60)}p = 1${')'.repeat(60)}`),
    /maximum depth limit/,
  );
});

run();
