/** How many documents of a shard a node holds: one small call. */
import type { ControlNode } from '../node.ts';
import { fetchDocuments, type ShardPlace, shardFilter } from './place.ts';

const ANSWER_BYTES_MAX = 64 * 1024;

/** Counts them; undefined if the node did not answer. */
export async function countShard(
  node: ControlNode,
  place: ShardPlace,
  signal: AbortSignal,
): Promise<number | undefined> {
  const page = await fetchDocuments(node, place, {
    body: { filter: shardFilter(place, 0), limit: 0 },
    answerBytesMax: ANSWER_BYTES_MAX,
    signal,
  });
  if (page.kind === 'page') return page.total;
  return page.kind === 'refused' && page.reason.includes('index_not_found') ? 0 : undefined;
}
