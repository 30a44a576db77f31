/** What a document write is handed. All effects come through here. */
import type { MiroirConfig } from '../../core/config/index.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { Logger } from '../../core/telemetry/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { IndexUid, NodeId } from '../../core/types.ts';
import type { CallTerms } from '../cluster/node-pools.ts';
import type { WriteClient } from '../cluster/write-client.ts';
import type { OpenReports } from './open-reports.ts';

/** Time, injected. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Calls `task` every so often until the returned function is called. */
  every(intervalMs: number, task: () => void): () => void;
}

/** One write's surroundings. */
export interface WriteContext {
  readonly config: Pick<MiroirConfig, 'writes'>;
  /** The route's template, for the reply. */
  readonly route: string;
  /** Percent-decoded. */
  readonly indexUid: string;
  /** Percent-decoded; only of `DELETE documents/{document_id}`. */
  readonly documentId?: string;
  /** What follows `?`, as sent; empty if nothing does. */
  readonly query: string;
  /** The index as the newest view knows it, visible or not. */
  readonly findIndex: (uid: IndexUid) => IndexEntry | undefined;
  /** Nodes to ask for the text of an error; any of them will do. */
  readonly nodeIds: readonly NodeId[];
  readonly writes: WriteClient;
  /** With `isWrite` refused unless control looked at the node since its last connection was lost. */
  readonly callNode: (nodeId: NodeId, call: NodeCall, terms?: CallTerms) => Promise<NodeOutcome>;
  /** The caller's own Authorization header; empty where the cluster has no keys. */
  readonly authorization: string;
  /** Node key with documents.get, for looking at the syntax of a filter. */
  readonly internalKey: string;
  /** The filter as nodes should be asked (sidecar/routes/known-fields); the same value if it may stay. */
  readonly evenFilter: (filter: unknown) => Promise<unknown>;
  /** The caller's key holds indexes.create for this index. */
  readonly mayCreateIndex: boolean;
  /** Counts a send that a node did not take, by the kind of its failure. */
  readonly nodeFailed: (nodeId: NodeId, kind: string) => void;
  /** Counts an acknowledged write whose report control refused, or could not be asked about. */
  readonly reportFailed: (outcome: 'refused' | 'unreachable') => void;
  /** Of the process. */
  readonly openReports: OpenReports;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Everyone who is to be called at the same interval is called by one timer, one after another. */
const pulses = new Map<
  number,
  { readonly timer: NodeJS.Timeout; readonly tasks: Set<() => void> }
>();

/** The clock of the process. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  every(intervalMs, task) {
    let pulse = pulses.get(intervalMs);
    if (pulse === undefined) {
      const tasks = new Set<() => void>();
      const timer = setInterval(() => {
        for (const one of [...tasks]) one();
      }, intervalMs);
      timer.unref();
      pulse = { timer, tasks };
      pulses.set(intervalMs, pulse);
    }
    const { tasks } = pulse;
    const own = (): void => task();
    tasks.add(own);
    return () => {
      tasks.delete(own);
    };
  },
};
