/** Three stand-in nodes with documents placed by hand, for the tests of reads. */
import * as assert from 'uvu/assert';
import { shardOfKey } from '../../../../core/placement/index.ts';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { toNodeSettings } from '../../../../core/settings/index.ts';
import type { RunningEngine } from '../../../engine/index.ts';
import { fakeIndex, MASTER_KEY } from '../fake-control.ts';

type Engines = readonly RunningEngine[];

/** Shards of every index here. */
export const SHARDS = 8;
/** The user's settings of every index here. */
export const SETTINGS = {
  filterableAttributes: ['id', 'year', 'kind'],
  sortableAttributes: ['year'],
};
/** A number that no float holds. */
export const BIG = '9007199254740993';

/** Every shard on the first two nodes. */
export function copiedIndex(settingsJson: Buffer): ReturnType<typeof fakeIndex> {
  const owners = Buffer.alloc(SHARDS * 4);
  for (let shard = 0; shard < SHARDS; shard += 1) owners.writeUInt16LE(1, shard * 4 + 2);
  const copyStates = Buffer.alloc(SHARDS * 2);
  const more = { settingsJson, owners, copyStates, copiesPerShard: 2 };
  return fakeIndex('copied', SHARDS, ['n0', 'n1', 'n2'], () => 0, more);
}

/** Every shard on the first node; the other copies on the second or the third. */
export function splitIndex(settingsJson: Buffer): ReturnType<typeof fakeIndex> {
  const owners = Buffer.alloc(SHARDS * 4);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    owners.writeUInt16LE(shard < SHARDS / 2 ? 1 : 2, shard * 4 + 2);
  }
  const copyStates = Buffer.alloc(SHARDS * 2);
  const more = { settingsJson, owners, copyStates, copiesPerShard: 2 };
  return fakeIndex('parted', SHARDS, ['n0', 'n1', 'n2'], () => 0, more);
}

/** Puts 30 documents with internal fields on the nodes that `nodesOf` names for their shard. */
export async function place(
  engines: Engines,
  uid: string,
  nodesOf: (shard: number) => number[],
): Promise<void> {
  const perNode: string[][] = [[], [], []];
  for (let id = 0; id < 30; id += 1) {
    const shard = shardOfKey(String(id), SHARDS);
    const own = `"_miroir_shard":"${encodeShard(shard)}","_miroir_version":"${encodeVersion({ seq: 1, position: id })}"`;
    const text = `{"id":${id},"title":"word${id % 3} common","year":${2000 + (id % 5)},"kind":"k${id % 2}","big":${BIG},${own}}`;
    for (const node of nodesOf(shard)) perNode[node]?.push(text);
  }
  for (const [node, texts] of perNode.entries()) {
    if (texts.length === 0) continue;
    const hasSeveralOwners = uid !== 'single';
    await post(
      engines,
      node,
      `/indexes/${uid}/settings`,
      toNodeSettings(SETTINGS, { hasSeveralOwners }),
      'PATCH',
    );
    await post(engines, node, `/indexes/${uid}/documents?primaryKey=id`, `[${texts.join(',')}]`);
  }
}

/** One accepted write to one node. */
export async function post(
  engines: Engines,
  node: number,
  path: string,
  body: unknown,
  method = 'POST',
): Promise<void> {
  const response = await fetch(`${engines[node]?.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  assert.is(response.status, 202, await response.text());
}

/** Waits until a node has nothing left to do. */
export async function settle(engines: Engines, node: number): Promise<void> {
  for (;;) {
    const response = await fetch(`${engines[node]?.url}/tasks?statuses=enqueued,processing`, {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    const { total } = (await response.json()) as { total: number };
    if (total === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The node that holds a document of the striped index. */
const nodeOf = (id: number): number => shardOfKey(String(id), SHARDS) % 3;
/** The documents of the striped index that a node holds. */
export const idsOf = (node: number): number[] =>
  Array.from({ length: 30 }, (_, id) => id).filter((id) => nodeOf(id) === node);
