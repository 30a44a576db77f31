/** What reads of one index have in common: what ranking must know of it, and which copies to ask. */
import { type CoveringSet, coveringSet, type ShardRead } from '../../core/placement/index.ts';
import type { RankedIndex } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';

/** An index as ranking sees it. */
export function rankedIndex(entry: IndexEntry): RankedIndex {
  let known = ranked.get(entry);
  if (known === undefined) {
    const { uid, primaryKey, settings } = entry;
    known = { uid, primaryKey, settings, hasSeveralOwners: hasSeveralOwners(entry) };
    ranked.set(entry, known);
  }
  return known;
}

/** Entries never change: a changed index is a new entry. */
const ranked = new WeakMap<IndexEntry, RankedIndex>();

function hasSeveralOwners(entry: IndexEntry): boolean {
  const first = entry.owners[0]?.[0]?.nodeId;
  return entry.owners.some((copies) => copies.some(({ nodeId }) => nodeId !== first));
}

/** The copies one search reads: the same for all its pages. */
export function coveringFor(
  entry: IndexEntry,
  body: Readonly<Record<string, unknown>>,
): CoveringSet {
  if (!rankedIndex(entry).hasSeveralOwners) return coveringSet(entry.owners);
  const stickyKey = JSON.stringify([entry.id, body['q'] ?? null, body['filter'] ?? null]);
  return coveringSet(entry.owners, { stickyKey });
}

/** The one node that alone holds all that is asked and nothing else, if the set is such. */
export function onlyRead(covering: CoveringSet): ShardRead | undefined {
  const [read, second] = covering.reads;
  const isOnly = second === undefined && covering.uncovered.length === 0;
  return isOnly && read?.isWhole === true ? read : undefined;
}
