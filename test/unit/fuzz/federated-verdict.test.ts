/**
 * Goal: a federated list in another order than the node's is only granted where it could have come from
 * the node's own rules, or is of a kind that is documented. Method: small hand-made lists of pairs of
 * query and document, for each rule one that must pass and neighbours of it that must not.
 */
import * as assert from 'uvu/assert';
import { areApartByGroups } from '../../fuzz/verdict/group-scores.ts';
import { withoutMarks } from '../../fuzz/verdict/marks.ts';
import { type Leave, type Pair, pairFaultOf } from '../../fuzz/verdict/pairs.ts';
import { type Weighed, weigh } from '../../fuzz/verdict/weighted-order.ts';
import { suite } from '../../kit/suite.ts';
import { parseTree } from '../../stories/lossless.ts';

const { test, run } = suite('verdicts on federations');

/** Pairs written as `query:document group own shared`; lists of values by commas, `-` for none. */
function pairs(...lines: string[]): Pair[] {
  const list = (text = '-') => (text === '-' ? [] : text.split(','));
  return lines.map((line) => {
    const [hit = '', group = '', own, shared] = line.split(' ');
    const [query = '', document = ''] = hit.split(':');
    const values = { own: list(own).map((value) => `${query} ${value}`), shared: list(shared) };
    return { hit, query: Number(query), document, group: Number(group), ...values };
  });
}

function fault(candidates: Pair[], hits: string, leave?: Leave, limit = 100): string {
  return pairFaultOf({ candidates, hits: hits.split(' '), limit }, leave) ?? '';
}

test('a document stands where the first query has it, and once', () => {
  const found = pairs('0:a 0', '0:b 0', '1:a 1', '1:c 1');
  assert.is(fault(found, '0:b 0:a 1:c'), '');
  assert.match(fault(found, '0:b 1:a 1:c'), 'missing');
  assert.match(fault(found, '0:a 0:b 1:a 1:c'), 'not among');
  assert.match(fault(found, '0:a 1:c 0:b'), 'ranks before');
  assert.match(fault(found, '0:a 0:b'), 'missing');
  assert.is(fault(found, '0:a 0:b', {}, 2), '');
});

test('what distinct leaves out of one query comes in by another', () => {
  const found = pairs('0:a 0 x', '0:b 0 x', '1:a 1', '1:b 1');
  assert.is(fault(found, '0:a 1:b'), '');
  assert.is(fault(found, '0:b 1:a'), '');
  assert.match(fault(found, '0:a'), 'missing');
  assert.match(fault(found, '0:a 0:b'), 'repeats');
  // nothing left b out
  const other = pairs('0:a 0 x', '0:b 0 y', '1:a 1', '1:b 1');
  assert.match(fault(other, '0:a 1:b'), 'missing');
});

test('a document that is listed by an earlier query takes its values in later ones', () => {
  const found = pairs('0:a 0', '1:a 1 x', '1:b 1 x', '1:c 1 y');
  assert.is(fault(found, '0:a 1:c'), '');
  assert.is(fault(found, '0:a 1:b 1:c'), '');
  assert.match(fault(found, '0:a 1:b'), 'missing');
});

test('values of the federation are listed once over all queries', () => {
  const found = pairs('0:a 0 x x', '1:b 1 x x', '1:c 2 y y');
  assert.is(fault(found, '0:a 1:c'), '');
  assert.match(fault(found, '0:a 1:b 1:c'), 'repeats');
  assert.match(fault(found, '0:a'), 'missing');
});

test('only of lists of values a document may be missing for one that is missing itself', () => {
  const found = pairs('0:a 0 x', '0:b 1 x,y', '0:c 2 y');
  assert.match(fault(found, '0:a'), 'missing');
  assert.is(fault(found, '0:a', { lists: true }), '');
  const single = pairs('0:a 0 x', '0:b 1 x', '0:c 2 y');
  assert.match(fault(single, '0:a', { lists: true }), 'missing');
});

test('marks are passed over where the query has words', () => {
  const hit = (mark: string) =>
    parseTree(`{"id":1,"_formatted":{"t":"${mark}"},"_federation":{"queriesPosition":0}}`);
  const [pair] = pairs('0:a 0');
  assert.ok(pair);
  const lists = { candidates: [{ ...pair, hit: hit('<em>x</em>') }], hits: [hit('x')], limit: 9 };
  assert.match(pairFaultOf(lists) ?? '', 'not among');
  assert.is(pairFaultOf(withoutMarks(lists)), undefined);
  assert.match(pairFaultOf(withoutMarks(lists, () => false)) ?? '', 'not among');
});

const weighed = (score: number, ...values: string[]): Weighed => {
  return { score, values: values.map(parseTree) };
};
const part = (score: number) => `{"weightedScore":${score}}`;
const sorted = (value: string, asc = true) => `{"sort":{"asc":${asc},"value":${value}}}`;

test('hits of two queries compare value by value, as a node compares them', () => {
  const order = (one: Weighed, other: Weighed) => Math.sign(weigh(one, other).order) + 0;
  assert.is(order(weighed(1, part(1), sorted('2')), weighed(1, part(1), sorted('1'))), 1);
  assert.is(order(weighed(1, sorted('2', false)), weighed(1, sorted('1', false))), -1);
  assert.is(order(weighed(1, sorted('9')), weighed(1, sorted('"1"'))), -1);
  assert.is(order(weighed(1, sorted('"z"')), weighed(1, sorted('null'))), -1);
  assert.is(order(weighed(1, part(0.5)), weighed(1, part(0.5))), 0);
  // of a score and a value neither is better: the longer goes first, else the better score
  assert.is(order(weighed(0.1, part(0.1), part(1)), weighed(1, sorted('1'))), -1);
  assert.is(order(weighed(0.1, part(0.1)), weighed(1, sorted('1'))), 1);
  const geo = (distance: number) => `{"geoSort":{"asc":true,"distance":${distance}}}`;
  assert.is(order(weighed(1, geo(5)), weighed(1, geo(4))), -1);
});

test('neighbours change places only by scores of parts of the rules', () => {
  const found = pairs('0:a 0', '1:b 1');
  const lists = { candidates: found, hits: ['1:b', '0:a'], limit: 9 };
  assert.is(pairFaultOf(lists, { queries: true }), undefined);
  const weights = (one: Weighed, other: Weighed) =>
    new Map([
      [0, one],
      [1, other],
    ]);
  const parts = (first: number, second: number, value = '1') =>
    weighed(1, part(first), sorted(value), part(second));
  assert.ok(areApartByGroups(lists, weights(parts(1, 0.9), parts(1, 0.8))));
  assert.not(areApartByGroups(lists, weights(parts(1, 0.9), parts(1, 0.8, '2'))), 'by a value');
  assert.not(
    areApartByGroups(lists, weights(weighed(1, part(0.9)), weighed(1, part(0.8)))),
    'scores of all rules are shown',
  );
  const own = pairs('0:a 0', '0:b 1');
  assert.match(fault(own, '0:b 0:a', { queries: true }), 'ranks before');
});

run();
