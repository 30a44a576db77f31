/**
 * Goal: a filter's fields are found however they are written, and nothing else is taken for one; a
 * pinned primary key is recognised only where the engine would match no other key.
 * Method: filters of the documentation and hostile ones, with the fields and keys they mean.
 */
import * as assert from 'uvu/assert';
import {
  composeFilter,
  filterNamesReserved,
  inFilter,
  namesReserved,
  notEqualFields,
  parseFilter,
  primaryKeysOf,
  rewriteNotEqual,
} from '../../../../core/filter/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('filter');

test('the grammar is read', () => {
  for (const filter of [
    'a = 1',
    'a=1 AND b!=2 OR NOT c >= 3',
    'size 1000 TO 9000',
    'name STARTS WITH "lib" AND name NOT STARTS WITH lib',
    'a CONTAINS b AND a NOT CONTAINS "c d"',
    'a IN [1, "two", \'three\',] OR a NOT IN[x]',
    'a EXISTS AND b NOT EXISTS AND c IS NULL AND d IS NOT EMPTY',
    '(a = 1 OR (b = 2)) AND NOT (NOT c = 3)',
    '_geoRadius(48.85, 2.35, 1000) AND _geoBoundingBox([60,20],[35,-12])',
    '_geoPolygon([1,2],[3,4],[5,6])',
    '_vectors."my embedder".userProvided EXISTS',
    "été = 'l\\'été'",
    ['a = 1', ['b = 2', 'c = 3']],
  ]) {
    assert.ok(parseFilter(filter), JSON.stringify(filter));
  }
});

test('what is no filter is not read', () => {
  for (const filter of [
    '',
    'a',
    'a =',
    '= 1',
    '(a = 1',
    'a = "1',
    'a ~ 1',
    5,
    null,
    [],
    [[]],
    {},
  ]) {
    assert.is(parseFilter(filter), undefined, JSON.stringify(filter));
  }
});

test('deep and long filters end', () => {
  const deep = `${'('.repeat(100_000)}a = 1${')'.repeat(100_000)}`;
  assert.is(parseFilter(deep), undefined);
  assert.is(parseFilter(`${'NOT '.repeat(100_000)}a = 1`), undefined);
  const long = parseFilter(Array.from({ length: 10_000 }, (_, at) => `a = ${at}`).join(' OR '));
  assert.is(long?.kind === 'or' && long.parts.length, 10_000);
});

test('internal fields are found where they are named', () => {
  for (const filter of [
    '_miroir_shard = 1',
    '"_miroir_shard" = 1',
    "a = 1 OR NOT ('_miroir_version' EXISTS)",
    ['a = 1', ['b = 2', '_miroir_shard IN [a]']],
    '"\\u{5f}miroir_shard" = a',
    '"\\x5fmiroir_shard" = a',
    '"\\137miroir_shard" = a',
    '_miroir_shard 1 TO 2',
    '_foreign(x, _miroir_shard = 1)',
    '_miroir_shard = ',
  ]) {
    assert.ok(filterNamesReserved(filter), JSON.stringify(filter));
  }
});

test('text that only looks like an internal field is let through', () => {
  for (const filter of [
    'a = "_miroir_shard"',
    'a IN ["_miroir_", b]',
    'x_miroir_ = 1',
    undefined,
  ]) {
    assert.is(filterNamesReserved(filter), undefined, JSON.stringify(filter));
  }
  assert.is(namesReserved({ q: '_miroir_shard', filter: 'a = "_miroir_x"' }), undefined);
});

test('every list of a request is looked at', () => {
  const cases: [string, unknown][] = [
    ['sort', ['a:asc', '_miroir_version:desc']],
    ['facets', ['_miroir_shard']],
    ['fields', ['_miroir_version']],
    ['attributesToRetrieve', ['_miroir_version']],
    ['attributesToSearchOn', ['_miroir_shard']],
    ['attributesToHighlight', ['_miroir_shard']],
    ['attributesToCrop', ['_miroir_shard:3']],
    ['distinct', '_miroir_shard'],
    ['facetName', '_miroir_shard'],
    ['filter', '_miroir_shard = a'],
  ];
  for (const [parameter, value] of cases) {
    assert.is(namesReserved({ [parameter]: value })?.parameter, parameter);
  }
});

test('a pinned primary key names the shards to ask', () => {
  assert.equal(primaryKeysOf('id = 5', 'id'), ['5']);
  assert.equal(primaryKeysOf('id IN [5, "-7", 2024-01-02]', 'id'), ['5', '-7', '2024-01-02']);
  assert.equal(primaryKeysOf(['a = 1', 'id = 5'], 'id'), ['5']);
  assert.equal(primaryKeysOf('id = 1 OR id = 2 AND b = 3', 'id'), ['1', '2']);
  assert.equal(primaryKeysOf('id = 1 AND id IN [1, 2, 3]', 'id'), ['1']);
  assert.equal(primaryKeysOf('id = "５"', 'id'), ['5']);
});

test('a key that could match other documents pins nothing', () => {
  for (const filter of [
    'id = abc',
    'id = 05',
    'id = 1.0',
    'id = 9007199254740993',
    'id != 5',
    'NOT id = 5',
    'id = 5 OR a = 1',
    'id > 5',
    'id = 5 OR id = abc',
    'other = 5',
    undefined,
  ]) {
    assert.is(primaryKeysOf(filter, 'id'), undefined, JSON.stringify(filter));
  }
});

test('filters are composed as items of an array', () => {
  const ours = inFilter('a "b"\\', ['x', '"']);
  assert.is(ours, '"a \\"b\\"\\\\" IN ["x", "\\""]');
  assert.equal(composeFilter(undefined, ours), [ours]);
  assert.equal(composeFilter('a = 1 OR b = 2', ours), ['a = 1 OR b = 2', ours]);
  assert.equal(composeFilter([['a = 1', 'b = 2']], ours), [['a = 1', 'b = 2'], ours]);
});

test('an inequality is written so that a node that never saw the field agrees', () => {
  const known = new Set(['a', 'b c']);
  const cases = [
    ['a != 1', ' NOT a = 1'],
    ['x=1 AND(a!=1)', 'x=1 AND( NOT a=1)'],
    ['NOT "b c"!= 1 OR x != 2', 'NOT  NOT "b c"= 1 OR x != 2'],
    ['x = "a != 1"', 'x = "a != 1"'],
    ["a != 'a != 1'", " NOT a = 'a != 1'"],
    ['a != 1 a', 'a != 1 a'],
  ] as const;
  for (const [filter, rewritten] of cases) {
    assert.is(rewriteNotEqual(filter, known), rewritten);
    assert.equal(rewriteNotEqual([filter, [filter]], known), [rewritten, [rewritten]]);
  }
  assert.equal(rewriteNotEqual(['a != 1', 5, null], known), [' NOT a = 1', 5, null]);
  assert.equal(notEqualFields(['a != 1 OR a != 2', ['"b c" != 1', 'x = "y != 1"']]), ['a', 'b c']);
  assert.equal(notEqualFields({ a: 1 }), []);
});

run();
