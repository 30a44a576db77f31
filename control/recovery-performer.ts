/**
 * Performs what recovery wants done (see performer.ts): its calls to nodes, indexes to be made good, markers,
 * and the log lines by which an operator sees copies go and come back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../core/telemetry/index.ts';
import type { Runner } from './machine/index.ts';
import {
  type ControlNode,
  listIndexes,
  mendIndex,
  RecoveryCalls,
  removeIndex,
} from './nodes/index.ts';
import type { Effect, Now, RecoveryEffect, State } from './state/index.ts';
import { MARKER_INDEX, writeMarker } from './topology/index.ts';

type EffectOf<Kind> = Extract<Effect, { kind: Kind }>;

/** A failure that was logged is not logged again for so long, whatever copy it concerns. */
const QUIET_MS = 10_000;
const WARNED_MAX = 1_000;

/** What performing needs. */
export interface RecoveryPerformerOptions {
  readonly state: State;
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly now: () => Now;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly submit: Runner['submit'];
}

/** Performs recovery's effects, and hears of those that concern it. */
export class RecoveryPerformer {
  readonly #options: RecoveryPerformerOptions;
  readonly #calls: RecoveryCalls;
  /** `node reason` -> when it was last logged. */
  readonly #warnedMs = new Map<string, number>();

  constructor(options: RecoveryPerformerOptions) {
    this.#options = options;
    this.#calls = new RecoveryCalls({
      nodes: options.nodes,
      signal: options.signal,
      tell: (event) => options.submit({ ...event, now: options.now() }),
    });
  }

  /** Performs one effect of recovery. */
  perform(effect: RecoveryEffect): void {
    const { logger } = this.#options;
    switch (effect.kind) {
      case 'recoveryPlanned': {
        const { place, method, words } = effect;
        logger.debug({ ...where(place), method }, `a copy is being filled: ${words}`);
        return;
      }
      case 'recoveryEnded':
        this.#calls.end(effect.recovery);
        this.#logEnd(effect);
        return;
      case 'mendIndex':
        void this.#mend(effect);
        return;
      case 'listIndexes':
        void this.#listIndexes(effect);
        return;
      case 'removeIndex':
        void this.#removeIndex(effect);
        return;
      case 'writeMarker':
        void this.#writeMarker(effect);
        return;
      default:
        void this.#calls.make(effect);
    }
  }

  /** A node lost its data. */
  nodeLostData({ nodeId, reason }: EffectOf<'nodeLostData'>): void {
    const { logger } = this.#options;
    logger.error({ node: nodeId }, `a node came back with less than it had: ${reason}`);
  }

  #logEnd(effect: EffectOf<'recoveryEnded'>): void {
    const { place, isInSync, reason, documentCount, documentBytes, tookMs } = effect;
    const fields = { ...where(place), documentCount, documentBytes, tookMs: Math.round(tookMs) };
    const { logger } = this.#options;
    if (isInSync) {
      logger.debug(fields, 'a copy is in-sync again');
      return;
    }
    // A node that goes away ends many workers at once: one of them speaks for all.
    const name = `${place.targetId} ${reason}`;
    const { steadyMs } = this.#options.now();
    if (steadyMs - (this.#warnedMs.get(name) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    if (this.#warnedMs.size > WARNED_MAX) this.#warnedMs.clear();
    this.#warnedMs.set(name, steadyMs);
    logger.warn({ ...fields, reason }, 'a copy could not be filled; it is tried again');
  }

  /** A call without a tag, made now, could be undone by one that an earlier leader has under way. */
  async #othersDone(): Promise<void> {
    const { state, now, signal } = this.#options;
    const waitMs = state.othersCallUntilMs - now().steadyMs;
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {});
  }

  async #mend(effect: EffectOf<'mendIndex'>): Promise<void> {
    const { nodes, now, logger, signal, submit } = this.#options;
    const { indexId, nodeId, indexUid, settingsVersion, need } = effect;
    const node = nodes.get(nodeId);
    if (node === undefined) return;
    await this.#othersDone();
    logger.info({ node: nodeId, index: indexUid, need }, 'an index on a node is made good');
    const { isDone, reason, lastTask } = await mendIndex(node, effect, signal);
    if (!isDone) logger.warn({ node: nodeId, index: indexUid, reason }, 'it was not');
    submit({
      kind: 'indexMended',
      indexId,
      nodeId,
      indexUid,
      settingsVersion,
      isDone,
      reason,
      lastTask,
      now: now(),
    });
  }

  async #listIndexes({ nodeId, call }: EffectOf<'listIndexes'>): Promise<void> {
    const { nodes, now, signal, submit } = this.#options;
    const node = nodes.get(nodeId);
    if (node === undefined) return;
    await this.#othersDone();
    const found = await listIndexes(node, signal);
    const indexUids = found?.filter((uid) => uid !== MARKER_INDEX) ?? null;
    submit({ kind: 'indexesListed', nodeId, call, indexUids, now: now() });
  }

  async #removeIndex({ nodeId, call, indexUid }: EffectOf<'removeIndex'>): Promise<void> {
    const { nodes, now, logger, signal, submit } = this.#options;
    const node = nodes.get(nodeId);
    if (node === undefined) return;
    await this.#othersDone();
    const fields = { node: nodeId, index: indexUid };
    logger.info(fields, 'an index that the node should not hold any more is removed');
    const { isDone, reason, lastTask } = await removeIndex(node, indexUid, signal);
    if (!isDone) logger.warn({ ...fields, reason }, 'it was not');
    submit({ kind: 'indexRemoved', nodeId, call, indexUid, isDone, lastTask, now: now() });
  }

  async #writeMarker({ nodeId, seq }: EffectOf<'writeMarker'>): Promise<void> {
    const { nodes, state, now, signal, submit } = this.#options;
    const node = nodes.get(nodeId);
    if (node === undefined) return;
    await this.#othersDone();
    const marker = { cluster: state.cluster.clusterId, node: nodeId, seq };
    if (!(await writeMarker(node, marker, signal))) return;
    submit({ kind: 'markerWritten', nodeId, seq, now: now() });
  }
}

function where(place: EffectOf<'recoveryPlanned'>['place']) {
  const { indexUid, shard, sourceId, targetId } = place;
  return { index: indexUid, shard, node: targetId, source: sourceId };
}
