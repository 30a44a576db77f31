/**
 * Explains a vector search by the engine itself: it builds its graph of neighbours with random numbers,
 * so two nodes with one history may find other neighbours. Granted only if the reference node disagrees
 * with an index that it built anew from the same writes, or if the gateway agrees with the reference once
 * the index is built anew on its nodes.
 */
import { compareReplies } from '../compare.ts';
import { isObj } from '../json.ts';
import type { Call } from '../server.ts';
import type { Evidence } from './evidence.ts';
import type { Case } from './judge.ts';
import type { Verdict } from './verdict.ts';

const TRIES = 8;

/** Grants `unsteady`; undefined if it is no vector search, or the node agrees with itself. */
export async function explainUnsteady(one: Case, evidence: Evidence): Promise<Verdict | undefined> {
  const { request } = one;
  const uid = /^\/indexes\/([^/]+)\/(search|similar)$/.exec(request.path)?.[1];
  const isVector =
    request.kind === 'similar' ||
    request.query?.['hybridEmbedder'] !== undefined ||
    (isObj(request.body) && request.body['hybrid'] !== undefined);
  if (uid === undefined || !isVector) return undefined;
  const isShownOtherwise = one.differences.some(
    ({ pointer }) =>
      !/^\/(hits|estimatedTotalHits|totalHits|totalPages|semanticHitCount|facet)/.test(pointer),
  );
  if (isShownOtherwise) return undefined;
  const ask = (fresh: string): Call => {
    return { ...request, path: request.path.replace(uid, fresh) };
  };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const again = await evidence.askAnew('reference', uid, ask);
    if (again === undefined) return undefined;
    if (compareReplies(request, one.reference, again).length > 0) {
      return { class: 'unsteady', why: 'the node disagrees with itself when built anew' };
    }
    const target = await evidence.askAnew('target', uid, ask);
    if (target === undefined) return undefined;
    if (compareReplies(request, one.reference, target).length === 0) {
      return { class: 'unsteady', why: 'nodes built anew agree' };
    }
  }
  return undefined;
}
