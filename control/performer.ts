/**
 * Performs what the machine wants done: answers to callers, control's own calls to nodes, look-ups, and the
 * tails that follow the nodes' tasks. Results come back as events. Nothing here is remembered over a
 * restart: loading the state asks for everything again that is still open.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import type { WriteService } from './api/index.ts';
import type { Runner } from './machine/index.ts';
import { type ControlNode, findTags, runStep, Tail } from './nodes/index.ts';
import type { Effect, NodeTask, Now, State } from './state/index.ts';

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
}

/** Performs effects. `runner` is given before the first one. */
export class Performer {
  readonly #options: PerformerOptions;
  readonly #tails = new Map<string, Tail>();
  /** Intents that were open when this process began: their calls may have been made before. */
  readonly #inherited: ReadonlySet<number>;
  #runner: Runner | undefined;

  constructor(options: PerformerOptions) {
    this.#options = options;
    this.#inherited = new Set(options.state.open.keys());
    for (const node of options.nodes.values()) this.#tails.set(node.id, this.#makeTail(node));
  }

  /** Gives the machine that results go to, and follows what is outstanding already. */
  start(runner: Runner): void {
    this.#runner = runner;
    this.wakeTails();
  }

  /** Something may be outstanding that was not before. */
  wakeTails(): void {
    for (const [nodeId, tail] of this.#tails) {
      if ((this.#options.state.outstanding.get(nodeId)?.size ?? 0) > 0) tail.wake();
    }
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
      case 'findTags':
        void this.#findTags(effect.seq, effect.nodeId);
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
      default:
        return;
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
    const outcome = await runStep({ intent, step, node, mayBeSent, signal });
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

  async #findTags(seq: number, nodeId: string): Promise<void> {
    const { state, nodes, signal, now } = this.#options;
    const intent = state.open.get(seq)?.intent;
    const node = nodes.get(nodeId);
    if (intent === undefined || node === undefined) return;
    const tag = `m1.${state.cluster.clusterId}.${seq}`;
    const floor = intent.floors[nodeId] ?? -1;
    const parts = await findTags(node, { tag, floor }, signal);
    if (parts === undefined) return;
    this.#runner?.submit({ kind: 'tagsFound', seq, nodeId, parts, now: now() });
  }

  #makeTail(node: ControlNode): Tail {
    const { state, logger, now } = this.#options;
    const submit = (tasks: readonly NodeTask[]): void => {
      this.#runner?.submit({ kind: 'nodeTasks', nodeId: node.id, tasks, now: now() });
    };
    return new Tail({
      node,
      outstanding: () => state.outstanding.get(node.id)?.keys() ?? [],
      onTasks: submit,
      onLost: (uid) => {
        logger.error({ node: node.id, uid }, 'a node lost a task that it had acknowledged');
        submit([lostTask(uid)]);
      },
    });
  }
}

function lostTask(uid: number): NodeTask {
  const code = 'internal';
  return {
    uid,
    status: 'failed',
    batchUid: null,
    startedAt: null,
    finishedAt: null,
    details: null,
    error: {
      message: 'The node that took this task does not know it any more.',
      code,
      type: code,
      link: `https://docs.meilisearch.com/errors#${code}`,
    },
  };
}
