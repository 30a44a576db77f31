/**
 * Asks for the marks of words in hits that the semantic half of a hybrid search found (core/ranking, marks).
 * One more question to the same nodes; if it cannot be answered, the hits stay without.
 */
import type { CoveringSet } from '../../core/placement/index.ts';
import { type Marks, marksRequest, readMarks, type SearchPlan } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';

/** The marks of documents of these versions; undefined if there are none to be had. */
export async function findMarks(
  context: RouteContext,
  asked: { readonly entry: IndexEntry; readonly covering: CoveringSet; readonly plan: SearchPlan },
  versions: readonly string[],
): Promise<Marks | undefined> {
  if (versions.length === 0) return undefined;
  const { entry, covering, plan } = asked;
  const requests = [{ purpose: 'marks', body: marksRequest(plan, versions) }];
  const path = indexPath(entry.uid, 'search');
  const result = await fanOut(context, { entry, path, requests, covering }, (answers) =>
    readMarks(answers.get('marks') ?? []),
  ).catch(() => undefined);
  return result?.kind === 'answered' ? result.merged : undefined;
}
