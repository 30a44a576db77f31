/**
 * Goal: what clients read over several nodes is one answer without a trace of the gateway, and a node
 * that is missing is replaced, named or refused, never passed over in silence.
 * Method: an app over three stand-in nodes with documents placed by hand (an index striped over all
 * three, one on a single node, one with two copies), behind a control service made by the test.
 */
import * as assert from 'uvu/assert';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY, sha256 } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';
import {
  BIG,
  copiedIndex,
  idsOf,
  place,
  post,
  SETTINGS,
  SHARDS,
  settle,
  splitIndex,
} from './reads-world.ts';

const { test, before, after, run } = suite('reads');

let engines: RunningEngine[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  engines = await Promise.all([1, 2, 3].map(() => startEngine({ masterKey: MASTER_KEY })));
  control = new FakeControl(engines.map(({ url }) => url));
  const nodes = ['n0', 'n1', 'n2'];
  const settingsJson = Buffer.from(JSON.stringify(SETTINGS));
  control.indexes = [
    fakeIndex('striped', SHARDS, nodes, (shard) => shard % 3, { settingsJson }),
    fakeIndex('single', SHARDS, nodes, () => 1, { settingsJson }),
    fakeIndex('hidden', SHARDS, nodes, () => 0, { visible: false }),
    copiedIndex(settingsJson),
    splitIndex(settingsJson),
  ];
  await place(engines, 'striped', (shard) => [shard % 3]);
  await place(engines, 'single', () => [1]);
  await place(engines, 'copied', () => [0, 1]);
  await place(engines, 'parted', (shard) => [0, shard < SHARDS / 2 ? 1 : 2]);
  await post(engines, 0, '/indexes', { uid: '_miroir_node', primaryKey: 'id' });
  await Promise.all(engines.map((_, node) => settle(engines, node)));
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  await Promise.all(engines.map((engine) => engine.close()));
});

const search = (uid: string, body: unknown, options: object = {}) =>
  served.call('POST', `/indexes/${uid}/search`, { body, ...options });

test('a search over three nodes is one list without internal fields', async () => {
  const answer = await search('striped', { q: 'common', sort: ['year:asc'], limit: 100 });
  assert.is(answer.status, 200, answer.text);
  assert.is(answer.json.hits.length, 30);
  assert.is(answer.json.estimatedTotalHits, 30);
  const years = answer.json.hits.map((hit: { year: number }) => hit.year);
  assert.equal(years, [...years].sort());
  assert.not.match(answer.text, '_miroir_');
  assert.match(answer.text, BIG);
  assert.is(answer.headers.get('x-miroir-coverage'), '8/8');
  assert.is(answer.headers.get('x-miroir-degraded'), null);
});

test('pages follow each other without gap or double', async () => {
  const ids: number[] = [];
  for (let offset = 0; offset < 30; offset += 7) {
    const page = await search('striped', { q: '', offset, limit: 7, attributesToRetrieve: ['id'] });
    ids.push(...page.json.hits.map((hit: { id: number }) => hit.id));
  }
  assert.equal(
    [...ids].sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, id) => id),
  );
});

test('GET and POST say the same, on one node and on several', async () => {
  for (const uid of ['single', 'striped']) {
    const byPost = await search(uid, { q: 'word1', filter: 'year > 2001', limit: 3 });
    const byGet = await served.call(
      'GET',
      `/indexes/${uid}/search?q=word1&filter=year>2001&limit=3`,
    );
    assert.equal(byGet.json.hits, byPost.json.hits);
    assert.is(byGet.json.estimatedTotalHits, byPost.json.estimatedTotalHits);
    assert.not.match(byGet.text, '_miroir_');
  }
});

test('a pattern that meets only internal fields is as unknown as any other', async () => {
  for (const facet of ['_m*', '*miroir*', '_miroir*']) {
    const { status, json } = await search('striped', { facets: ['year', facet] });
    assert.is(status, 400);
    assert.is(json.code, 'invalid_search_facets');
    assert.is(
      json.message,
      `Invalid facet distribution: Pattern \`${facet}\` is not filterable. Available filterable attributes patterns are: \`id, kind, year\`.`,
    );
  }
  for (const facet of ['*', 'ki*', '*r', '*i*']) {
    assert.is((await search('striped', { facets: [facet] })).status, 200, facet);
  }
});

test('a client that names an internal field is refused; a value that looks like one is not', async () => {
  const bodies = [
    { attributesToRetrieve: ['_miroir_shard'] },
    { filter: '_miroir_shard = 1' },
    { filter: ['year = 1', ['"_miroir_shard" = 1']] },
    { filter: 'year = 1 AND (NOT _miroir_version EXISTS)' },
    { sort: ['_miroir_version:asc'] },
    { facets: ['_miroir_shard'] },
    { distinct: '_miroir_shard' },
  ];
  for (const body of bodies) {
    const answer = await search('striped', body);
    assert.is(answer.json.code, 'miroir_reserved_field', JSON.stringify(body));
    assert.is(answer.status, 400);
  }
  const escaped = await served.call('POST', '/indexes/striped/search', {
    raw: '{"facets":["\\u005fmiroir_shard"]}',
  });
  assert.is(escaped.json.code, 'miroir_reserved_field');
  const fields = await served.call('POST', '/indexes/striped/fields', {
    body: { filter: { attributePatterns: ['_miroir_*'] } },
  });
  assert.is(fields.json.code, 'miroir_reserved_field');
  for (const facetsByIndex of [{ striped: ['_miroir_shard'] }, { _miroir_node: ['id'] }]) {
    const body = { federation: { facetsByIndex }, queries: [{ indexUid: 'striped' }] };
    const federated = await served.call('POST', '/multi-search', { body });
    assert.is(federated.json.code, 'miroir_reserved_field', JSON.stringify(facetsByIndex));
  }
  assert.is((await search('striped', { q: '_miroir_shard' })).status, 200);
  assert.is((await search('striped', { filter: 'kind = "_miroir_shard"' })).status, 200);
});

test("errors are a node's own, without internal names", async () => {
  for (const uid of ['single', 'striped']) {
    const filter = await search(uid, { filter: 'nope = 1' });
    assert.is(filter.status, 400);
    assert.is(filter.json.code, 'invalid_search_filter');
    assert.not.match(filter.text, '_miroir_');
    assert.is((await search(uid, { limit: 'a' })).json.code, 'invalid_search_limit');
    assert.is((await search(uid, [])).json.code, 'bad_request');
    const raw = await served.call('POST', `/indexes/${uid}/search`, { raw: '{"q"' });
    assert.is(raw.json.code, 'malformed_payload');
    const query = await served.call('GET', `/indexes/${uid}/search?limit=a`);
    assert.is(query.json.code, 'invalid_search_limit');
  }
});

test('indexes that are missing, hidden or the marker are not found', async () => {
  for (const uid of ['nope', 'hidden', '_miroir_node']) {
    for (const [method, path, body] of [
      ['POST', 'search', {}],
      ['GET', 'search', undefined],
      ['GET', 'documents', undefined],
      ['GET', 'documents/1', undefined],
      ['POST', 'documents/fetch', {}],
      ['GET', 'settings', undefined],
      ['GET', 'settings/stop-words', undefined],
      ['GET', 'stats', undefined],
      ['POST', 'facet-search', { facetName: 'kind' }],
    ] as const) {
      const answer = await served.call(method, `/indexes/${uid}/${path}`, { body });
      assert.is(answer.json?.code, 'index_not_found', `${uid} ${path}: ${answer.text}`);
      assert.is(answer.status, 404);
    }
    assert.is((await served.call('GET', `/indexes/${uid}`)).json.code, 'index_not_found');
  }
  const list = await served.call('GET', '/indexes');
  assert.equal(
    list.json.results.map((index: { uid: string }) => index.uid),
    ['copied', 'parted', 'single', 'striped'],
  );
});

test('documents by id, as lists and by ids', async () => {
  for (const uid of ['single', 'striped', 'copied']) {
    for (const id of [0, 7, 29]) {
      const one = await served.call('GET', `/indexes/${uid}/documents/${id}`);
      assert.is(one.json.id, id);
      assert.match(one.text, BIG);
      assert.not.match(one.text, '_miroir_');
    }
    const none = await served.call('GET', `/indexes/${uid}/documents/77`);
    assert.is(none.json.code, 'document_not_found');
    const list = await served.call('GET', `/indexes/${uid}/documents?limit=12&offset=20`);
    assert.is(list.json.total, 30, list.text);
    assert.equal(
      list.json.results.map((document: { id: number }) => document.id),
      [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    );
    assert.not.match(list.text, '_miroir_');
    const body = { ids: [3, '4', 99], fields: ['id'] };
    const some = await served.call('POST', `/indexes/${uid}/documents/fetch`, { body });
    assert.equal(some.json.results, [{ id: 3 }, { id: 4 }]);
    assert.is(some.json.total, 2);
  }
});

test('settings and figures show nothing of the gateway', async () => {
  const settings = await served.call('GET', '/indexes/striped/settings');
  assert.equal(settings.json.filterableAttributes.sort(), ['id', 'kind', 'year']);
  assert.is(settings.json.faceting.maxValuesPerFacet, 100);
  assert.not.match(settings.text, '_miroir_');
  const rules = await served.call('GET', '/indexes/striped/settings/ranking-rules');
  assert.not.match(rules.text, '_miroir_');
  const stats = await served.call('GET', '/indexes/copied/stats');
  assert.is(stats.json.numberOfDocuments, 30);
  assert.is(stats.json.fieldDistribution.title, 30);
  const all = await served.call('GET', '/stats');
  assert.equal(Object.keys(all.json.indexes), ['copied', 'parted', 'single', 'striped']);
  assert.is(all.json.indexes.striped.numberOfDocuments, 30);
  assert.not.match(all.text, '_miroir_');
});

test('a limited key sees only its indexes', async () => {
  const key = 'c'.repeat(64);
  control.change({
    cluster: {
      keys: [
        { hash: sha256(key), uid: 'u', actions: ['*.get'], indexes: ['s*'], expiresAt: undefined },
      ],
    },
  });
  await until(() => served.app.view()?.keys.size === 1);
  const authorization = `Bearer ${key}`;
  const list = await served.call('GET', '/indexes', { authorization });
  assert.is(list.json.total, 2);
  const other = await served.call('GET', '/indexes/copied', { authorization });
  assert.is(other.status, 403);
  assert.match(other.json.message, 'authorized indexes are ["s*"]');
  assert.is((await served.call('DELETE', '/indexes/single', { authorization })).status, 403);
});

test('a node that refuses connections: partial or error, as asked for', async () => {
  const broken = engines[2];
  assert.ok(broken);
  broken.switches.isRefusing = true;
  try {
    const partial = await search('striped', { q: 'common', limit: 100 });
    assert.is(partial.status, 200, partial.text);
    assert.ok(partial.json.hits.length < 30);
    assert.is(partial.headers.get('x-miroir-coverage'), '6/8');
    assert.is(partial.headers.get('x-miroir-degraded'), 'shards=2,5; reason=unreachable');
    const strict = await search('striped', {}, { headers: { 'x-miroir-partial': 'error' } });
    assert.is(strict.status, 503);
    assert.is(strict.json.code, 'miroir_shard_unavailable');
    assert.is((await search('single', {})).status, 200);
  } finally {
    broken.switches.isRefusing = false;
  }
});

test('another copy answers for a node that is gone', async () => {
  const whole = await search('copied', { q: 'common', limit: 100 });
  assert.is(whole.json.hits.length, 30);
  for (const place of [0, 1]) {
    const broken = engines[place];
    assert.ok(broken);
    broken.switches.isRefusing = true;
    try {
      const answer = await search('copied', { q: 'common', limit: 100 });
      assert.is(answer.json.hits.length, 30);
      assert.is(answer.headers.get('x-miroir-coverage'), '8/8');
      assert.is((await served.call('GET', '/indexes/copied/documents/5')).json.id, 5);
    } finally {
      broken.switches.isRefusing = false;
    }
  }
});

/** Runs `work` while these nodes refuse every connection. */
async function without(nodes: readonly number[], work: () => Promise<void>): Promise<void> {
  const broken = nodes.map((node) => engines[node] as RunningEngine);
  for (const { switches } of broken) switches.isRefusing = true;
  try {
    await work();
  } finally {
    for (const { switches } of broken) switches.isRefusing = false;
  }
}

test('a filter on the primary key asks only the nodes of those documents', async () => {
  for (const node of [0, 1, 2]) {
    const [first, second] = idsOf(node) as [number, number];
    const others = [0, 1, 2].filter((other) => other !== node);
    await without(others, async () => {
      for (const filter of [
        `id = ${first} OR id = "${second}"`,
        `id IN [${first}, ${second}] AND year > 1999`,
        ['kind != nothing', [`id = ${first}`, `id = ${second}`]],
      ]) {
        const what = JSON.stringify(filter);
        const found = await search('striped', {
          q: 'common',
          filter,
          showRankingScoreDetails: true,
        });
        assert.is(found.status, 200, `${what}: ${found.text}`);
        assert.is(found.headers.get('x-miroir-coverage'), '8/8', what);
        const ids = found.json.hits
          .map(({ id }: { id: number }) => id)
          .sort((a: number, b: number) => a - b);
        assert.equal(ids, [first, second], what);
        assert.is(found.json.estimatedTotalHits, 2);
        assert.not.match(found.text, '_miroir_');
        const paged = await search('striped', { filter, page: 1, hitsPerPage: 1 });
        assert.is(paged.json.totalHits, 2, what);
        const listed = await served.call('POST', '/indexes/striped/documents/fetch', {
          body: { filter },
        });
        assert.equal(
          listed.json.results.map(({ id }: { id: number }) => id),
          [first, second],
          what,
        );
        assert.is(listed.json.total, 2);
        assert.not.match(listed.text, '_miroir_');
        const facet = await served.call('POST', '/indexes/striped/facet-search', {
          body: { facetName: 'kind', filter },
        });
        assert.is(facet.headers.get('x-miroir-coverage'), '8/8', facet.text);
      }
      const body = { ids: [first, second], filter: `id = ${first}` };
      const listed = await served.call('POST', '/indexes/striped/documents/fetch', { body });
      assert.equal(
        listed.json.results.map(({ id }: { id: number }) => id),
        [first],
        listed.text,
      );
    });
  }
});

test('what other documents could match asks every node', async () => {
  const [first] = idsOf(0) as [number];
  await without([1], async () => {
    for (const body of [
      { filter: `id = ${first} OR year = 2001` },
      { filter: `NOT id = ${first}` },
      { filter: `id != ${first}` },
      { filter: `id >= ${first}` },
      { filter: `id = ${first}`, facets: ['kind'] },
      { filter: `id IN [${first}, ${idsOf(1)[0]}]` },
    ]) {
      const answer = await search('striped', body);
      assert.is.not(answer.headers.get('x-miroir-coverage'), '8/8', JSON.stringify(body));
    }
  });
});

test('a missing node of pinned documents is named, or refused where it was the only one', async () => {
  const [here] = idsOf(0) as [number];
  const [there] = idsOf(1) as [number];
  await without([1], async () => {
    const partial = await search('striped', { filter: `id IN [${here}, ${there}]` });
    assert.equal(
      partial.json.hits.map(({ id }: { id: number }) => id),
      [here],
      partial.text,
    );
    assert.is(partial.headers.get('x-miroir-coverage'), '7/8');
    const none = await search('striped', { filter: `id = ${there}` });
    assert.is(none.status, 503, none.text);
    assert.is(none.json.code, 'miroir_shard_unavailable');
  });
});

test('several nodes answer together for one that held everything', async () => {
  const all = { limit: 100, sort: ['year:asc'] };
  const pinned = { filter: 'id IN [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]', limit: 100 };
  const before = [await search('parted', all), await search('parted', pinned)];
  const listed = await served.call('GET', '/indexes/parted/documents?offset=3&limit=20');
  await without([0], async () => {
    const after = [await search('parted', all), await search('parted', pinned)];
    for (const [place, answer] of after.entries()) {
      assert.is(answer.status, 200, answer.text);
      assert.is(answer.headers.get('x-miroir-coverage'), '8/8');
      assert.equal(answer.json.hits, before[place]?.json.hits);
    }
    const again = await served.call('GET', '/indexes/parted/documents?offset=3&limit=20');
    assert.equal(again.json, listed.json);
  });
});

run();
