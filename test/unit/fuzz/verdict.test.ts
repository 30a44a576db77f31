/**
 * Goal: a class is only granted where the evidence supports it. Method: small hand-made lists, for each
 * rule one that must pass and neighbours of it that must not.
 */
import * as assert from 'uvu/assert';
import { compareReplies } from '../../fuzz/compare.ts';
import { isChurned, type Write } from '../../fuzz/history.ts';
import type { Reply } from '../../fuzz/server.ts';
import { type Candidate, faultOf } from '../../fuzz/verdict/arrangement.ts';
import { isSameButDotted } from '../../fuzz/verdict/dotted.ts';
import { explainFacet } from '../../fuzz/verdict/facets.ts';
import { valuesAt } from '../../fuzz/verdict/hits.ts';
import { compareDetails } from '../../fuzz/verdict/own-order.ts';
import { sortGroups } from '../../fuzz/verdict/sort-groups.ts';
import { windowOf } from '../../fuzz/verdict/sub-case.ts';
import { worst } from '../../fuzz/verdict/verdict.ts';
import { suite } from '../../kit/suite.ts';
import { parseTree } from '../../stories/lossless.ts';

const verdicts = suite('fuzz verdicts');

/** Candidates written as `name rank distinct`. */
function candidates(...lines: string[]): Candidate[] {
  return lines.map((line) => {
    const [hit = '', rank = '', distinct] = line.split(' ');
    return { hit, rank, distinct: distinct === undefined ? [] : distinct.split(',') };
  });
}

/** Documents as `[_geo, values of the sort]`, in JSON. */
function groupsOf(
  sort: string[],
  ...documents: readonly (readonly [string, ...string[]])[]
): string {
  const list = documents.map(([geo, ...values]) => ({
    hit: parseTree(`{"_geo":${geo}}`),
    values: values.map(parseTree),
  }));
  return sortGroups(list, sort).join(' ');
}

const plain = candidates('a 1', 'b 1', 'c 1', 'd 2', 'e 2');

verdicts.test('tied documents may change places, also over the end of the window', () => {
  assert.is(faultOf({ candidates: plain, hits: ['c', 'a', 'b', 'e'], limit: 4 }), undefined);
  assert.is(faultOf({ candidates: plain, hits: ['b', 'c'], limit: 2 }), undefined);
});

verdicts.test('a document before one that ranks better is a fault', () => {
  const fault = faultOf({ candidates: plain, hits: ['a', 'd', 'b'], limit: 3 });
  assert.match(fault ?? '', 'ranks before');
});

verdicts.test(
  'a better document left out, one too few, one twice, an unknown one are faults',
  () => {
    assert.match(faultOf({ candidates: plain, hits: ['a', 'b', 'd'], limit: 3 }) ?? '', 'missing');
    assert.match(
      faultOf({ candidates: plain, hits: ['a', 'b', 'c', 'd'], limit: 9 }) ?? '',
      'missing',
    );
    assert.ok(faultOf({ candidates: plain, hits: ['a', 'a', 'b'], limit: 3 }));
    assert.match(faultOf({ candidates: plain, hits: ['x'], limit: 1 }) ?? '', 'not among');
  },
);

verdicts.test(
  'under distinct any of the tied documents of a value may survive, but only one',
  () => {
    const list = candidates('a 1 x', 'b 1 x', 'c 1 y', 'd 2 y', 'e 2');
    assert.is(faultOf({ candidates: list, hits: ['b', 'c', 'e'], limit: 9 }), undefined);
    assert.is(faultOf({ candidates: list, hits: ['c', 'a', 'e'], limit: 9 }), undefined);
    assert.match(faultOf({ candidates: list, hits: ['a', 'b'], limit: 2 }) ?? '', 'distinct');
    assert.ok(faultOf({ candidates: list, hits: ['a', 'd', 'e'], limit: 9 }), 'd ranks behind c');
  },
);

verdicts.test('values of equal count may change places in count order only', () => {
  const facet = {
    name: 'f',
    before: [
      ['a', 3],
      ['b', 2],
      ['c', 2],
    ] as const,
    after: [
      ['a', 3],
      ['c', 2],
      ['d', 2],
    ] as const,
    all: [
      ['a', 3],
      ['b', 2],
      ['c', 2],
      ['d', 2],
    ] as const,
    isCountOrder: true,
  };
  assert.is(explainFacet(facet).class, 'ties');
  assert.is(explainFacet({ ...facet, isCountOrder: false }).class, 'difference');
  const untrue = [
    ['a', 3],
    ['c', 2],
    ['x', 2],
  ] as const;
  assert.is(explainFacet({ ...facet, after: untrue }).class, 'difference');
  const wrong = [
    ['c', 2],
    ['a', 3],
    ['b', 2],
  ] as const;
  assert.is(explainFacet({ ...facet, after: wrong }).class, 'difference');
});

verdicts.test('only dotted members and empty lists of what is formatted are passed over', () => {
  const same = (one: string, other: string) =>
    isSameButDotted([parseTree(one)], [parseTree(other)]);
  assert.ok(same('{"id":1,"_formatted":{"a.b":"x"}}', '{"id":1}'));
  assert.ok(
    same('{"id":1,"_formatted":{"id":"1","p":[[],[]]}}', '{"id":1,"_formatted":{"id":"1"}}'),
  );
  assert.not(same('{"id":1,"_formatted":{"id":"1"}}', '{"id":1}'));
  assert.not(same('{"id":1,"_formatted":{"p":[0]}}', '{"id":1}'));
  assert.not(same('{"id":1,"p":[]}', '{"id":1}'));
});

verdicts.test(
  'another spelling may come with another order, and in merged facets over the cut',
  () => {
    const facet = {
      name: 'f',
      before: [
        ['Team', 3],
        ['x', 3],
      ] as const,
      after: [
        ['x', 3],
        ['team', 3],
      ] as const,
      all: [
        ['Team', 3],
        ['x', 3],
        ['y', 1],
      ] as const,
      isCountOrder: true,
    };
    assert.is(explainFacet(facet).class, 'spelling');
    assert.is(explainFacet({ ...facet, isCountOrder: false }).class, 'difference');
    const twice = [
      ['team', 3],
      ['TEAM', 3],
    ] as const;
    assert.is(explainFacet({ ...facet, after: twice }).class, 'difference');
    const merged = {
      ...facet,
      isCountOrder: false,
      isMerged: true,
      before: [['Team', 3]] as const,
    };
    assert.is(explainFacet({ ...merged, after: [['x', 3]] as const }).class, 'spelling');
    assert.is(explainFacet({ ...merged, after: [['x', 2]] as const }).class, 'difference');
    assert.is(explainFacet({ ...merged, after: twice }).class, 'difference');
  },
);

verdicts.test('spelling needs equal counts and equal normalized values', () => {
  const facet = {
    name: 'f',
    before: [
      ['Team', 3],
      ['x', 1],
    ] as const,
    after: [
      ['team', 3],
      ['x', 1],
    ] as const,
    all: [
      ['Team', 3],
      ['x', 1],
    ] as const,
    isCountOrder: false,
  };
  assert.is(explainFacet(facet).class, 'spelling');
  const counted = [
    ['team', 2],
    ['x', 1],
  ] as const;
  assert.is(explainFacet({ ...facet, after: counted }).class, 'difference');
  const other = [
    ['tea', 3],
    ['x', 1],
  ] as const;
  assert.is(explainFacet({ ...facet, after: other }).class, 'difference');
});

verdicts.test('order follows the details rule by rule', () => {
  const details = (text: string) => parseTree(text);
  const two = details('{"words":{"order":0,"matchingWords":2},"n:asc":{"order":1,"value":5}}');
  const one = details('{"words":{"order":0,"matchingWords":1},"n:asc":{"order":1,"value":1}}');
  const text = details('{"words":{"order":0,"matchingWords":1},"n:asc":{"order":1,"value":"a"}}');
  const none = details('{"words":{"order":0,"matchingWords":1},"n:asc":{"order":1,"value":null}}');
  assert.ok(compareDetails(one, two) > 0);
  assert.ok(compareDetails(two, one) < 0);
  assert.ok(compareDetails(text, one) > 0, 'numbers come before texts');
  assert.ok(compareDetails(none, text) > 0, 'null comes last');
  assert.is(compareDetails(one, one), 0);
});

verdicts.test('values of a field are those the engine counts as facets', () => {
  const document = parseTree(
    '{"a":[{"b":[1,"X "]},{"b":1.0}],"a.b":"é","c":null,"d":-0.0,"e":true}',
  );
  assert.equal(valuesAt(document, ['a', 'b']), ['n1', 'sx', 'n1', 'se\u0301']);
  assert.equal(valuesAt(document, ['c']), []);
  assert.equal(valuesAt(document, ['d']), ['n-0']);
  assert.equal(valuesAt(document, ['e']), ['strue']);
});

verdicts.test('windows are those of the node', () => {
  assert.equal(windowOf({}, {}), { offset: 0, limit: 20, isPage: false });
  assert.equal(windowOf({ page: 3, hitsPerPage: 5 }, {}), { offset: 10, limit: 5, isPage: true });
  assert.equal(windowOf({ page: 0 }, {}), { offset: 0, limit: 0, isPage: true });
  const capped = { pagination: { maxTotalHits: 7 } };
  assert.equal(windowOf({ offset: 5, limit: 9 }, capped), { offset: 5, limit: 2, isPage: false });
});

verdicts.test('an index is churned once a document came twice or went', () => {
  const write = (ids: number[]): Write => ({
    method: 'POST',
    path: '/documents',
    contentType: 'application/json',
    documents: ids.map((id) => ({ id })),
  });
  assert.is(isChurned([write([1, 2]), write([3])], 'id'), false);
  assert.is(isChurned([write([1, 2]), write([2])], 'id'), true);
  const removal: Write = {
    method: 'DELETE',
    path: '/documents/1',
    contentType: 'application/json',
  };
  assert.is(isChurned([write([1, 2]), removal], 'id'), true);
});

verdicts.test('the gravest class counts and all reasons are kept', () => {
  const verdict = worst([
    { class: 'ties', why: 'a' },
    { class: 'difference', why: 'b' },
    { class: 'equal', why: '' },
  ]);
  assert.equal(verdict, { class: 'difference', why: 'a; b' });
});

verdicts.test('numbers are compared by text, volatile values only outside of documents', () => {
  const reply = (text: string): Reply => {
    return { status: 200, contentType: 'application/json', text, tree: parseTree(text) };
  };
  const differ = (a: string, b: string) =>
    compareReplies({ kind: 'search', method: 'GET', path: '/' }, reply(a), reply(b)).length;
  assert.is(differ('{"a":1}', '{"a":1.0}'), 1);
  assert.is(differ('{"a":1,"b":2}', '{"b":2,"a":1}'), 0);
  assert.is(differ('{"processingTimeMs":1}', '{"processingTimeMs":2}'), 0);
  assert.is(differ('{"processingTimeMs":1}', '{}'), 1);
  assert.is(differ('{"hits":[{"duration":1}]}', '{"hits":[{"duration":2}]}'), 1);
  const order = [
    '{"facetDistribution":{"f":{"a":1,"b":1}}}',
    '{"facetDistribution":{"f":{"b":1,"a":1}}}',
  ];
  assert.is(differ(order[0] as string, order[1] as string), 1);
  assert.is(differ('{"hits":[]}', '{"hits":[],"_miroir_x":1}'), 2);
});

verdicts.test('lists sorted by texts tie where a node files the texts alike', () => {
  const value = (text: string) => `{"sort":{"asc":true,"value":${JSON.stringify(text)}}}`;
  const long = 'z'.repeat(470);
  const by = (...texts: string[]) =>
    groupsOf(['t:asc'], ...texts.map((text) => ['null', value(text)] as const));
  assert.is(by('Ab', ' ab', 'ac', `${long}1`, `${long}2`), '0 0 1 2 2');
  assert.is(by('5', '6'), '0 1');
});

verdicts.test(
  'lists sorted by distance tie within a metre of the first, where a later rule says so',
  () => {
    const at = (metres: number | null, text = 'x'): [string, string] => [
      `{"geoSort":{"asc":true,"distance":${metres}}}`,
      `{"sort":{"asc":true,"value":"${text}"}}`,
    ];
    const sort = ['_geoPoint(-33.9, 2.3522):asc', 't:asc'];
    const groups = groupsOf(
      sort,
      ['null', ...at(10)],
      ['null', ...at(10.9)],
      ['null', ...at(10.5, 'y')],
      ['null', ...at(11.2)],
      ['null', ...at(null)],
    );
    assert.is(groups, '0 0 1 2 3');
    const texts = groupsOf(
      sort,
      ['{"lat":-33.8688,"lng":151.2093}', ...at(11_809_102.506)],
      ['{"lat":"-33.8688","lng":"151.2093"}', ...at(null)],
      ['{"lat":"-33.8","lng":"151.2093"}', ...at(null)],
    );
    assert.is(texts, '0 0 1');
  },
);

verdicts.run();
