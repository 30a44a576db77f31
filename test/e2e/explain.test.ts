/**
 * Goal: a federated search is explained like any other read: who was asked what, which rule put one hit
 * before the next, on one node and on several.
 * Method: real nodes, indexes of one node each; one of them alone, then all of them together.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findMeilisearch, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const UIDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const e2e = suite('explained federations');
const missing = findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;
let cluster: TestCluster;

e2e.before(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster(['--spread', '1']);
  for (const [place, uid] of UIDS.entries()) {
    const path = `/indexes/${uid}/documents?primaryKey=id`;
    const documents = [1, 2, 3].map((id) => ({ id, title: `sea ${'deep '.repeat(place)}${id}` }));
    const added = await cluster.call('POST', path, documents);
    assert.is((await cluster.waitForTask(added.body.taskUid)).status, 'succeeded');
  }
}, 5 * MINUTES);
e2e.after(async () => {
  if (missing === undefined) await cluster.stop();
}, MINUTES);

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
async function explain(uids: readonly string[]): Promise<any> {
  const token = readFileSync(join(cluster.dataFolder, 'admin-token'), 'utf8').trim();
  const queries = uids.map((indexUid) => ({ indexUid, q: 'sea' }));
  const body = { method: 'POST', path: '/multi-search', body: { federation: {}, queries } };
  const answer = await cluster.call('POST', '/_miroir/explain', body, {
    authorization: `Bearer ${token}`,
  });
  assert.is(answer.status, 200, answer.text);
  assert.is(answer.body.status, 200, answer.text);
  return answer.body;
}

e2e.testUnless(
  missing,
  'one node that holds everything is told of with its hits',
  async () => {
    const said = await explain(['a']);
    assert.is(said.verdict, 'exact');
    assert.is(said.calls.length, 1);
    assert.is(said.merges.length, 1);
    assert.is(said.merges[0].hit_count, 3);
    assert.equal(said.merges[0].nodes, [said.calls[0].node]);
  },
  MINUTES,
);

e2e.testUnless(
  missing,
  'several nodes: each decision names both nodes and its rule',
  async () => {
    const said = await explain(UIDS);
    const [merge] = said.merges;
    assert.ok(merge.nodes.length > 1, 'six indexes lie on one node only');
    assert.is(merge.hit_count, 3 * UIDS.length);
    assert.ok(said.calls.every(({ purpose }: { purpose: string }) => / ?whole$/.test(purpose)));
    for (const decision of merge.decisions) {
      assert.ok(decision.by.length > 0);
      for (const node of decision.nodes) assert.ok(merge.nodes.includes(node), String(node));
    }
  },
  MINUTES,
);

e2e.run();
