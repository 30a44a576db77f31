/** Which node is sent which documents of a write, part by part: as a sidecar cuts it. */
import type { BeginReply } from '../../control/state/index.ts';
import type { Grant } from '../../proto/gen/miroir/write/v1/write.ts';
import { readTargets, shardsByNode } from '../../sidecar/writes/targets.ts';
import { type ClientWrite, hasKeys, KEYS, shardOfText } from './documents.ts';

/** What one node is sent: keys by part. */
export interface NodeParts {
  readonly parts: readonly (readonly string[])[];
  readonly shards: readonly number[];
}

/** By node; nodes without a document of the write are left out. */
export function cutShares(
  write: ClientWrite,
  grant: Extract<BeginReply, { kind: 'grant' }>,
): Map<string, NodeParts> {
  const table = readTargets(grant as unknown as Grant);
  const keys = hasKeys(write.kind) ? write.keys : KEYS.map(({ text }) => text);
  const shares = new Map<string, NodeParts>();
  for (const [place, shards] of shardsByNode(table).entries()) {
    const own = keys.filter((key) => shards.includes(shardOfText(key, table.shardCount)));
    const touched = hasKeys(write.kind)
      ? shards.filter((shard) => own.some((key) => shardOfText(key, table.shardCount) === shard))
      : shards;
    if (touched.length === 0) continue;
    const parts: string[][] = [];
    const size = hasKeys(write.kind) ? write.partSize : own.length;
    for (let at = 0; at < own.length; at += size) parts.push(own.slice(at, at + size));
    if (parts.length === 0) parts.push([]);
    shares.set(table.nodeIds[place] as string, { parts, shards: touched });
  }
  return shares;
}
