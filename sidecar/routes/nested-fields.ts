/**
 * Fields inside others that a search asks for, `a.b`. A node shows what it can of member a only if it has
 * seen a field of that name; where one node of several has, all of them are asked for the whole member
 * and the gateway cuts it, as one node with all documents would.
 */
import type { RankedIndex } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { isAnyFieldSeen } from './formatted-fields.ts';
import { rankedIndex } from './index-plan.ts';

/** Beyond this many in one request, nobody is asked. */
const FIELDS_MAX = 50;

/** The index as ranking sees it, with what nodes have seen of these fields as far as they are nested. */
export async function indexForFields(
  context: RouteContext,
  entry: IndexEntry,
  fields: readonly string[],
): Promise<RankedIndex> {
  const index = rankedIndex(entry);
  if (!index.hasSeveralOwners) return index;
  const names = new Set(fields.filter((name) => name.includes('.')));
  if (names.size === 0 || names.size > FIELDS_MAX) return index;
  const seen = await Promise.all(
    [...names].map(async (name) => ((await isAnyFieldSeen(context, entry, [name])) ? [name] : [])),
  );
  return { ...index, seenNested: new Set(seen.flat()) };
}
