/**
 * Asks nodes for their hits without distinct, where they may have dropped some that the whole would keep
 * (core/ranking, open distinct). If they cannot be asked, the answer stays as it is.
 */
import type { CoveringSet } from '../../core/placement/index.ts';
import {
  type MergedAnswer,
  openRequests,
  type SearchPlan,
  type SearchPurpose,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { type FanOutAnswers, fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';

/** Each asks for four times as many hits as the one before. */
const ROUNDS_MAX = 5;

/** The search so far, and how its answers are merged. */
export interface OpenInput {
  readonly entry: IndexEntry;
  readonly covering: CoveringSet;
  readonly plan: SearchPlan;
  readonly result: {
    readonly answers: FanOutAnswers<SearchPurpose>;
    readonly merged: MergedAnswer;
    readonly missing: readonly number[];
  };
  readonly merge: (
    answers: FanOutAnswers<SearchPurpose>,
    learned: { readonly openDepth: number },
  ) => MergedAnswer;
}

/** The merged answer, all answers it came from, and how deep nodes were asked without distinct. */
export interface OpenResult {
  readonly answers: FanOutAnswers<SearchPurpose>;
  readonly merged: MergedAnswer;
  readonly openDepth: number | undefined;
}

/** Goes deeper until nothing can be missing, nodes show no more, or the rounds are over. */
export async function openDistinct(context: RouteContext, input: OpenInput): Promise<OpenResult> {
  const { entry, covering, plan, result, merge } = input;
  let { answers, merged } = result;
  let openDepth: number | undefined;
  for (let round = 1; round <= ROUNDS_MAX && merged.wantedDepth !== undefined; round += 1) {
    const depth = merged.wantedDepth;
    const isNew = ({ purpose }: { readonly purpose: SearchPurpose }) =>
      purpose !== 'open-list' || !answers.has(purpose);
    const requests = openRequests(plan, depth).filter(isNew);
    const path = indexPath(entry.uid, 'search');
    const known = answers;
    const mergeOpen = (open: FanOutAnswers<SearchPurpose>): MergedAnswer =>
      merge(new Map([...known, ...open]), { openDepth: depth });
    const asked = { entry, path, requests, covering, hitsMax: plan.hitsTotalMax };
    const found = await fanOut(context, asked, mergeOpen).catch(() => undefined);
    if (found?.kind !== 'answered') break;
    // A shard that fails only now would be a hole that nobody is told of.
    if (found.missing.some((shard) => !result.missing.includes(shard))) break;
    openDepth = depth;
    answers = new Map([...known, ...found.answers]);
    merged = found.merged;
  }
  return { answers, merged, openDepth };
}
