/** What reads of one index have in common: what ranking must know of it, and which copies to ask. */
import { primaryKeysOf } from '../../core/filter/index.ts';
import { type CoveringSet, type ShardRead, shardOfKey } from '../../core/placement/index.ts';
import type { RankedIndex } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { isCurrent } from './coverage.ts';

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
  context: RouteContext,
  entry: IndexEntry,
  body: Readonly<Record<string, unknown>>,
): CoveringSet {
  if (!rankedIndex(entry).hasSeveralOwners) return coverFor(context, entry);
  return coverFor(context, entry, { stickyKey: stickyKeyOf(entry, body) });
}

/**
 * As coveringFor, but where the filter pins the primary key only copies of the shards of those keys. Not
 * with facets: whether a facet is listed without values depends on the fields that a node has seen.
 */
export function narrowCovering(
  context: RouteContext,
  entry: IndexEntry,
  body: Readonly<Record<string, unknown>>,
): CoveringSet {
  const hasFacets = body['facets'] !== undefined && body['facets'] !== null;
  const keys = hasFacets ? undefined : pinnedKeys(entry, body['filter']);
  if (keys === undefined) return coveringFor(context, entry, body);
  return coveringOfKeys(context, entry, { keys, stickyKey: stickyKeyOf(entry, body) });
}

/** The only primary keys that a filter lets through; undefined if others may pass, or none at all. */
export function pinnedKeys(entry: IndexEntry, filter: unknown): readonly string[] | undefined {
  const { primaryKey } = entry;
  // A path of several names can be met by more than one member of a document.
  if (filter === undefined || primaryKey === null || primaryKey.includes('.')) return undefined;
  if (!rankedIndex(entry).hasSeveralOwners) return undefined;
  const keys = primaryKeysOf(filter, primaryKey);
  return keys?.length === 0 ? undefined : keys;
}

/**
 * The copies that hold these documents. One node that has them all needs no internal filter: whatever
 * else it holds has other keys.
 */
export function coveringOfKeys(
  context: RouteContext,
  entry: IndexEntry,
  named: { readonly keys: readonly string[]; readonly stickyKey?: string },
): CoveringSet {
  const { keys, ...sticky } = named;
  const shards = [...new Set(keys.map((key) => shardOfKey(key, entry.shardCount)))];
  shards.sort((left, right) => left - right);
  const covering = coverFor(context, entry, { shards, ...sticky });
  const [read, second] = covering.reads;
  if (read === undefined || second !== undefined) return covering;
  return { ...covering, reads: [{ ...read, isWhole: true }] };
}

function stickyKeyOf(entry: IndexEntry, body: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([entry.id, body['q'] ?? null, body['filter'] ?? null]);
}

/**
 * The one node that alone answers for all that is asked, without an internal filter, if the set is such
 * and the view it was chosen by is current.
 */
export function onlyRead(context: RouteContext, covering: CoveringSet): ShardRead | undefined {
  const [read, second] = covering.reads;
  const isOnly = second === undefined && covering.uncovered.length === 0;
  return isOnly && read?.isWhole === true && isCurrent(context) ? read : undefined;
}
