/**
 * Goal: a facet value in several spellings is shown as the oldest candidate spells it, and a similar
 * document below the threshold ends the list and its count as on a node.
 * Method: nodes' answers written by hand.
 */
import * as assert from 'uvu/assert';
import {
  mergeFacetSearch,
  mergeSearch,
  mergeSimilar,
  planSearch,
  planSimilar,
  readSpellings,
  spellingRequests,
} from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('spellings and thresholds');

const ENVELOPE = { processingTimeMs: 0, requestUid: 'x' };
const INDEX = { uid: 'i', primaryKey: 'id', settings: {}, hasSeveralOwners: true };
const APART = [{ field: 'kind', normalized: 'drama' }];

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const version = (seq: number) => ({ _miroir_version: encodeVersion({ seq, position: 0 }) });
const textOf = (chunks: readonly Uint8Array[]) =>
  JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;

function listed(hits: readonly object[]): Buffer {
  return bytes({ hits, query: '', processingTimeMs: 0, estimatedTotalHits: hits.length });
}

/** The oldest document is on the second node and holds the value in a list. */
const SPELLINGS = readSpellings(
  APART,
  new Map([
    [
      'spelling 0',
      [
        listed([{ kind: 'DRAMA', ...version(7) }]),
        listed([
          { kind: 'drama', ...version(8) },
          { kind: ['Sea', 'Drama'], ...version(3) },
        ]),
        listed([]),
      ],
    ],
  ]),
);

test('the spelling of the oldest candidate is found', () => {
  assert.is(SPELLINGS.of({ field: 'kind', normalized: 'drama' }), 'Drama');
  assert.is(SPELLINGS.of({ field: 'other', normalized: 'drama' }), undefined);
});

test('a search that nodes spell apart says so, and shows what was found out', () => {
  const faceted = (kind: object) =>
    bytes({
      hits: [],
      query: '',
      processingTimeMs: 0,
      estimatedTotalHits: 2,
      facetDistribution: { kind },
      facetStats: {},
    });
  const plan = planSearch({ body: { facets: ['kind'], limit: 0 }, index: INDEX });
  const answers = new Map([
    ['main', [faceted({ DRAMA: 1, Sea: 1 }), faceted({ drama: 2, Sea: 1 })]],
  ] as const);
  const merged = mergeSearch(plan, answers, ENVELOPE);
  assert.equal(merged.spelledApart, APART);
  assert.equal(textOf(merged.chunks)['facetDistribution'], { kind: { DRAMA: 3, Sea: 2 } });
  const respelled = mergeSearch(plan, answers, { ...ENVELOPE, spellings: SPELLINGS });
  assert.equal(textOf(respelled.chunks)['facetDistribution'], { kind: { Drama: 3, Sea: 2 } });
});

test('a facet search likewise', () => {
  const found = (value: string) => bytes({ facetHits: [{ value, count: 1 }], facetQuery: null });
  const bodies = [found('DRAMA'), found('drama')];
  const request = { body: { facetName: 'kind' }, index: INDEX };
  const merged = mergeFacetSearch(request, bodies, 0);
  assert.equal(merged.spelledApart, APART);
  const respelled = mergeFacetSearch({ ...request, spellings: SPELLINGS }, bodies, 0);
  assert.equal(textOf(respelled.chunks)['facetHits'], [{ value: 'Drama', count: 2 }]);
});

test('a facet search of few candidates: a node without any may hold the first spelling', () => {
  const found = (...values: string[]) =>
    bytes({ facetHits: values.map((value) => ({ value, count: 1 })), facetQuery: null });
  const request = { body: { facetName: 'kind' }, index: INDEX };
  const bodies = [found('drama')];
  assert.equal(mergeFacetSearch(request, bodies, 0).spelledApart, []);
  const ofAll = [found('drama', 'Sea'), found('DRAMA')];
  const merged = mergeFacetSearch({ ...request, ofAll }, bodies, 0);
  assert.equal(merged.spelledApart, APART);
  assert.equal(textOf(merged.chunks)['facetHits'], [{ value: 'drama', count: 1 }]);
});

test('only candidates are asked for, and all of them where nodes list others first', () => {
  const body = { q: 'sea', filter: 'year > 1', sort: ['year:asc'], limit: 3 };
  const [request] = spellingRequests(body, APART, { isByAge: false, isFiltered: true });
  assert.equal(request?.body, {
    q: 'sea',
    filter: ['year > 1', '"kind" IN ["drama"]'],
    attributesToRetrieve: ['kind', '_miroir_version'],
    limit: 1000,
  });
  assert.is(
    spellingRequests(body, APART, { isByAge: true, isFiltered: true })[0]?.body['limit'],
    1,
  );
});

test('where the field cannot be filtered by, the oldest that holds the value is looked for', () => {
  const body = { filter: 'year > 1' };
  const [request] = spellingRequests(body, APART, { isByAge: true, isFiltered: false });
  assert.equal(request?.body, {
    filter: 'year > 1',
    attributesToRetrieve: ['kind', '_miroir_version'],
    limit: 1000,
  });
  const hits = [
    { kind: 'Sea', ...version(1) },
    { kind: 'drama', ...version(5) },
    { kind: ['DRAMA'], ...version(4) },
  ];
  const found = readSpellings(APART, new Map([[request?.purpose ?? '', [listed(hits)]]]));
  assert.is(found.of({ field: 'kind', normalized: 'drama' }), 'DRAMA');
});

/** Similar documents of two nodes, with these similarities; the document itself is on the first. */
function similar(body: object, nodes: readonly (readonly number[])[]): Record<string, unknown> {
  const index = { ...INDEX, primaryKey: 'id' };
  const plan = planSimilar({ body: { id: 0, embedder: 'e', ...body }, index, vector: [1] });
  let id = 0;
  const answers = nodes.map((list, node) => {
    const all = node === 0 ? [1, ...list] : list;
    const hits = all.map((score) => ({
      id: id++,
      ...version(id),
      _rankingScore: score,
      _rankingScoreDetails: { vectorSort: { order: 0, similarity: score } },
    }));
    return listed(hits);
  });
  return textOf(mergeSimilar(plan, new Map([['main', answers]]), ENVELOPE).chunks);
}

test('a similar document below the threshold ends list and count', () => {
  const nodes = [
    [0.9, 0.5],
    [0.8, 0.7, 0.6],
  ];
  const all = similar({}, nodes);
  assert.is(all['estimatedTotalHits'], 5);
  const above = similar({ rankingScoreThreshold: 0.75 }, nodes);
  assert.is((above['hits'] as unknown[]).length, 2);
  assert.is(above['estimatedTotalHits'], 2);
  // The page is full before the list ends: nothing is taken off.
  assert.is(similar({ rankingScoreThreshold: 0.75, limit: 2 }, nodes)['estimatedTotalHits'], 5);
  // What was skipped was not looked at, and is counted.
  const behind = similar({ rankingScoreThreshold: 0.75, offset: 3 }, nodes);
  assert.equal(behind['hits'], []);
  assert.is(behind['estimatedTotalHits'], 3);
});

run();
