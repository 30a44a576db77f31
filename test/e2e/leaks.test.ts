/**
 * Goal: nothing of the gateway's own fields, rule, order and marker index shows to a client, whatever is
 * asked and however it is written: the list of places where a node would show them.
 * Method: a striped index on real nodes; every read, setting, task and error that could name an internal
 * field, looked through for the prefix and for the digits its values are written with.
 */
import * as assert from 'uvu/assert';
import { EXPIRES_AT_FIELD, SHARD_FIELD, VERSION_FIELD } from '../../core/reserved/index.ts';
import { type Answer, findMeilisearch, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const e2e = suite('leaks');
const missing = findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;
let cluster: TestCluster;

const DOCUMENTS = Array.from({ length: 40 }, (_, id) => ({
  id,
  title: `sea ${id}`,
  year: 1950 + id,
  genres: ['Drama', 'Sea'],
  _vectors: { own: [id, 1] },
}));
const SETTINGS = {
  filterableAttributes: ['year', 'genres'],
  sortableAttributes: ['year'],
  searchableAttributes: ['title'],
  rankingRules: ['words', 'typo', 'sort'],
  localizedAttributes: [{ attributePatterns: ['*'], locales: ['eng'] }],
  embedders: { own: { source: 'userProvided', dimensions: 2 } },
};

e2e.before(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster(['--spread', 'all']);
  await write('PATCH', '/indexes/m/settings', SETTINGS);
  await write('POST', '/indexes/m/documents', DOCUMENTS);
  await write('PUT', '/indexes/m/documents', [{ id: 3, extra: 'put' }]);
  await write('POST', '/indexes/bare/documents', [{ id: 1 }, { id: 2 }, { id: 3 }]);
}, 5 * MINUTES);
e2e.after(async () => {
  if (missing === undefined) await cluster.stop();
}, MINUTES);

async function write(method: string, path: string, body?: unknown): Promise<Answer['body']> {
  const answer = await cluster.call(method, path, body);
  assert.is(answer.status, 202, answer.text);
  const task = await cluster.waitForTask(answer.body.taskUid);
  assert.is(task.status, 'succeeded', JSON.stringify(task));
  return task;
}

/** The digits of internal values are U+2290 to U+229F. */
const INTERNAL = /_miroir|[\u2290-\u229f]/;

async function clean(method: string, path: string, body?: unknown, status = 200): Promise<Answer> {
  const answer = await cluster.call(method, path, body);
  assert.is(answer.status, status, `${path}: ${answer.text}`);
  assert.not.match(answer.text, INTERNAL, `${method} ${path} ${JSON.stringify(body)}`);
  return answer;
}

const ALL = ['*'];
const EVERYTHING = {
  q: 'sea',
  attributesToRetrieve: ALL,
  attributesToHighlight: ALL,
  attributesToCrop: ALL,
  facets: ALL,
  showMatchesPosition: true,
  showRankingScore: true,
  showRankingScoreDetails: true,
  retrieveVectors: true,
  sort: ['year:asc'],
};

function readsOf(uid: string): readonly (readonly [string, string, unknown?])[] {
  const federated = { ...EVERYTHING, facets: undefined, indexUid: uid };
  const vector = { vector: [1, 1], hybrid: { embedder: 'own', semanticRatio: 0.5 } };
  return [
    ['POST', `/indexes/${uid}/search`, EVERYTHING],
    ['POST', `/indexes/${uid}/search`, { ...EVERYTHING, ...vector }],
    ['POST', `/indexes/${uid}/search`, { ...EVERYTHING, q: '', hitsPerPage: 3 }],
    ['POST', `/indexes/${uid}/search`, { ...EVERYTHING, distinct: 'year' }],
    ['POST', '/multi-search', { queries: [{ ...EVERYTHING, indexUid: uid }] }],
    [
      'POST',
      '/multi-search',
      { federation: { facetsByIndex: { [uid]: ['year'] } }, queries: [federated, federated] },
    ],
    ['POST', `/indexes/${uid}/similar`, { id: 1, embedder: 'own', showRankingScoreDetails: true }],
    ['POST', `/indexes/${uid}/facet-search`, { facetName: 'genres' }],
    ['GET', `/indexes/${uid}/documents?limit=50&retrieveVectors=true`],
    ['GET', `/indexes/${uid}/documents?fields=*`],
    ['POST', `/indexes/${uid}/documents/fetch`, { sort: ['year:desc'], filter: 'year > 1' }],
    ['POST', `/indexes/${uid}/documents/fetch`, { ids: [1, 3], retrieveVectors: true }],
    ['GET', `/indexes/${uid}/documents/3`],
  ];
}

e2e.testUnless(
  missing,
  'reads, with all attributes displayed and with some',
  async () => {
    for (const displayedAttributes of [ALL, ['id', 'title']]) {
      await write('PATCH', '/indexes/m/settings', { displayedAttributes });
      for (const [method, path, body] of readsOf('m')) await clean(method, path, body);
    }
    await write('DELETE', '/indexes/m/settings/displayed-attributes');
    const { body } = await clean('GET', '/indexes/m/documents/3');
    assert.is(body.extra, 'put');
  },
  2 * MINUTES,
);

e2e.testUnless(
  missing,
  'counts of fields, statistics, lists of indexes',
  async () => {
    const stats = await clean('GET', '/indexes/m/stats');
    const names = Object.keys(stats.body.fieldDistribution).sort();
    assert.equal(names, ['extra', 'genres', 'id', 'title', 'year']);
    await clean('GET', '/stats');
    const fields = await clean('POST', '/indexes/m/fields', { limit: 100 });
    assert.is(fields.body.total, fields.body.results.length);
    const pattern = { filter: { attributePatterns: ['_m*', '*shard'] } };
    assert.is((await clean('POST', '/indexes/m/fields', pattern)).body.total, 0);
    const indexes = await clean('GET', '/indexes');
    assert.is(indexes.body.total, 2);
    await clean('GET', '/indexes/m');
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'settings, as one, each by itself, and in tasks and batches',
  async () => {
    const { body } = await clean('GET', '/indexes/m/settings');
    assert.equal(body.filterableAttributes, SETTINGS.filterableAttributes);
    assert.equal(body.sortableAttributes, SETTINGS.sortableAttributes);
    assert.equal(body.rankingRules, SETTINGS.rankingRules);
    assert.equal(body.displayedAttributes, ALL);
    for (const name of ['filterable-attributes', 'sortable-attributes', 'ranking-rules']) {
      await clean('GET', `/indexes/m/settings/${name}`);
    }
    const reset = await write('DELETE', '/indexes/bare/settings');
    assert.not.match(JSON.stringify(reset), INTERNAL);
    assert.equal((await clean('GET', '/indexes/bare/settings')).body.filterableAttributes, []);
    await clean('GET', '/tasks?limit=100');
    await clean('GET', '/batches?limit=100');
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'the words of errors',
  async () => {
    const search = (uid: string, body: unknown) =>
      clean('POST', `/indexes/${uid}/search`, body, 400);
    const known = 'Available filterable attribute';
    assert.match((await search('m', { filter: 'nope = 1' })).body.message, known);
    assert.match((await search('m', { facets: ['nope'] })).body.message, known);
    assert.match((await search('m', { distinct: 'nope' })).body.message, 'filterable');
    assert.match((await search('m', { sort: ['nope:asc'] })).body.message, '`year`');
    const none = 'does not have configured filterable attributes';
    for (const body of [{ filter: 'a = 1' }, { facets: ['a'] }]) {
      assert.match((await search('bare', body)).body.message, none);
    }
    for (const facet of ['_m*', '*miroir*', '*_shard']) {
      const refused = await search('m', { facets: [facet.replace('miroir', 'mirror')] });
      const own = await cluster.call('POST', '/indexes/m/search', { facets: [facet] });
      assert.is(own.status, 400, own.text);
      assert.is(own.body.code, refused.body.code);
    }
    const sort = await search('bare', { sort: ['a:asc'] });
    assert.match(sort.body.message, 'does not have configured sortable attributes');
    // A rule is numbered as the user counts.
    const rules = [{ attributePatterns: ['id'], features: { filter: { comparison: false } } }];
    await write('PUT', '/indexes/bare/settings/filterable-attributes', rules);
    assert.match((await search('bare', { filter: 'id > 1' })).body.message, 'rule #0');
    await clean('POST', '/indexes/bare/facet-search', { facetName: 'id' }, 400);
    await clean('POST', '/indexes/m/documents/fetch', { filter: 'nope = 1' }, 400);
    await clean('POST', '/indexes/m/documents/fetch', { sort: ['nope:asc'] }, 400);
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'settings that name an internal field are refused',
  async () => {
    for (const change of [
      { filterableAttributes: [SHARD_FIELD] },
      { filterableAttributes: [{ attributePatterns: ['_miroir_*'] }] },
      { sortableAttributes: [VERSION_FIELD] },
      { searchableAttributes: [SHARD_FIELD] },
      { displayedAttributes: [VERSION_FIELD] },
      { distinctAttribute: SHARD_FIELD },
      { rankingRules: ['words', `${VERSION_FIELD}:desc`] },
      { typoTolerance: { disableOnAttributes: [SHARD_FIELD] } },
      { faceting: { sortFacetValuesBy: { [SHARD_FIELD]: 'count' } } },
      { localizedAttributes: [{ attributePatterns: [SHARD_FIELD], locales: ['eng'] }] },
    ]) {
      const answer = await cluster.call('PATCH', '/indexes/m/settings', change);
      assert.is(answer.status, 400, JSON.stringify(change));
      assert.is(answer.body.code, 'miroir_reserved_field', JSON.stringify(change));
    }
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'no query, typo, prefix or separator of internal values finds anything by them',
  async () => {
    const all = (await clean('POST', '/indexes/m/search', { q: '' })).body.estimatedTotalHits;
    for (const q of ['miroir', 'shard', 'version', '"⊐⊑"x', '⊐⊑⊒x']) {
      const answer = await cluster.call('POST', '/indexes/m/search', { q });
      assert.is(answer.body.estimatedTotalHits, 0, q);
    }
    // Separators alone are no query at all, on any node.
    const none = await cluster.call('POST', '/indexes/m/search', { q: '⊐⊑⊒' });
    assert.is(none.body.estimatedTotalHits, all);
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'edits neither read nor write internal fields, and the marker index is not there',
  async () => {
    await cluster.call('PATCH', '/experimental-features', { editDocumentsByFunction: true });
    const edit = (code: string) =>
      cluster.call('POST', '/indexes/m/documents/edit', { function: code });
    for (const code of [`doc.x = doc.${VERSION_FIELD}`, `doc["${SHARD_FIELD}"] = "a"`]) {
      const refused = await edit(code);
      assert.is(refused.body.code, 'miroir_reserved_field', refused.text);
    }
    const edited = await edit('doc.keys = doc.keys().len()');
    assert.is(edited.status, 202, edited.text);
    const task = await cluster.waitForTask(edited.body.taskUid);
    assert.not.match(JSON.stringify(task), INTERNAL);
    await clean('GET', '/indexes/m/documents?limit=3');
    for (const [method, path] of [
      ['GET', '/indexes/_miroir_node'],
      ['GET', '/indexes/_miroir_node/documents'],
      ['POST', '/indexes/_miroir_node/search'],
      ['DELETE', '/indexes/_miroir_node'],
    ] as const) {
      const answer = await cluster.call(method, path, method === 'POST' ? {} : undefined);
      assert.ok(answer.status >= 400, `${method} ${path}: ${answer.text}`);
    }
  },
  MINUTES,
);

e2e.test('no internal name is taken for a primary key', () => {
  for (const name of [SHARD_FIELD, VERSION_FIELD, EXPIRES_AT_FIELD]) {
    assert.not.ok(name.toLowerCase().endsWith('id'), name);
  }
});

e2e.run();
