/**
 * Which nodes a read should spare. The choice of copies sticks (core/placement/covering-set.ts), so a
 * node is spared only beyond a margin:
 *
 * - slow: its average is more than twice that of the fastest node of the index, and 2 ms more. It is
 *   spared for a second, then one call tries it; while it stays slow the pause doubles, up to 30 s.
 * - hot: the same, with each four calls under way counting as one more average.
 * - in doubt: its circuit is open, or its data are not what the view speaks of.
 *
 * Averages are kept per index and sort of read, since a node that is slow for one index holds the more
 * of it; at most 1,024 such pairs, the oldest are forgotten and learned anew.
 */
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { NodeId } from '../../core/types.ts';
import { UNCONFIRMED } from '../cluster/node-pools.ts';
import { Circuit, type CircuitState } from './circuit.ts';
import { HedgeBudget } from './hedge-budget.ts';
import { Latency } from './latency.ts';

const KEYS_MAX = 1_024;
const SLOW_FACTOR = 2;
const SLOW_MS = 2;
/** Below so many samples a node is neither slow nor a measure for others. */
const SAMPLES_MIN = 8;
const CALLS_PER_AVERAGE = 4;
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
/** An answer that was overtaken by its hedge counts as at least so many times the fastest average. */
const OVERTAKEN_FACTOR = 3;
const HEDGE_MS_MIN = 1;

/** Nodes to spare, as covering sets take them. */
export interface Spared {
  readonly avoided: ReadonlySet<NodeId>;
  readonly doubted: ReadonlySet<NodeId>;
}

/** What is known of one node as a place to read an index. */
export interface CopyHealth {
  /** Average in milliseconds; undefined before the first answer. */
  readonly ewmaMs: number | undefined;
  readonly outstanding: number;
  readonly circuit: CircuitState;
  /** Why it is spared; absent if it is not. */
  readonly spared?: 'slow' | 'hot' | 'circuit' | 'unconfirmed';
}

/** What ended a call to a copy. `overtaken`: another copy answered first. */
export type CopyResult = NodeOutcome | { readonly kind: 'overtaken' };

/** What the chooser needs. */
export interface ChooserOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Told the score of a node, in milliseconds, with each sample. */
  readonly onScore?: (nodeId: NodeId, scoreMs: number) => void;
}

interface NodeTimes {
  readonly latency: Latency;
  outstanding: number;
  /** Undefined while it is not slow. */
  slowUntilMs: number | undefined;
  pauseMs: number;
  trials: number;
}

type KeyTimes = Map<NodeId, NodeTimes>;

/** Knows the copies from their answers. */
export class CopyChooser {
  readonly budget = new HedgeBudget();
  readonly #options: ChooserOptions;
  readonly #times = new Map<string, KeyTimes>();
  readonly #circuits = new Map<NodeId, Circuit>();

  constructor(options: ChooserOptions) {
    this.#options = options;
  }

  /** The nodes to spare among those that hold an index. `isReadable`: the node's data are the view's. */
  spare(key: string, nodeIds: readonly NodeId[], isReadable: (nodeId: NodeId) => boolean): Spared {
    let avoided = NONE;
    let doubted = NONE;
    for (const nodeId of nodeIds) {
      const why = this.#whySpared(key, nodeId, nodeIds, isReadable);
      if (why === undefined) continue;
      if (why === 'slow' || why === 'hot') avoided = new Set([...avoided, nodeId]);
      else doubted = new Set([...doubted, nodeId]);
    }
    return { avoided, doubted };
  }

  /** Counts a call that begins; the returned function is to be called once when it ended. */
  begin(key: string, nodeId: NodeId): (result: CopyResult) => void {
    const times = this.#timesOf(key, nodeId);
    const endCircuit = this.#circuitOf(nodeId).begin();
    const startedAtMs = this.#options.nowMs();
    const isTrial = times.slowUntilMs !== undefined && startedAtMs >= times.slowUntilMs;
    times.outstanding += 1;
    if (isTrial) times.trials += 1;
    this.budget.earn();
    return (result) => {
      const nowMs = this.#options.nowMs();
      times.outstanding -= 1;
      if (isTrial) times.trials -= 1;
      endCircuit(verdictOf(result), nowMs);
      const elapsedMs = nowMs - startedAtMs;
      if (result.kind === 'overtaken') {
        const fastest = this.#fastest(this.#times.get(key)?.keys() ?? [], key)?.ewmaMs ?? 0;
        this.#learn(key, nodeId, Math.max(elapsedMs, OVERTAKEN_FACTOR * fastest), isTrial);
      } else if (result.kind === 'answered' || result.kind === 'timeout') {
        this.#learn(key, nodeId, elapsedMs, isTrial);
      }
    };
  }

  /** After how long an answer from these nodes is late; undefined while nothing is known. */
  hedgeDelayMs(key: string, nodeIds: readonly NodeId[]): number | undefined {
    let least: number | undefined;
    for (const nodeId of nodeIds) {
      const p95Ms = this.#times.get(key)?.get(nodeId)?.latency.p95Ms;
      if (p95Ms !== undefined && (least === undefined || p95Ms < least)) least = p95Ms;
    }
    return least === undefined ? undefined : Math.max(HEDGE_MS_MIN, least);
  }

  /** What is known of a node, for people. */
  describe(
    key: string,
    nodeId: NodeId,
    nodeIds: readonly NodeId[],
    isReadable: (nodeId: NodeId) => boolean,
  ): CopyHealth {
    const times = this.#times.get(key)?.get(nodeId);
    const spared = this.#whySpared(key, nodeId, nodeIds, isReadable);
    return {
      ewmaMs: times === undefined || times.latency.count === 0 ? undefined : times.latency.ewmaMs,
      outstanding: times?.outstanding ?? 0,
      circuit: this.#circuits.get(nodeId)?.stateAt(this.#options.nowMs()) ?? 'closed',
      ...(spared === undefined ? {} : { spared }),
    };
  }

  #whySpared(
    key: string,
    nodeId: NodeId,
    nodeIds: readonly NodeId[],
    isReadable: (nodeId: NodeId) => boolean,
  ): CopyHealth['spared'] {
    const nowMs = this.#options.nowMs();
    if (this.#circuits.get(nodeId)?.stateAt(nowMs) === 'open') return 'circuit';
    if (!isReadable(nodeId)) return 'unconfirmed';
    const times = this.#times.get(key)?.get(nodeId);
    if (times === undefined) return undefined;
    if (times.slowUntilMs !== undefined) {
      // One call at a time finds out whether it still is.
      return nowMs < times.slowUntilMs || times.trials > 0 ? 'slow' : undefined;
    }
    if (times.outstanding === 0 || times.latency.count < SAMPLES_MIN) return undefined;
    const fastest = this.#fastest(nodeIds, key);
    return fastest !== undefined && isBeyond(scoreOf(times), fastest.scoreMs) ? 'hot' : undefined;
  }

  #learn(key: string, nodeId: NodeId, sampleMs: number, isTrial: boolean): void {
    const times = this.#timesOf(key, nodeId);
    times.latency.add(sampleMs, isTrial);
    this.#options.onScore?.(nodeId, scoreOf(times));
    const known = this.#times.get(key)?.keys() ?? [];
    const fastest = this.#fastest(known, key)?.ewmaMs;
    const isSlow =
      times.latency.count >= SAMPLES_MIN &&
      fastest !== undefined &&
      isBeyond(times.latency.ewmaMs, fastest);
    if (!isSlow) {
      times.slowUntilMs = undefined;
      times.pauseMs = PAUSE_MIN_MS;
      return;
    }
    const nowMs = this.#options.nowMs();
    if (times.slowUntilMs === undefined || isTrial) {
      times.slowUntilMs = nowMs + times.pauseMs;
      times.pauseMs = Math.min(times.pauseMs * 2, PAUSE_MAX_MS);
    }
  }

  /** The least average, and the least score, among nodes with enough samples. */
  #fastest(
    nodeIds: Iterable<NodeId>,
    key: string,
  ): { ewmaMs: number; scoreMs: number } | undefined {
    let ewmaMs = Number.POSITIVE_INFINITY;
    let scoreMs = Number.POSITIVE_INFINITY;
    for (const nodeId of nodeIds) {
      const times = this.#times.get(key)?.get(nodeId);
      if (times === undefined || times.latency.count < SAMPLES_MIN) continue;
      ewmaMs = Math.min(ewmaMs, times.latency.ewmaMs);
      scoreMs = Math.min(scoreMs, scoreOf(times));
    }
    return ewmaMs === Number.POSITIVE_INFINITY ? undefined : { ewmaMs, scoreMs };
  }

  #timesOf(key: string, nodeId: NodeId): NodeTimes {
    let nodes = this.#times.get(key);
    if (nodes === undefined) {
      nodes = new Map();
      for (const oldest of this.#times.keys()) {
        if (this.#times.size < KEYS_MAX) break;
        this.#times.delete(oldest);
      }
      this.#times.set(key, nodes);
    }
    let times = nodes.get(nodeId);
    if (times === undefined) {
      times = {
        latency: new Latency(),
        outstanding: 0,
        slowUntilMs: undefined,
        pauseMs: PAUSE_MIN_MS,
        trials: 0,
      };
      nodes.set(nodeId, times);
    }
    return times;
  }

  /** As many as there are nodes; one that left the cluster is a few bytes. */
  #circuitOf(nodeId: NodeId): Circuit {
    let circuit = this.#circuits.get(nodeId);
    if (circuit === undefined) {
      circuit = new Circuit();
      this.#circuits.set(nodeId, circuit);
    }
    return circuit;
  }
}

const NONE: ReadonlySet<NodeId> = new Set();

function scoreOf({ latency, outstanding }: NodeTimes): number {
  return latency.ewmaMs * (1 + outstanding / CALLS_PER_AVERAGE);
}

function isBeyond(ms: number, fastestMs: number): boolean {
  return ms > SLOW_FACTOR * fastestMs + SLOW_MS;
}

function verdictOf(result: CopyResult): 'answered' | 'failed' | 'unknown' {
  switch (result.kind) {
    case 'answered':
      return 'answered';
    case 'refused':
      return result.reason === UNCONFIRMED ? 'unknown' : 'failed';
    case 'reset':
    case 'timeout':
      return 'failed';
    default:
      return 'unknown';
  }
}
