/**
 * Goal: read requests that are wrong, hostile or huge get the very answer a single node gives: its
 * status, code and words, or its hits; and nothing of the gateway shows in any of them.
 * Method: the same documents and settings on a cluster of real nodes and on one bare node, the same
 * requests to both, answers compared whole but for times and ids.
 */
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import {
  type Answer,
  findMeilisearch,
  request,
  startCluster,
  type TestCluster,
} from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';
import { meilisearchTarget, type RunningTarget } from '../stories/targets.ts';
import { BAD_READS, DOCUMENTS, RESERVED_READS, SETTINGS } from './bad-reads-list.ts';

const MINUTES = 60_000;
const KEY = 'test-master-key-0123456789';
const e2e = suite('bad reads');
const missing = findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;
let cluster: TestCluster;
let bare: RunningTarget;
let pool: Pool;

type Call = TestCluster['call'];
const callBare: Call = (method, path, body, headers = {}) =>
  request(pool, { method, path, body, headers: { authorization: `Bearer ${KEY}`, ...headers } });

e2e.before(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster(['--spread', 'all']);
  assert.is(cluster.masterKey, KEY);
  const story = { name: 'bare', family: '', masterKey: KEY, flags: [] };
  const nothing = { volatileKeys: new Set<string>(), volatilePaths: [], steps: [] };
  bare = await meilisearchTarget(process.env, 2 * MINUTES)({ ...story, ...nothing });
  pool = new Pool(bare.url, { connections: 4, headersTimeout: MINUTES, bodyTimeout: MINUTES });
  for (const call of [cluster.call, callBare]) {
    const uids: number[] = [];
    const write = async (method: string, path: string, body: unknown) => {
      const answer = await call(method, path, body);
      assert.is(answer.status, 202, answer.text);
      uids.push(answer.body.taskUid);
    };
    await write('PATCH', '/indexes/m/settings', SETTINGS);
    await write('POST', '/indexes/m/documents?primaryKey=id', DOCUMENTS);
    await write('POST', '/indexes', { uid: 'plain', primaryKey: 'id' });
    await write('POST', '/indexes/plain/documents?primaryKey=id', [{ id: 1, t: 'a' }, { id: 2 }]);
    for (const uid of uids) await ended(call, uid);
  }
}, 5 * MINUTES);

e2e.after(async () => {
  if (missing !== undefined) return;
  await pool.destroy();
  await bare.stop();
  await cluster.stop();
}, MINUTES);

async function ended(call: Call, uid: number): Promise<void> {
  for (;;) {
    const { body } = await call('GET', `/tasks/${uid}`);
    if (body.status === 'succeeded') return;
    assert.is.not(body.status, 'failed', JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const VOLATILE = new Set(['processingTimeMs', 'requestUid', 'queryUid']);

function comparable(answer: Answer): unknown {
  const body = JSON.parse(answer.text === '' ? 'null' : answer.text, (name, value: unknown) =>
    VOLATILE.has(name) ? undefined : value,
  ) as unknown;
  return { status: answer.status, body };
}

for (const { name, method, path, body, headers } of BAD_READS) {
  e2e.testUnless(
    missing,
    name,
    async () => {
      const sent = typeof body === 'function' ? body() : body;
      const more = { 'content-type': 'application/json', ...headers };
      const given = sent === undefined ? headers : more;
      const [ours, theirs] = await Promise.all([
        cluster.call(method, path, sent, given),
        callBare(method, path, sent, given),
      ]);
      assert.equal(comparable(ours), comparable(theirs));
      assert.not.match(ours.text.replaceAll(JSON.stringify(sent) ?? '', ''), '_miroir_');
    },
    2 * MINUTES,
  );
}

for (const { name, method, path, body } of RESERVED_READS) {
  e2e.testUnless(
    missing,
    `reserved: ${name}`,
    async () => {
      const answer = await cluster.call(method, path, body);
      assert.is(answer.status, 400, answer.text);
      assert.is(answer.body.code, 'miroir_reserved_field', answer.text);
      assert.equal(Object.keys(answer.body), ['message', 'code', 'type', 'link']);
    },
    MINUTES,
  );
}

e2e.testUnless(
  missing,
  'the prefix inside q, values and texts names nothing',
  async () => {
    const [first, second] = ['_miroir_shard', 'no _miroir_version here'];
    for (const body of [
      { q: first },
      { q: second, attributesToHighlight: ['*'], attributesToRetrieve: ['*'] },
      { filter: `title = "${first}"` },
      { filter: [`title IN ["${first}", '${second}']`] },
      { q: 'sea', highlightPreTag: first, highlightPostTag: first, cropMarker: first },
    ]) {
      const ours = await cluster.call('POST', '/indexes/m/search', body);
      const theirs = await callBare('POST', '/indexes/m/search', body);
      assert.equal(comparable(ours), comparable(theirs), JSON.stringify(body));
    }
  },
  MINUTES,
);

e2e.run();
