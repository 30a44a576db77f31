/**
 * Performs what the machine wants done: answers to callers, control's own calls to nodes, look-ups, and the
 * tails that follow the nodes' tasks. Results come back as events. Nothing here is remembered over a
 * restart: loading the state asks for everything again that is still open.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import type { WriteService } from './api/index.ts';
import type { Runner } from './machine/index.ts';
import { type ControlNode, runStep, Tail } from './nodes/index.ts';
import { RecoveryPerformer } from './recovery-performer.ts';
import {
  type AdminEffect,
  ANY_MARK,
  type Effect,
  type NodeReading,
  type Now,
  type State,
} from './state/index.ts';
import { readMarker } from './topology/index.ts';

const COUNT_PAUSE_MS = 200;

/** What performing needs. */
export interface PerformerOptions {
  readonly state: State;
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly writes: WriteService;
  readonly now: () => Now;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** Answers calls of sidecars about the topology. */
  readonly answerCluster: (effect: ClusterReply) => void;
  /** Answers operators, and looks after nodes and jobs that they changed. */
  readonly onAdmin: (effect: AdminEffect) => void;
}

/** Answers to calls of sidecars about the topology. */
export type ClusterReply = Extract<Effect, { kind: 'confirmReply' | 'confirmNodeReply' }>;

/** Performs effects. `runner` is given before the first one. */
export class Performer {
  readonly #options: PerformerOptions;
  readonly #tails = new Map<string, Tail>();
  /** Intents that were open when this leader began: their calls may have been made before. */
  readonly #inherited: ReadonlySet<number>;
  #runner: Runner | undefined;
  readonly #recovery: RecoveryPerformer;
  readonly #changes = new Map<
    string,
    { readonly change: Extract<Effect, { kind: 'copyChanged' }>; readonly count: number }
  >();

  constructor(options: PerformerOptions) {
    this.#options = options;
    this.#inherited = new Set(options.state.open.keys());
    this.#recovery = new RecoveryPerformer({
      ...options,
      submit: (event) => this.#runner?.submit(event),
    });
    for (const node of options.nodes.values()) this.#tails.set(node.id, this.#makeTail(node));
  }

  /** Gives the machine that results go to, and follows what is outstanding already. */
  start(runner: Runner): void {
    this.#runner = runner;
    for (const tail of this.#tails.values()) tail.start();
    this.wakeTails();
  }

  /** Something may be outstanding that was not before. */
  wakeTails(): void {
    this.#logChanges();
    for (const [nodeId, tail] of this.#tails) {
      if ((this.#options.state.outstanding.get(nodeId)?.size ?? 0) > 0) tail.wake();
    }
  }

  /** Follows a node that is there from now on. */
  addNode(node: ControlNode): void {
    const tail = this.#makeTail(node);
    this.#tails.set(node.id, tail);
    tail.start();
  }

  /** A node that is gone, or is at another address now, is read no more. */
  removeNode(nodeId: string): void {
    this.#tails.get(nodeId)?.close();
    this.#tails.delete(nodeId);
  }

  close(): void {
    for (const tail of this.#tails.values()) tail.close();
  }

  /** Performs one effect. */
  perform(effect: Effect): void {
    const { metrics, logger, writes } = this.#options;
    switch (effect.kind) {
      case 'beginReply':
      case 'reportReply':
      case 'renewReply':
        writes.answer(effect);
        return;
      case 'runStep':
        void this.#runStep(effect.seq, effect.nodeId);
        return;
      case 'countDocuments':
        void this.#countDocuments(effect.seq);
        return;
      case 'readNode':
        this.#tails.get(effect.nodeId)?.ask();
        return;
      case 'confirmReply':
      case 'confirmNodeReply':
        this.#options.answerCluster(effect);
        return;
      case 'wakeAt':
        this.#wakeAt(effect.steadyMs);
        return;
      case 'copyChanged':
        this.#noteChange(effect);
        return;
      case 'nodeLostData':
        this.#recovery.nodeLostData(effect);
        return;
      case 'granted':
        metrics.laneWait.observe(effect.waitedMs / 1_000);
        return;
      case 'taskFinished':
        metrics.tasks.labels(effect.status).inc();
        return;
      case 'alarm':
        logger.error({ seq: effect.seq }, effect.words);
        return;
      case 'adminReply':
      case 'nodesChanged':
      case 'jobChanged':
        this.#options.onAdmin(effect);
        return;
      // Recovery sees in the state what became of its steps.
      case 'internalGranted':
      case 'internalEnded':
        return;
      default:
        this.#recovery.perform(effect);
    }
  }

  async #runStep(seq: number, nodeId: string): Promise<void> {
    const { state, nodes, signal, now } = this.#options;
    const intent = state.open.get(seq)?.intent;
    const node = nodes.get(nodeId);
    const place = intent?.steps.findIndex(
      (item) => item.nodeId === nodeId && item.state === 'unsent',
    );
    const step = intent?.steps[place ?? -1];
    if (intent === undefined || node === undefined || place === undefined || step === undefined)
      return;
    const mayBeSent = this.#inherited.has(seq);
    const areOthersDone = () => now().steadyMs >= state.othersCallUntilMs;
    const outcome = await runStep({ intent, step, node, mayBeSent, areOthersDone, signal });
    if (outcome === undefined) return;
    this.#runner?.submit({ kind: 'stepDone', seq, step: place, outcome, now: now() });
  }

  async #countDocuments(seq: number): Promise<void> {
    const { state, nodes, signal, now } = this.#options;
    const intent = state.open.get(seq)?.intent;
    const index = state.indexes.get(intent?.indexId ?? '');
    if (intent === undefined || index === undefined) return;
    const path = `/indexes/${encodeURIComponent(intent.indexUid)}/stats`;
    while (!signal.aborted) {
      const counts = await Promise.all(
        index.nodeIds.map((id) => nodes.get(id)?.read<{ numberOfDocuments: number }>(path, signal)),
      );
      const known = counts.filter((count) => count !== undefined);
      if (known.length === index.nodeIds.length) {
        const documentCount = known.reduce((sum, count) => sum + count.numberOfDocuments, 0);
        this.#runner?.submit({ kind: 'counted', seq, documentCount, now: now() });
        return;
      }
      await delay(COUNT_PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  #wakeAt(steadyMs: number): void {
    const { now, signal } = this.#options;
    const waitMs = Math.max(0, steadyMs - now().steadyMs);
    void delay(waitMs, undefined, { signal, ref: false })
      .then(() => this.#runner?.submit({ kind: 'tick', now: now() }))
      .catch(() => {});
  }

  #noteChange(change: Extract<Effect, { kind: 'copyChanged' }>): void {
    const { indexId, nodeId, to, reason } = change;
    const name = `${indexId} ${nodeId} ${to} ${reason}`;
    this.#changes.set(name, { change, count: (this.#changes.get(name)?.count ?? 0) + 1 });
  }

  /** One line for all shards of an index on a node. */
  #logChanges(): void {
    for (const { change, count } of this.#changes.values()) {
      const { indexId, nodeId, to, reason } = change;
      const fields = { index: indexId, node: nodeId, state: to, shards: count, reason };
      this.#options.logger.info(fields, 'copies changed their state');
    }
    this.#changes.clear();
  }

  #makeTail(node: ControlNode): Tail {
    const { state, now } = this.#options;
    return new Tail({
      node,
      known: () => {
        const record = state.cluster.nodes.find(({ id }) => id === node.id);
        return {
          lastUid: record?.lastTaskUid ?? -1,
          lastMark: record?.lastMark ?? ANY_MARK,
          seenUid: record?.seenUid ?? -1,
          outstanding: state.outstanding.get(node.id)?.keys() ?? [],
        };
      },
      readMarker: (signal) => this.#readMarker(node, signal),
      steadyMs: () => now().steadyMs,
      onReading: (reading) => {
        this.#runner?.submit({ kind: 'nodeTail', reading, now: now() });
      },
    });
  }

  async #readMarker(
    node: ControlNode,
    signal: AbortSignal,
  ): Promise<NodeReading['marker'] | undefined> {
    const marker = await readMarker(node, signal);
    if (marker === 'unreachable') return undefined;
    if (marker === 'absent') return 'absent';
    const isOurs =
      marker.cluster === this.#options.state.cluster.clusterId && marker.node === node.id;
    if (!isOurs) return 'foreign';
    const record = this.#options.state.cluster.nodes.find(({ id }) => id === node.id);
    return marker.seq < (record?.markerSeq ?? -1) ? 'older' : 'ours';
  }
}
