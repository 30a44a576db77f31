/** What planning a write comes to, and the small parts every plan is made of. */

import { inSyncOf } from '../copies/index.ts';
import type { IndexRecord, Intent, State, Swap, TaskError } from '../state/index.ts';
import { touchedShards } from './index-record.ts';
import type { StepPlan } from './steps.ts';

/** The parts of an intent that the catalog decides. */
export type WritePlan = Pick<
  Intent,
  'names' | 'scope' | 'indexId' | 'createsIndex' | 'change' | 'swaps' | 'mustBeEmpty' | 'tasks'
> & {
  readonly ground: StepPlan;
  /** Shards of its documents, ascending. */
  readonly shards: readonly number[];
  /** Node -> those of the shards it takes. */
  readonly targets: ReadonlyMap<string, readonly number[]>;
  readonly error: TaskError | null;
};

/** No place in the lane is taken for the last two. */
export type Planned =
  | { readonly kind: 'write'; readonly plan: WritePlan }
  | { readonly kind: 'otherPrimaryKey'; readonly primaryKey: string }
  | { readonly kind: 'refusal'; readonly code: string; readonly message: string };

/** Place and time that the write will have. */
export interface Place {
  readonly seq: number;
  readonly enqueuedAt: string;
  readonly freshIndexId: string;
}

/** Nothing is called. */
export const NO_STEPS: StepPlan = { steps: [], bodies: [] };

/** A plan that touches nothing; what a kind needs is laid over it. */
export function emptyPlan(names: readonly string[], changes: Partial<WritePlan> = {}): WritePlan {
  return {
    names,
    scope: 'none',
    indexId: null,
    createsIndex: false,
    change: null,
    swaps: [] as readonly Swap[],
    mustBeEmpty: false,
    tasks: null,
    ground: NO_STEPS,
    shards: [],
    targets: new Map(),
    error: null,
    ...changes,
  };
}

/** The index as writes that begin now see it. */
export function headIndex(state: State, uid: string): IndexRecord | undefined {
  const id = state.head.get(uid);
  return id === undefined ? undefined : state.indexes.get(id);
}

/** A failing write keeps its place; nothing is sent. */
export function failing(names: readonly string[], error: TaskError): Planned {
  return { kind: 'write', plan: emptyPlan(names, { error }) };
}

/** Refused if a shard touched has no copy that counts on a node that answers. */
export function refuseIfDown(
  state: State,
  index: IndexRecord,
  shards: readonly number[] = touchedShards(index, undefined),
): Planned | undefined {
  const down = nodesMissing(state, index, shards);
  if (down.length === 0) return undefined;
  return {
    kind: 'refusal',
    code: 'miroir_shard_unavailable',
    message: `The write needs node ${down.map((id) => `\`${id}\``).join(', ')}, which does not answer. Nothing was written.`,
  };
}

/** Nodes that are down and without which some of these shards have no copy that counts. */
function nodesMissing(state: State, index: IndexRecord, shards: readonly number[]): string[] {
  if (state.downNodes.size === 0) return [];
  const missing = new Set<string>();
  for (const shard of shards) {
    const counting = inSyncOf(index, shard);
    if (counting.some((nodeId) => !state.downNodes.has(nodeId))) continue;
    for (const nodeId of counting) missing.add(nodeId);
  }
  return index.nodeIds.filter((nodeId) => missing.has(nodeId));
}
