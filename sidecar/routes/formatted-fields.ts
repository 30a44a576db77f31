/**
 * Whether some node of an index has seen a field that is to be highlighted or cropped, where the hits at
 * hand do not tell: then one node with all documents would format every hit (core/ranking,
 * write-formatted). Nodes are asked to highlight it in any document.
 */
import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import { SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';

const REMEMBERED_MAX = 10_000;
/** How long it is taken for true that no node knows any of the fields. */
const UNKNOWN_FOR_MS = 1_000;

/** Whether a node of the index has seen any of the fields. A node that does not answer has not. */
export async function isAnyFieldSeen(
  context: RouteContext,
  entry: IndexEntry,
  fields: readonly string[],
): Promise<boolean> {
  const place = JSON.stringify([entry.id, fields]);
  const unseenAtMs = remembered.get(place);
  if (unseenAtMs === null) return true;
  if (unseenAtMs !== undefined && performance.now() - unseenAtMs < UNKNOWN_FOR_MS) return false;
  const body = { limit: 1, attributesToRetrieve: [SHARD_FIELD], attributesToHighlight: fields };
  const plan = {
    entry,
    path: indexPath(entry.uid, 'search'),
    requests: [{ purpose: 'seen', body }],
    covering: coverFor(context, entry),
    token: context.view.internalKey,
  };
  const result = await fanOut(context, plan, (answers) =>
    (answers.get('seen') ?? []).some((bytes) => hasFormatted(bytes)),
  );
  const isSeen = result.kind === 'answered' && result.merged;
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  // A field is never unlearned.
  remembered.set(place, isSeen ? null : performance.now());
  return isSeen;
}

/** Per index and fields: null if one is known, else when none was. */
const remembered = new Map<string, number | null>();

function hasFormatted(bytes: Uint8Array): boolean {
  const { hits } = decodeObject(bytes);
  if (!Array.isArray(hits)) throw new MalformedAnswer('no hits');
  return hits.some((hit) => typeof hit === 'object' && hit !== null && '_formatted' in hit);
}
