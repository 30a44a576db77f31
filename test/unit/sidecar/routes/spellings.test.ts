/**
 * Goal: where nodes show one facet value in different spellings, the gateway shows that of the oldest
 * document, whichever node holds it.
 * Method: an app over stand-in nodes, each with documents that spell the value in its own way.
 */
import * as assert from 'uvu/assert';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { toNodeSettings } from '../../../../core/settings/index.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';
import { post, SHARDS, settle } from './reads-world.ts';

const { test, before, after, run } = suite('spellings');

const SETTINGS = { filterableAttributes: ['kind'] };
/** Spelling and time of writing, per node. */
const NODES = [
  { kind: 'DRAMA', seq: 9 },
  { kind: 'Drama', seq: 2 },
  { kind: 'drama', seq: 5 },
] as const;

let engines: RunningEngine[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  engines = await Promise.all(NODES.map(() => startEngine({ masterKey: MASTER_KEY })));
  control = new FakeControl(engines.map(({ url }) => url));
  const settingsJson = Buffer.from(JSON.stringify(SETTINGS));
  control.indexes = [
    fakeIndex('films', SHARDS, ['n0', 'n1', 'n2'], (shard) => shard % 3, { settingsJson }),
  ];
  for (const [node, { kind, seq }] of NODES.entries()) {
    const settings = toNodeSettings(SETTINGS, { hasSeveralOwners: true });
    await post(engines, node, '/indexes/films/settings', settings, 'PATCH');
    const own = { _miroir_shard: encodeShard(node) };
    await post(engines, node, '/indexes/films/documents?primaryKey=id', [
      {
        id: node,
        kind,
        title: 'sea',
        ...own,
        _miroir_version: encodeVersion({ seq, position: 0 }),
      },
    ]);
    await settle(engines, node);
  }
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  await Promise.all(engines.map((engine) => engine.close()));
});

test('facets of a search, with words and without', async () => {
  for (const q of ['', 'sea']) {
    const body = { q, facets: ['kind'] };
    const { json, text } = await served.call('POST', '/indexes/films/search', { body });
    assert.equal(json.facetDistribution, { kind: { Drama: 3 } }, text);
  }
});

test('facets of candidates only', async () => {
  const body = { filter: 'kind = drama', facets: ['kind'], hitsPerPage: 1 };
  const { json } = await served.call('POST', '/indexes/films/search', { body });
  assert.equal(json.facetDistribution, { kind: { Drama: 3 } });
});

test('a facet search', async () => {
  const body = { facetName: 'kind' };
  const { json, text } = await served.call('POST', '/indexes/films/facet-search', { body });
  assert.equal(json.facetHits, [{ value: 'Drama', count: 3 }], text);
});

run();
