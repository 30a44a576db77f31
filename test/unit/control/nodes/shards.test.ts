/**
 * Goal: what recovery does with documents on nodes: a shard listed is the shard and nothing else, a copy
 * written from what was read is equal in every field, number and vector, and a comparison finds exactly the
 * documents that differ.
 * Method: two nodes (real ones where a binary is found) with documents of two shards; one is copied.
 */
import * as assert from 'uvu/assert';
import { ControlNode } from '../../../../control/nodes/index.ts';
import {
  compareDocuments,
  compareShards,
  listShard,
  readDocuments,
  type ShardPlace,
  writePage,
} from '../../../../control/nodes/shards/index.ts';
import { firstVersionOf } from '../../../../core/documents/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { toNodeSettings } from '../../../../core/settings/index.ts';
import { needsReal, startNode, type TestNode } from '../../../kit/nodes.ts';
import { suite } from '../../../kit/suite.ts';

const { test, testUnless, before, after, run } = suite('shards on nodes');
const signal = new AbortController().signal;
const nodes: TestNode[] = [];
let left: ControlNode;
let right: ControlNode;
const place: ShardPlace = { indexUid: 'goods', primaryKey: 'sku', shard: 3 };

before(async () => {
  nodes.push(await startNode(), await startNode());
  const [first, second] = nodes.map(
    (node, at) => new ControlNode(`n${at}`, node.url, () => node.masterKey),
  );
  assert.ok(first && second);
  left = first;
  right = second;
  for (const node of [left, right]) {
    await done(node, 'POST', '/indexes', { uid: 'goods', primaryKey: 'sku' });
    const settings = toNodeSettings({}, { hasSeveralOwners: true });
    await done(node, 'PATCH', '/indexes/goods/settings', settings);
  }
}, 60_000);

after(async () => {
  await Promise.all([left.close(), right.close()]);
  await Promise.all(nodes.map((node) => node.stop()));
});

async function done(
  node: ControlNode,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<void> {
  const text =
    body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const answer = await node.call({ method, path, ...text });
  assert.is(answer.kind, 'answer');
  if (answer.kind !== 'answer') return;
  assert.is(answer.status, 202, answer.text);
  const { taskUid } = JSON.parse(answer.text) as { taskUid: number };
  await ended(node, taskUid);
}

async function ended(node: ControlNode, uid: number): Promise<void> {
  for (;;) {
    const task = await node.read<{ status: string; error: unknown }>(`/tasks/${uid}`);
    if (task?.status === 'succeeded') return;
    assert.is.not(task?.status, 'failed', JSON.stringify(task?.error));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A document as the gateway would have written it; `fields` is JSON text of further members. */
function stored(sku: string, fields: string, seq: number, shard = place.shard): string {
  const version = encodeVersion({ seq, position: 0 });
  return `{"sku":${JSON.stringify(sku)},${fields},"_miroir_shard":"${encodeShard(shard)}","_miroir_version":"${version}"}`;
}

async function listOf(node: ControlNode, fromSeq = 0): Promise<Map<bigint, string>> {
  const list = await listShard(node, place, { fromSeq, signal });
  assert.is(list.kind, 'list');
  return list.kind === 'list' ? list.ids : new Map();
}

/** Copies these documents from left to right, whole; those that are not on the left are deleted. */
async function copy(ids: readonly string[]): Promise<void> {
  const read = await readDocuments(left, place, ids, signal);
  assert.is(read.kind, 'documents');
  if (read.kind !== 'documents') return;
  const deletedIds = ids.filter((id) => !read.documents.has(hashPrimaryKey(id)));
  const page = { documents: [...read.documents.values()], deletedIds };
  const outcomes = await writePage(right, place, page, {
    tag: (part) => `m1.0123456789abcdef.7.${part}.rc`,
    signal,
  });
  for (const outcome of outcomes) {
    assert.is(outcome.kind, 'enqueued');
    if (outcome.kind === 'enqueued') await ended(right, outcome.uid);
  }
}

test('a list holds the documents of the shard, all or from a place in the lane on', async () => {
  const documents = [
    stored('a', '"price":1', 5),
    stored('b', '"price":2', 6),
    stored('c', '"price":3', 7),
    stored('z', '"price":9', 7, 4),
  ];
  await done(left, 'POST', '/indexes/goods/documents', `[${documents.join(',')}]`);
  assert.equal([...(await listOf(left)).values()].sort(), ['a', 'b', 'c']);
  assert.equal([...(await listOf(left, 6)).values()].sort(), ['b', 'c']);
  const list = await listShard(left, place, { fromSeq: 7, signal });
  assert.is(list.kind === 'list' && list.versions.get(hashPrimaryKey('c')), firstVersionOf(7));
  const missing = { ...place, indexUid: 'unknown' };
  const none = await listShard(left, missing, { fromSeq: 0, signal });
  assert.is(none.kind === 'list' && none.ids.size, 0);
});

test('a copy is equal, whatever the order of fields; numbers keep their text', async () => {
  const exact =
    '"big":18446744073709551615,"exact":9007199254740993,"half":1.10,"nested":{"y":[1,{"q":1,"p":2}],"x":null}';
  await done(left, 'POST', '/indexes/goods/documents', `[${stored('d', exact, 8)}]`);
  // The other node met the fields in another order.
  await done(
    right,
    'POST',
    '/indexes/goods/documents',
    `[${stored('x', '"nested":{},"half":2,"price":1', 1)}]`,
  );
  await copy(['a', 'b', 'c', 'd', 'x']);
  const verdict = await compareShards({ left, right }, place, signal);
  assert.equal(verdict.kind === 'compared' && [verdict.different, verdict.count], [[], 4]);
  const read = await readDocuments(right, place, ['d'], signal);
  const text =
    read.kind === 'documents' ? Buffer.from(read.documents.get(hashPrimaryKey('d')) ?? []) : '';
  assert.match(text.toString(), '"exact":9007199254740993');
  assert.match(text.toString(), '18446744073709551615');
});

test('a comparison finds changed, missing and additional documents, and only those', async () => {
  const changed = [stored('b', '"price":20', 6), stored('extra', '"price":0', 9)];
  await done(right, 'POST', '/indexes/goods/documents', `[${changed.join(',')}]`);
  await done(right, 'POST', '/indexes/goods/documents/delete-batch', ['c']);
  const verdict = await compareShards({ left, right }, place, signal);
  assert.is(verdict.kind, 'compared');
  if (verdict.kind !== 'compared') return;
  const names = verdict.different.map((hash) => verdict.ids.get(hash));
  assert.equal(names.sort(), ['b', 'c', 'extra']);
  const some = new Map(['a', 'b', 'nowhere'].map((id) => [hashPrimaryKey(id), id]));
  const part = await compareDocuments({ left, right }, place, { ids: some, signal });
  assert.equal(part.kind === 'compared' && part.different, [hashPrimaryKey('b')]);
  await copy(['b', 'c', 'extra']);
  const again = await compareShards({ left, right }, place, signal);
  assert.equal(again.kind === 'compared' && again.different, []);
});

test('a node that is gone is unreachable, and a write to it surely not done', async () => {
  const gone = new ControlNode('gone', 'http://127.0.0.1:9', () => 'key');
  const list = await listShard(gone, place, { fromSeq: 0, signal });
  assert.is(list.kind, 'unreachable');
  const page = { documents: [Buffer.from('{"sku":"a"}')], deletedIds: [] };
  const [outcome] = await writePage(gone, place, page, { tag: String, signal });
  assert.is(outcome?.kind, 'refused');
  await gone.close();
});

testUnless(needsReal, 'vectors survive, and no embedder is asked to make them again', async () => {
  const embedders = { own: { source: 'userProvided', dimensions: 2 } };
  for (const node of [left, right]) {
    await done(node, 'DELETE', '/indexes/goods/documents');
    await done(node, 'PATCH', '/indexes/goods/settings', { embedders });
  }
  const documents = [
    stored('v1', '"_vectors":{"own":[0.1,0.7],"other":[1,2,3]}', 20),
    stored('v2', '"_vectors":{"own":{"embeddings":[[1,2],[3,4]],"regenerate":true}}', 20),
    stored('v3', '"_vectors":{"own":null}', 20),
  ];
  await done(left, 'POST', '/indexes/goods/documents', `[${documents.join(',')}]`);
  await copy(['v1', 'v2', 'v3']);
  const body = JSON.stringify({ retrieveVectors: true, sort: ['_miroir_version:asc'] });
  const path = '/indexes/goods/documents/fetch';
  const [first, second] = await Promise.all(
    [left, right].map((node) => node.call({ method: 'POST', path, body })),
  );
  assert.ok(first?.kind === 'answer' && second?.kind === 'answer');
  const vectors = (answer: typeof first): unknown[] =>
    answer?.kind === 'answer'
      ? (JSON.parse(answer.text) as { results: { _vectors: unknown }[] }).results.map(
          (item) => item._vectors,
        )
      : [];
  assert.equal(vectors(second), vectors(first));
  assert.is(vectors(first).length, 3);
  const verdict = await compareShards({ left, right }, place, signal);
  assert.equal(verdict.kind === 'compared' && verdict.different, []);
});

run();
