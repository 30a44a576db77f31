/**
 * Documents with several vectors of one embedder. A node looks for so many neighbours of each first, each
 * second vector and so on, and for more only when these are used up: what a second vector brought stands
 * before what the next look brings, be that nearer. Its list then contradicts its own scores.
 */
import type { Tree } from '../../stories/lossless.ts';
import { idOf } from '../history.ts';
import { isObj, member } from '../json.ts';
import type { IndexPlan } from '../scenario.ts';
import { compareDetails } from './own-order.ts';
import { hitsOf, omit, type SubCase, WINDOW_NAMES, windowOf } from './sub-case.ts';
import type { Verdict } from './verdict.ts';

/**
 * Grants `several-vectors` to a vector search where the node's hits contradict its own scores and the
 * gateway's follow theirs.
 */
export async function explainSeveralVectors(one: SubCase): Promise<Verdict | undefined> {
  const { hybrid } = one.params;
  const embedder = isObj(hybrid) ? hybrid['embedder'] : undefined;
  if (typeof embedder !== 'string') return undefined;
  if (severalVectors(one.evidence.plan(one.uid), embedder).size === 0) return undefined;
  const { offset, limit } = windowOf(one.params, one.evidence.settings(one.uid));
  const body = {
    ...omit(one.params, WINDOW_NAMES),
    limit: offset + limit,
    showRankingScoreDetails: true,
  };
  const path = `/indexes/${one.uid}/search`;
  const [before, after] = await Promise.all([
    one.arena.reference.send({ method: 'POST', path, body }),
    one.arena.target.send({ method: 'POST', path, body }),
  ]);
  const [mine, theirs] = [hitsOf(before), hitsOf(after)];
  if (mine === undefined || theirs === undefined) return undefined;
  return isOutOfOrder(mine) && !isOutOfOrder(theirs)
    ? { class: 'several-vectors', why: 'the list of the node contradicts its own scores' }
    : undefined;
}

/** Whether a hit found by its vector is nearer than one above it. */
function isOutOfOrder(hits: readonly Tree[]): boolean {
  const details = hits.flatMap((hit) => {
    const own = hit instanceof Map ? hit.get('_rankingScoreDetails') : undefined;
    return own instanceof Map && own.has('vectorSort') ? [own] : [];
  });
  return details.some((own, at) => {
    const above = details[at - 1];
    return above !== undefined && compareDetails(above, own) > 0;
  });
}

/** Identifiers of documents that had several vectors of an embedder at some time. */
export function severalVectors(plan: IndexPlan | undefined, embedder: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const document of plan?.writes.flatMap(({ documents }) => documents ?? []) ?? []) {
    const vectors = member(document, '_vectors') ?? null;
    const own = member(vectors, embedder) ?? null;
    const embeddings = member(own, 'embeddings') ?? own;
    if (Array.isArray(embeddings) && embeddings.length > 1 && Array.isArray(embeddings[0])) {
      found.add(idOf(member(document, plan?.primaryKey ?? '') ?? null));
    }
  }
  return found;
}
