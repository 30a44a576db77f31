/**
 * Which documents of a copy have to be looked at (write-protocol rule 17). Lists and tombstones only name
 * documents: what the source holds decides what becomes of them. Versions since a place in the lane are
 * looked for on BOTH sides, since a write that failed or was late may be on the copy alone, and equal
 * versions may hide different contents.
 */
import { firstVersionOf } from '../../core/documents/index.ts';
import type {
  IndexRecord,
  Recovery,
  RecoveryMethod,
  ShardVersions,
  State,
} from '../state/index.ts';
import { hashesOfShard } from './watch.ts';

/** The way to find candidates, and why, for operators. */
export function methodFor(
  from: number,
  isKeyless: boolean,
): { readonly method: RecoveryMethod; readonly words: string } {
  if (from === 0) {
    return {
      method: 'full',
      words: 'nothing it holds can be relied on: every document is written',
    };
  }
  if (isKeyless) {
    const words = `a write it missed since ${from} names no documents: all ids and versions are compared`;
    return { method: 'ids', words };
  }
  return { method: 'delta', words: `every write it missed since ${from} names its documents` };
}

/** Documents of the shard that were deleted by id at `from` or later. */
export function deletedSince(
  state: State,
  index: IndexRecord,
  shard: number,
  from: number,
): Set<bigint> {
  const deleted = new Set<bigint>();
  for (const dead of state.tombstones.values()) {
    if (dead.seq < from || dead.indexId !== index.id) continue;
    for (const hash of hashesOfShard(dead.hashes, index, shard)) deleted.add(hash);
  }
  return deleted;
}

/** The candidates, from what both nodes hold. */
export function candidates(
  recovery: Pick<Recovery, 'method' | 'from'>,
  lists: { readonly source: ShardVersions; readonly target: ShardVersions },
  named: { readonly reread: Iterable<bigint>; readonly deleted: Iterable<bigint> },
): Set<bigint> {
  const found = new Set<bigint>(named.reread);
  const { source, target } = lists;
  if (recovery.method === 'full') {
    for (const hash of source.keys()) found.add(hash);
    for (const hash of target.keys()) found.add(hash);
    return found;
  }
  for (const hash of named.deleted) found.add(hash);
  const since = firstVersionOf(recovery.from);
  for (const list of [source, target]) {
    for (const [hash, version] of list) if (version >= since) found.add(hash);
  }
  if (recovery.method === 'ids') {
    for (const [hash, version] of source) if (target.get(hash) !== version) found.add(hash);
    for (const hash of target.keys()) if (!source.has(hash)) found.add(hash);
  }
  return found;
}
