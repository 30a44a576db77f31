/**
 * Filters with `field != value` mean the same on all nodes of an index, seen the field or not
 * (core/filter/not-equal.ts). Where no node has seen the field, such a filter lets nothing through: it is
 * then left alone. So nodes are asked what they have seen, until one has: a field is never unlearned.
 */
import { knowsField, notEqualFields, rewriteNotEqual } from '../../core/filter/index.ts';
import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import type { JsonObject } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { fanOut } from './fan-out.ts';
import { rankedIndex } from './index-plan.ts';
import { indexPath } from './missing-index.ts';

/** Fields of indexes known to be known. */
const REMEMBERED_MAX = 10_000;
/** Beyond this many in one filter, they are not looked at. */
const FIELDS_MAX = 50;

/** The body with a filter for nodes; the same object if nothing had to change. */
export async function withEvenFilter(
  context: RouteContext,
  entry: IndexEntry,
  body: JsonObject,
): Promise<JsonObject> {
  const { filter } = body;
  const even = await evenFilter(context, entry, filter);
  return even === filter ? body : { ...body, filter: even };
}

/** The filter as nodes should be asked; the same value if nothing had to change. */
export async function evenFilter(
  context: RouteContext,
  entry: IndexEntry,
  filter: unknown,
): Promise<unknown> {
  if (!rankedIndex(entry).hasSeveralOwners) return filter;
  const fields = notEqualFields(filter);
  if (fields.length === 0 || fields.length > FIELDS_MAX) return filter;
  const known = new Set<string>();
  await Promise.all(
    fields.map(async (field) => {
      if (await isKnown(context, entry, field)) known.add(field);
    }),
  );
  return known.size === 0 ? filter : rewriteNotEqual(filter, known);
}

/** The queries of a federated search, each with a filter for nodes; anything else as it is. */
export async function evenQueries(
  context: RouteContext,
  entries: ReadonlyMap<string, IndexEntry>,
  queries: unknown,
): Promise<unknown> {
  if (!Array.isArray(queries)) return queries;
  return Promise.all(
    (queries as JsonObject[]).map((query) => {
      const entry = entries.get(String(query['indexUid']));
      return entry === undefined ? query : withEvenFilter(context, entry, query);
    }),
  );
}

async function isKnown(context: RouteContext, entry: IndexEntry, field: string): Promise<boolean> {
  const place = `${entry.id} ${field}`;
  if (field === entry.primaryKey || remembered.has(place)) return true;
  const plan = {
    entry,
    path: indexPath(entry.uid, 'documents', 'fetch'),
    requests: [{ purpose: 'known', body: { filter: knowsField(field), limit: 0 } }],
    covering: coverFor(context, entry),
    token: context.view.internalKey,
  };
  const result = await fanOut(context, plan, (answers) =>
    (answers.get('known') ?? []).some((bytes) => readTotal(bytes) > 0),
  );
  // A node that refuses the field will refuse the client's filter too, in the right words.
  if (result.kind === 'refused') return false;
  if (!result.merged) return false;
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.add(place);
  return true;
}

function readTotal(bytes: Uint8Array): number {
  const { total } = decodeObject(bytes) as { total?: unknown };
  if (typeof total !== 'number') throw new MalformedAnswer('no total');
  return total;
}

/** `<id of the index> <field>`. */
const remembered = new Set<string>();
