/**
 * Goal: a node whose answer cannot be read has failed like one that cannot be reached: another copy
 * answers where there is one, else the shards are named as missing or the request is refused; never is
 * the answer a hole without a name, nor an error of the gateway's own (500).
 * Method: three servers that answer every read route with one document of their own, and spoil their
 * answers on demand; one index over all three, one on two of them alike, one on a single node.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type Answer, type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('unreadable answers');

const SHARDS = 8;
const NODES = ['n0', 'n1', 'n2'];

type Damage = (body: string) => string;

/** Ways in which a body with a good head can be bad. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  cut: (body) => body.slice(0, Math.floor(body.length / 2)),
  'cut at its end': (body) => body.slice(0, -1),
  empty: () => '',
  'not JSON': () => '<html><body>It works!</body></html>',
  'another thing': () => '{"status":"available"}',
  null: () => 'null',
};

const damages: (Damage | undefined)[] = [undefined, undefined, undefined];
let nodes: Server[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  nodes = NODES.map((_, node) =>
    createServer((request, response) => {
      const body = answerOf(request.url ?? '', node);
      response.setHeader('content-type', 'application/json');
      request.resume().on('end', () => response.end(damages[node]?.(body) ?? body));
    }),
  );
  await Promise.all(
    nodes.map((node) => new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))),
  );
  const urls = nodes.map((node) => `http://127.0.0.1:${(node.address() as AddressInfo).port}`);
  control = new FakeControl(urls);
  control.indexes = [
    fakeIndex('striped', SHARDS, NODES, (shard) => shard % 3, {}),
    fakeIndex('single', SHARDS, NODES, () => 1, {}),
    copiedIndex(),
  ];
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  for (const node of nodes) node.close();
});

/** Every shard on the first two nodes. */
function copiedIndex(): ReturnType<typeof fakeIndex> {
  const owners = Buffer.alloc(SHARDS * 4);
  for (let shard = 0; shard < SHARDS; shard += 1) owners.writeUInt16LE(1, shard * 4 + 2);
  const more = { owners, copyStates: Buffer.alloc(SHARDS * 2), copiesPerShard: 2 };
  return fakeIndex('copied', SHARDS, NODES, () => 0, more);
}

function answerOf(path: string, node: number): string {
  const own = `"_miroir_shard":"${encodeShard(node)}","_miroir_version":"${encodeVersion({ seq: 1, position: node })}"`;
  const document = `{"id":${node},"kind":"k",${own}`;
  if (path.endsWith('/search')) {
    const hit = `${document},"_rankingScore":1.0,"_rankingScoreDetails":{}}`;
    return `{"hits":[${hit}],"query":"","processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":1,"requestUid":"u"}`;
  }
  if (path.endsWith('/fetch')) {
    return `{"results":[${document}}],"offset":0,"limit":20,"total":1}`;
  }
  if (path.endsWith('/facet-search')) {
    return '{"facetHits":[{"value":"k","count":1}],"facetQuery":null,"processingTimeMs":0}';
  }
  if (path.endsWith('/multi-search')) {
    const federation =
      '"_federation":{"indexUid":"x","queriesPosition":0,"weightedRankingScore":1.0}';
    const hit = `${document},"_rankingScore":1.0,"_rankingScoreDetails":{},${federation}}`;
    return `{"hits":[${hit}],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":1,"requestUid":"u"}`;
  }
  return `${document}}`;
}

/** Runs `work` once per damage, done by one node. */
async function damaged(node: number, work: (what: string) => Promise<void>): Promise<void> {
  for (const [name, damage] of Object.entries(DAMAGES)) {
    damages[node] = damage;
    try {
      await work(name);
    } finally {
      damages[node] = undefined;
    }
  }
}

type Read = (uid: string, headers?: Record<string, string>) => Promise<Answer>;

const READS: Readonly<Record<string, Read>> = {
  search: (uid, headers = {}) =>
    served.call('POST', `/indexes/${uid}/search`, { body: { q: '' }, headers }),
  'GET search': (uid, headers = {}) => served.call('GET', `/indexes/${uid}/search`, { headers }),
  documents: (uid, headers = {}) => served.call('GET', `/indexes/${uid}/documents`, { headers }),
  fetch: (uid, headers = {}) =>
    served.call('POST', `/indexes/${uid}/documents/fetch`, { body: {}, headers }),
  'facet search': (uid, headers = {}) =>
    served.call('POST', `/indexes/${uid}/facet-search`, { body: { facetName: 'kind' }, headers }),
  federation: (uid, headers = {}) =>
    served.call('POST', '/multi-search', {
      body: { federation: {}, queries: [{ indexUid: uid }, { indexUid: uid, q: 'x' }] },
      headers,
    }),
  'searches of several': (uid, headers = {}) =>
    served.call('POST', '/multi-search', { body: { queries: [{ indexUid: uid }] }, headers }),
};

test('without another copy its shards are missing, and named', async () => {
  for (const [name, read] of Object.entries(READS)) {
    await damaged(2, async (damage) => {
      const what = `${name}, ${damage}`;
      const partial = await read('striped');
      assert.is(partial.status, 200, `${what}: ${partial.text}`);
      assert.is(partial.headers.get('x-miroir-coverage'), '6/8', what);
      assert.is(partial.headers.get('x-miroir-degraded'), 'shards=2,5; reason=unreachable', what);
      const strict = await read('striped', { 'x-miroir-partial': 'error' });
      assert.is(strict.status, 503, `${what}: ${strict.text}`);
      assert.is(strict.json.code, 'miroir_shard_unavailable', what);
    });
  }
});

test('another copy answers where there is one', async () => {
  for (const [name, read] of Object.entries(READS)) {
    for (const node of [0, 1]) {
      await damaged(node, async (damage) => {
        const what = `${name}, ${damage}`;
        const whole = await read('copied');
        assert.is(whole.status, 200, `${what}: ${whole.text}`);
        assert.is(whole.headers.get('x-miroir-coverage'), '8/8', what);
        assert.is(whole.headers.get('x-miroir-degraded'), null, what);
      });
    }
  }
});

test('a federated search names what is missing of each index, and asks other copies', async () => {
  const queries = [{ indexUid: 'striped' }, { indexUid: 'copied' }];
  const body = { federation: {}, queries };
  const federate = (headers: Record<string, string> = {}) =>
    served.call('POST', '/multi-search', { body, headers });
  const whole = await federate();
  assert.is(whole.headers.get('x-miroir-coverage'), '16/16', whole.text);
  assert.is(whole.headers.get('x-miroir-degraded'), null);
  await damaged(0, async (damage) => {
    const part = await federate();
    assert.is(part.status, 200, `${damage}: ${part.text}`);
    assert.is(part.headers.get('x-miroir-coverage'), '13/16', damage);
    assert.is(part.headers.get('x-miroir-degraded'), 'shards=striped:0,3,6; reason=unreachable');
    const strict = await federate({ 'x-miroir-partial': 'error' });
    assert.is(strict.status, 503, `${damage}: ${strict.text}`);
    assert.is(strict.json.code, 'miroir_shard_unavailable');
  });
});

test('with no copy left the request is refused, never answered with nothing', async () => {
  for (const [name, read] of Object.entries(READS)) {
    await damaged(1, async (damage) => {
      const answer = await read('single');
      assert.is(answer.status, 503, `${name}, ${damage}: ${answer.text}`);
      assert.is(answer.json.code, 'miroir_shard_unavailable');
    });
  }
});

test('a document comes from another copy, or not at all', async () => {
  for (const damage of ['cut', 'empty', 'not JSON', 'null']) {
    for (const node of [0, 1]) {
      damages[node] = DAMAGES[damage];
      const document = await served.call('GET', '/indexes/copied/documents/5');
      assert.is(document.status, 200, `${damage}: ${document.text}`);
      damages[node] = undefined;
    }
    damages[1] = DAMAGES[damage];
    const none = await served.call('GET', '/indexes/single/documents/5');
    assert.is(none.status, 503, `${damage}: ${none.text}`);
    damages[1] = undefined;
  }
});

test('figures and settings are refused rather than made up', async () => {
  damages[1] = DAMAGES['not JSON'];
  for (const path of ['/indexes/single/stats', '/stats', '/indexes/single/settings/synonyms']) {
    const answer = await served.call('GET', path);
    assert.is(answer.status, 503, `${path}: ${answer.text}`);
  }
  const fields = await served.call('POST', '/indexes/single/fields', { body: {} });
  assert.is(fields.status, 503, fields.text);
  damages[1] = undefined;
});

run();
