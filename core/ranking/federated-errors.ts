/**
 * Which of several refusals of a federated search a single node would have told. Each node stops at its
 * first; a node with all indexes reads all bodies, then all filters, then takes index after index in the
 * order of their names, and of each its queries in their order, then its facets.
 */
import type { MiroirError } from '../errors.ts';
import { cleanMessage } from './errors.ts';
import type { FederatedNodeRequest, FederatedPlan } from './federated-plan.ts';
import { withoutMark } from './filterable.ts';
import { compareUtf8 } from './normalize.ts';

/** What a node said to one request. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** The text as the client's own request would have produced it: its places of queries, its names. */
export function refusalText(
  plan: FederatedPlan,
  request: Pick<FederatedNodeRequest, 'indexUid' | 'positions'>,
  message: string,
): string {
  const { settings = {} } = plan.indexes.get(request.indexUid) ?? {};
  return withoutMark(cleanMessage(message, settings)).replace(
    /\.queries\[(\d+)\]/g,
    (_, place: string) => `.queries[${request.positions[Number(place)] ?? place}]`,
  );
}

/** What is found here, and not by a node. */
export interface OwnRefusal {
  /** The query at which it is found, before it is searched. */
  readonly position: number;
  readonly error: MiroirError;
  /** It is found before the first query of the index. */
  readonly isOfIndex?: boolean;
}

/** The refusal to tell: its place among the nodes' (in the client's words), or one found here. */
export function firstRefusal(
  plan: FederatedPlan,
  refusals: readonly Refusal[],
  own: readonly OwnRefusal[],
): number | OwnRefusal | undefined {
  const candidates = [
    ...own.map((refusal) => [refusal, ownMoment(plan, refusal)] as const),
    ...refusals.map((refusal, at) => [at, momentOf(plan, refusal)] as const),
  ];
  const [first] = candidates.sort(([, left], [, right]) => compareMoments(left, right));
  return first?.[0];
}

function ownMoment(plan: FederatedPlan, { position, isOfIndex }: OwnRefusal): Moment {
  const place = isOfIndex === true ? -1 : position;
  return { stage: IN_INDEX, uid: uidOf(plan, position), place, step: COMPARED };
}

/** When a node finds an error: before any index is opened, or at which query of which index. */
interface Moment {
  readonly stage: number;
  readonly uid: string;
  readonly place: number;
  readonly step: number;
}

const BODY = 0;
const FILTER = 1;
const PARTITION = 2;
const IN_INDEX = 3;

const EMBEDDER = 0;
const COMPARED = 1;
const SEARCHED = 2;

function momentOf(plan: FederatedPlan, { code, message }: Refusal): Moment {
  const found = /^Inside `\.queries\[(\d+)\]`: (.*)$/s.exec(message);
  if (found === null) {
    const place = Number(/\.queries\[(\d+)\]/.exec(message)?.[1] ?? -1);
    return { stage: BODY, uid: '', place, step: 0 };
  }
  const place = Number(found[1]);
  const text = found[2] ?? '';
  if (code === 'invalid_search_filter' && !text.startsWith('Index `')) {
    return { stage: FILTER, uid: '', place, step: 0 };
  }
  if (/^invalid_multi_search_(?!query_ranking_rules|facet_order)/.test(code)) {
    return { stage: PARTITION, uid: '', place, step: 0 };
  }
  const uid = uidOf(plan, place);
  if (text.startsWith('Inside `.federation.facetsByIndex.')) {
    return { stage: IN_INDEX, uid, place: plan.queries.length, step: 0 };
  }
  const step = /embedder|hybrid/.test(code) ? EMBEDDER : SEARCHED;
  return { stage: IN_INDEX, uid, place, step };
}

function uidOf(plan: FederatedPlan, position: number): string {
  return plan.queries[position]?.indexUid ?? '';
}

function compareMoments(left: Moment, right: Moment): number {
  return (
    left.stage - right.stage ||
    compareUtf8(left.uid, right.uid) ||
    left.place - right.place ||
    left.step - right.step
  );
}
