/** Keeps what a read reports, within bounds, and puts it into the words of the answer to explain. */
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import type { MergedAnswer, Verdict } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { Question } from './ask.ts';
import type { RouteContext } from './context.ts';
import { ranges } from './coverage.ts';
import { explainChoice } from './explain-choice.ts';
import { roundMs } from './round-ms.ts';
import type { ReadTrace } from './trace.ts';

/** A multi-search may hold 1,000 queries. */
const INDEXES_MAX = 50;
const CALLS_MAX = 200;
const MERGES_MAX = 50;
/** Longer bodies are told by their size. */
const BODY_BYTES_MAX = 64 * 1024;

/** From harmless to grave. */
const VERDICTS: readonly Verdict[] = ['exact', 'ties', 'estimate', 'vocabulary'];

/** Listens to one read and tells about it afterwards. */
export class ExplainRecorder implements ReadTrace {
  readonly #indexes: unknown[] = [];
  readonly #calls: unknown[] = [];
  readonly #merges: Record<string, unknown>[] = [];
  #worst: { verdict: Verdict; why?: string } = { verdict: 'exact' };
  #leftOutCount = 0;

  chose(context: RouteContext, entry: IndexEntry, covering: CoveringSet): void {
    this.#keep(this.#indexes, INDEXES_MAX, {
      uid: entry.uid,
      shard_count: entry.shardCount,
      copies: explainChoice(context, entry, covering),
      ...(covering.uncovered.length === 0 ? {} : { uncovered: ranges(covering.uncovered) }),
    });
  }

  asked(nodeId: NodeId, question: Question, outcome: NodeOutcome, elapsedMs: number): void {
    this.#keep(this.#calls, CALLS_MAX, {
      node: nodeId,
      ...(question.purpose === undefined ? {} : { purpose: question.purpose }),
      method: question.method,
      path: question.path,
      ...describeBody(question.body),
      outcome: outcome.kind,
      ...(outcome.kind === 'answered'
        ? { status: outcome.status, answer_bytes: outcome.body.length }
        : {}),
      elapsed_ms: roundMs(elapsedMs),
    });
  }

  merged(uid: string, answer: MergedAnswer, nodeIds: readonly NodeId[]): void {
    const { verdict, why, decisions } = answer.explain();
    if (VERDICTS.indexOf(verdict) > VERDICTS.indexOf(this.#worst.verdict)) {
      this.#worst = { verdict, ...(why === undefined ? {} : { why }) };
    }
    this.#keep(this.#merges, MERGES_MAX, {
      ...(uid === '' ? {} : { index: uid }),
      nodes: [...new Set(nodeIds)],
      verdict,
      ...(why === undefined ? {} : { why }),
      hit_count: answer.hitCount,
      decisions: decisions.map(({ nodes, ...decision }) => ({
        ...decision,
        nodes: nodes.map((source) => nodeIds[source]),
      })),
    });
  }

  /** The report; `isComplete` tells that no shard was missing from the answer. */
  report(isComplete: boolean): Record<string, unknown> {
    return { ...this.#verdict(isComplete), ...this.plan() };
  }

  /** The report without a verdict, for answers that are errors. */
  plan(): Record<string, unknown> {
    return {
      indexes: this.#indexes,
      calls: this.#calls,
      merges: this.#merges,
      ...(this.#leftOutCount === 0 ? {} : { left_out: this.#leftOutCount }),
    };
  }

  #verdict(isComplete: boolean): { verdict: Verdict; why?: string } {
    return isComplete ? this.#worst : { verdict: 'estimate', why: 'shards are missing' };
  }

  #keep<Item>(list: Item[], countMax: number, item: Item): void {
    if (list.length < countMax) list.push(item);
    else this.#leftOutCount += 1;
  }
}

function describeBody(body: Question['body']): Record<string, unknown> {
  if (body === undefined) return {};
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  const bodyBytes = Buffer.byteLength(text);
  if (bodyBytes > BODY_BYTES_MAX) return { body_bytes: bodyBytes };
  try {
    return { body: JSON.parse(text) as unknown };
  } catch {
    return { body_bytes: bodyBytes };
  }
}
