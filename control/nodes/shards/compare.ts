/**
 * Compares what two nodes hold of a shard, document by document: identifiers, versions and canonical
 * content, page by page, so that memory is bounded by one page. Both may be written to meanwhile: the
 * caller knows which documents were, and asks again for those alone.
 */
import type { ControlNode } from '../node.ts';
import { listShard, type ShardList } from './list.ts';
import type { ShardFault, ShardPlace } from './place.ts';
import { hashDocuments } from './read.ts';

/** Documents whose content is compared at once. */
const PAGE = 1_000;
/** More differences than these are not listed: the copies have nothing to do with each other. */
const DIFFERENT_MAX = 10_000;

/** Where two copies differ. */
export interface ShardDifference {
  readonly kind: 'compared';
  /** Hashes of the identifiers that differ, at most 10,000. */
  readonly different: bigint[];
  /** Documents looked at. */
  readonly count: number;
  /** hash -> identifier of all that were listed. */
  readonly ids: ReadonlyMap<bigint, string>;
}

/** Two nodes that hold the shard. */
export interface ShardPair {
  readonly left: ControlNode;
  readonly right: ControlNode;
}

/** Compares whole shards. */
export async function compareShards(
  pair: ShardPair,
  place: ShardPlace,
  signal: AbortSignal,
): Promise<ShardDifference | ShardFault> {
  const options = { fromSeq: 0, signal };
  const [left, right] = await Promise.all([
    listShard(pair.left, place, options),
    listShard(pair.right, place, options),
  ]);
  if (left.kind !== 'list') return left;
  if (right.kind !== 'list') return right;
  const different = lonely(left, right);
  const ids = new Map([...left.ids, ...right.ids]);
  const shared = [...left.versions.keys()].filter((hash) => right.versions.has(hash));
  for (let at = 0; at < shared.length; at += PAGE) {
    if (different.length > DIFFERENT_MAX) break;
    const page = shared.slice(at, at + PAGE);
    const fault = await comparePage(pair, place, { page, ids, signal, different });
    if (fault !== undefined) return fault;
  }
  different.length = Math.min(different.length, DIFFERENT_MAX);
  return { kind: 'compared', different, count: ids.size, ids };
}

/** Compares some documents of a shard; a document that is on neither node is equal. */
export async function compareDocuments(
  pair: ShardPair,
  place: ShardPlace,
  wanted: { readonly ids: ReadonlyMap<bigint, string>; readonly signal: AbortSignal },
): Promise<ShardDifference | ShardFault> {
  const { ids, signal } = wanted;
  const different: bigint[] = [];
  const all = [...ids.keys()];
  for (let at = 0; at < all.length; at += PAGE) {
    const page = all.slice(at, at + PAGE);
    const fault = await comparePage(pair, place, { page, ids, signal, different });
    if (fault !== undefined) return fault;
  }
  return { kind: 'compared', different, count: ids.size, ids };
}

async function comparePage(
  pair: ShardPair,
  place: ShardPlace,
  work: {
    readonly page: readonly bigint[];
    readonly ids: ReadonlyMap<bigint, string>;
    readonly signal: AbortSignal;
    readonly different: bigint[];
  },
): Promise<ShardFault | undefined> {
  const texts = work.page.map((hash) => work.ids.get(hash) ?? '');
  const [left, right] = await Promise.all([
    hashDocuments(pair.left, place, texts, work.signal),
    hashDocuments(pair.right, place, texts, work.signal),
  ]);
  if (!(left instanceof Map)) return left;
  if (!(right instanceof Map)) return right;
  for (const hash of work.page) {
    if (left.get(hash) !== right.get(hash)) work.different.push(hash);
  }
  return undefined;
}

function lonely(left: ShardList, right: ShardList): bigint[] {
  return [
    ...[...left.versions.keys()].filter((hash) => !right.versions.has(hash)),
    ...[...right.versions.keys()].filter((hash) => !left.versions.has(hash)),
  ];
}
