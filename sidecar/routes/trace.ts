/**
 * What a read leaves behind for those who ask how it was answered: which copies were chosen, what each
 * node was asked and said, how the answers were merged. Routes report to a trace where there is one.
 */
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import type { MergedAnswer } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { Question } from './ask.ts';
import type { RouteContext } from './context.ts';

/** Listens to one read. */
export interface ReadTrace {
  /** Copies were chosen, for a request in this context. */
  chose(context: RouteContext, entry: IndexEntry, covering: CoveringSet): void;
  /** A node was asked. */
  asked(nodeId: NodeId, question: Question, outcome: NodeOutcome, elapsedMs: number): void;
  /** An answer was made of these nodes' answers, in their order. */
  merged(uid: string, answer: MergedAnswer, nodeIds: readonly NodeId[]): void;
}
