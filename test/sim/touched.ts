/** Which documents the tasks of a model node are about. */
import { shardOfText } from './documents.ts';
import type { ModelNode, ModelTask } from './node.ts';

/** Some documents of a shard. */
export interface TouchedShard {
  readonly indexId: string;
  readonly shard: number;
  readonly keys: string[];
}

/** Shards, with the keys there, that a document task is about. */
export function touchedBy(node: ModelNode, task: ModelTask, shardCount: number): TouchedShard[] {
  const indexId = node.indexes.get(task.indexUid)?.identity;
  const { work } = task;
  if (indexId === undefined || work.kind === 'step' || work.kind === 'marker') return [];
  const keys = work.kind === 'write' ? work.keys : [...work.puts.keys(), ...work.deletes];
  const byShard = new Map<number, string[]>();
  for (const key of keys) {
    const shard = shardOfText(key, shardCount);
    byShard.set(shard, [...(byShard.get(shard) ?? []), key]);
  }
  return [...byShard].map(([shard, own]) => ({ indexId, shard, keys: own }));
}

/** Keys of a shard that the node has from the write at `seq`, sorted. */
export function appliedKeys(
  node: ModelNode,
  seq: number,
  place: { readonly shard: number; readonly shardCount: number },
): string[] {
  const keys: string[] = [];
  for (const task of node.tasks) {
    if (task.seq !== seq || task.work.kind !== 'write' || task.status !== 'succeeded') continue;
    for (const key of task.work.keys) {
      if (shardOfText(key, place.shardCount) === place.shard) keys.push(key);
    }
  }
  return keys.sort();
}
