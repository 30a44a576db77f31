/**
 * Goal: what no recorded case shows is merged as a single node would rank it: points of one metre on
 * several nodes, the halves of a hybrid search, the rule that only nodes have.
 * Method: nodes' answers written by hand, merged by the real plan.
 */
import * as assert from 'uvu/assert';
import { mergeSearch, planSearch, type SearchPurpose } from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('rules of the merge');

const ENVELOPE = { processingTimeMs: 0, requestUid: 'x' };
const INDEX = { uid: 'i', primaryKey: 'id', settings: {}, hasSeveralOwners: true };

/** A hit as a node sends it: our version, its score, and the results of the rules. */
function hit(id: number, rules: readonly (readonly [string, object])[], more: object = {}): object {
  const version = encodeVersion({ seq: 1, position: id });
  const all = [...rules, ['_miroir_version:asc', { value: version }] as const];
  const details = all.map(([name, result], order) => [name, { order, ...result }] as const);
  const _rankingScoreDetails = Object.fromEntries(details);
  return { id, ...more, _miroir_version: version, _rankingScoreDetails };
}

function answer(hits: readonly object[], more: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({ hits, query: '', processingTimeMs: 0, estimatedTotalHits: 9, ...more }),
  );
}

interface Merged {
  readonly hits: { readonly id: number; readonly _rankingScoreDetails?: object }[];
  readonly semanticHitCount?: number;
  readonly estimatedTotalHits?: number;
  readonly totalHits?: number;
}

function merge(body: object, answers: readonly [SearchPurpose, readonly Buffer[]][]): Merged {
  const plan = planSearch({ body: body as Record<string, unknown>, index: INDEX });
  const { chunks } = mergeSearch(plan, new Map(answers), ENVELOPE);
  return JSON.parse(Buffer.concat(chunks).toString()) as Merged;
}

const ids = (merged: Merged) => merged.hits.map(({ id }) => id);

test('points of one metre on two nodes share a bucket, inside which the next rule decides', () => {
  const geo = '_geoPoint(0.0,0.0):asc';
  // A degree of latitude is 111,195 m.
  const at = (id: number, metres: number, rank: number) =>
    hit(
      id,
      [
        [geo, { value: null, distance: metres }],
        ['rank:asc', { value: rank }],
      ],
      {
        _geo: { lat: metres / 111_194.926_644_558_73, lng: 0 },
      },
    );
  const body = { sort: ['_geoPoint(0,0):asc', 'rank:asc'] };
  const merged = merge(body, [
    ['main', [answer([at(1, 10, 5), at(2, 100, 1)]), answer([at(3, 10.6, 1), at(4, 50, 1)])]],
  ]);
  assert.equal(ids(merged), [3, 1, 4, 2]);
});

test('score details hold the rules of the user and no more', () => {
  const words = ['words', { matchingWords: 1, maxMatchingWords: 1, score: 1 }] as const;
  const body = { q: 'a', showRankingScoreDetails: true };
  const merged = merge(body, [['main', [answer([hit(1, [words])]), answer([hit(2, [words])])]]]);
  for (const { _rankingScoreDetails } of merged.hits) {
    assert.equal(_rankingScoreDetails, { words: { order: 0, ...words[1] } });
  }
});

test('the halves of a hybrid search: each document once, the vector first among equals', () => {
  const word = (id: number, score: number) =>
    hit(id, [['words', { matchingWords: 1, maxMatchingWords: 1, score }]], {
      _rankingScore: score,
    });
  const near = (id: number, similarity: number) =>
    hit(id, [['vectorSort', { similarity }]], { _rankingScore: similarity });
  const hybrid = { embedder: 'e', semanticRatio: 0.5 };
  const body = { q: 'a', vector: [1], hybrid, limit: 4 };
  const merged = merge(body, [
    ['keyword', [answer([word(1, 0.8)]), answer([word(2, 0.5)])]],
    ['semantic', [answer([near(2, 0.9), near(3, 0.8)]), answer([near(1, 0.7), near(4, 0.1)])]],
  ]);
  assert.equal(ids(merged), [2, 3, 1, 4]);
  assert.is(merged.semanticHitCount, 3);
});

test('words that a query excludes are taken off the semantic half, which is asked with the other', () => {
  const halfOf = (q: string) => {
    const hybrid = { embedder: 'e', semanticRatio: 0.5 };
    const plan = planSearch({ body: { q, vector: [1], hybrid, limit: 3 }, index: INDEX });
    return plan.requests.find(({ purpose }) => purpose === 'semantic')?.body ?? {};
  };
  assert.equal(halfOf('a b-c')['hybrid'], { embedder: 'e', semanticRatio: 1 });
  assert.is(halfOf('a b-c')['limit'], 3);
  for (const q of ['a -b', '-b', 'a -"b c"']) {
    assert.ok(Number((halfOf(q)['hybrid'] as { semanticRatio: number }).semanticRatio) < 1);
    assert.is(halfOf(q)['limit'], 6);
  }
  const word = (id: number) =>
    hit(id, [['words', { matchingWords: 1, maxMatchingWords: 1, score: 0.9 }]], {
      _rankingScore: 0.9,
    });
  const near = (id: number, similarity: number) =>
    hit(id, [['vectorSort', { similarity }]], { _rankingScore: similarity });
  const hybrid = { embedder: 'e', semanticRatio: 0.9 };
  const merged = merge({ q: 'a -b', vector: [1], hybrid, limit: 4 }, [
    ['keyword', [answer([]), answer([])]],
    ['semantic', [answer([near(1, 0.5), word(2)]), answer([near(3, 0.6)])]],
  ]);
  assert.equal(ids(merged), [3, 1]);
});

test('0.0 and -0.0 are one distinct value where the request names the field', () => {
  const written = (id: number, n: string) =>
    JSON.stringify(hit(id, [['p:asc', { value: id }]], { n: '@' })).replace('"@"', n);
  const texts = [written(1, '0.0'), written(2, '-0.0')];
  const body = `{"hits":[${texts.join()}],"query":"","processingTimeMs":0,"estimatedTotalHits":9}`;
  const answers: [SearchPurpose, Buffer[]][] = [['main', [Buffer.from(body)]]];
  assert.equal(ids(merge({ sort: ['p:asc'], distinct: 'n' }, answers)), [1]);
});

test('empty texts are equal where the request names the distinct field, and not by the settings', () => {
  const hits = [1, 2, 3].map((id) =>
    hit(id, [['p:asc', { value: id }]], { g: id === 2 ? ' ' : '' }),
  );
  const answers: [SearchPurpose, Buffer[]][] = [
    ['main', [answer(hits.slice(0, 1)), answer(hits.slice(1))]],
  ];
  assert.equal(ids(merge({ sort: ['p:asc'], distinct: 'g' }, answers)), [1]);
  // None comes in their place.
  const four = hit(4, [['p:asc', { value: 4 }]], { g: 'x' });
  const longer: [SearchPurpose, Buffer[]][] = [
    ['main', [answer(hits.slice(0, 1)), answer([...hits.slice(1), four])]],
  ];
  assert.equal(ids(merge({ sort: ['p:asc'], distinct: 'g', limit: 3 }, longer)), [1]);
  // Two of three listed are taken off the 18 that nodes count.
  const pages = { sort: ['p:asc'], distinct: 'g', page: 1, hitsPerPage: 3 };
  const listed: typeof answers = [...answers, ['distinct-list', answers[0]?.[1] ?? []]];
  assert.is(merge(pages, listed).totalHits, 16);
  const index = { ...INDEX, settings: { distinctAttribute: 'g' } };
  const plan = planSearch({ body: { sort: ['p:asc'] }, index });
  const { chunks } = mergeSearch(plan, new Map(answers), ENVELOPE);
  assert.equal(ids(JSON.parse(Buffer.concat(chunks).toString())), [1, 2, 3]);
});

test('equals that a node left out of its own list take their places in the page', () => {
  const of = (id: number, g: string) => hit(id, [['p:asc', { value: id }]], { g });
  const [one, twin, ...others] = [of(1, ''), of(2, ''), of(3, 'x'), of(4, 'y'), of(5, 'z')];
  const plan = planSearch({ body: { sort: ['p:asc'], distinct: 'g', limit: 3 }, index: INDEX });
  const closed: [SearchPurpose, Buffer[]] = ['main', [answer([one]), answer(others)]];
  const unsure = mergeSearch(plan, new Map([closed]), ENVELOPE);
  const openDepth = unsure.wantedDepth;
  assert.ok(openDepth !== undefined, 'a node left out something, or has no more');
  const open: typeof closed = ['open-main', [answer([one, twin]), answer(others)]];
  const merged = mergeSearch(plan, new Map([closed, open]), { ...ENVELOPE, openDepth });
  assert.equal(ids(JSON.parse(Buffer.concat(merged.chunks).toString())), [1, 3]);
  // The page is full with them: below a threshold may be more than what is shown.
  const bound = { ...plan, hasThreshold: true };
  const free: typeof closed = ['no-threshold', [answer([], { estimatedTotalHits: 8 })]];
  const counted = mergeSearch(bound, new Map([closed, open, free]), { ...ENVELOPE, openDepth });
  assert.is(JSON.parse(Buffer.concat(counted.chunks).toString()).estimatedTotalHits, 7);
  const full: typeof closed = ['main', [answer([one, of(6, 'v'), of(7, 'w')]), answer(others)]];
  assert.is(mergeSearch(plan, new Map([full]), ENVELOPE).wantedDepth, undefined);
});

test('under a threshold a hybrid search counts what either half lets in', () => {
  const half = (id: number, score: number) =>
    hit(id, [['words', { matchingWords: 1, maxMatchingWords: 1, score }]], {
      _rankingScore: score,
    });
  const body = {
    q: 'x',
    vector: [1],
    hybrid: { embedder: 'v', semanticRatio: 0.5 },
    rankingScoreThreshold: 0.5,
  };
  const counted = (totals: object) => [answer([], totals), answer([], totals)];
  const answersOf = (totals: object): [SearchPurpose, Buffer[]][] => [
    ['keyword', [answer([half(1, 0.6)]), answer([])]],
    ['semantic', [answer([half(2, 0.6)]), answer([half(3, 0.6)])]],
    ['union', counted(totals)],
  ];
  const listed = merge(body, answersOf({ estimatedTotalHits: 2 }));
  assert.is(listed.estimatedTotalHits, 4);
  assert.is(merge({ ...body, page: 1 }, answersOf({ totalHits: 3 })).totalHits, 6);
  const plan = planSearch({ body: { ...body, page: 2 }, index: INDEX });
  const union = plan.requests.find(({ purpose }) => purpose === 'union')?.body;
  // Nodes must not leave the semantic half out because their own keyword hits are good.
  assert.equal(union?.['hybrid'], { embedder: 'v', semanticRatio: 0.999 });
  assert.is(union?.['rankingScoreThreshold'], 0.5);
  // How many neighbours they find goes by how many they are asked for.
  assert.is(union?.['hitsPerPage'], 40);
});

test('in pages under a threshold a node ranks all, and stops at maxTotalHits where a page ends there', () => {
  const settings = { pagination: { maxTotalHits: 3 } };
  const totalsOf = (hitsPerPage: number, counted: readonly number[], open: readonly number[]) => {
    const body = { q: 'a', page: 1, hitsPerPage, rankingScoreThreshold: 0.5 };
    const plan = planSearch({ body, index: { ...INDEX, settings } });
    const paged = (totalHits: number) =>
      Buffer.from(JSON.stringify({ hits: [], query: 'a', totalHits }));
    const answers = new Map([
      ['main', counted.map(paged)],
      ['no-threshold', open.map(paged)],
    ] as const);
    const { chunks } = mergeSearch(plan, answers, ENVELOPE);
    return (JSON.parse(Buffer.concat(chunks).toString()) as Merged).totalHits;
  };
  assert.is(totalsOf(2, [1, 1], [10, 20]), 2);
  assert.is(totalsOf(2, [4, 9], [10, 20]), 13);
  assert.is(totalsOf(3, [1, 1], [10, 20]), 2);
  // Three above the threshold: one node would have stopped there.
  assert.is(totalsOf(3, [1, 2], [10, 20]), 30);
});

test('nodes that have not seen a nested field show its member as one that has', () => {
  const body = { attributesToRetrieve: ['id', 'p.q', 'z.q'] };
  const index = { ...INDEX, seenNested: new Set(['p.q']) };
  const plan = planSearch({ body, index });
  const asked = plan.requests[0]?.body['attributesToRetrieve'] as string[];
  // Nobody has seen z.q: no node shows anything of z, and so must it be.
  assert.equal([asked.includes('p'), asked.includes('z')], [true, false]);
  const main = [answer([hit(1, [], { p: 'text' }), hit(2, [], { p: { q: 1, r: 2 } })])];
  const { chunks } = mergeSearch(plan, new Map([['main', main]]), ENVELOPE);
  const { hits } = JSON.parse(Buffer.concat(chunks).toString()) as Merged;
  assert.equal(hits, [
    { id: 1, p: 'text' },
    { id: 2, p: { q: 1 } },
  ]);
});

run();
