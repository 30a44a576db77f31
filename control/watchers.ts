/**
 * Keeps an eye on the nodes: adopts fresh ones, notices those that go and come back, and learns their
 * version and features. Only nodes that are up and are what they should be are used.
 */
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import { inSyncOf, shardsOn } from './copies/index.ts';
import { HealthBook, type KnownHealth } from './health-book.ts';
import { alignKeys } from './keys/index.ts';
import type { Runner } from './machine/index.ts';
import type { ControlNode } from './nodes/index.ts';
import type { Now, State } from './state/index.ts';
import { checkNode, type NodeCheck, Probe, TopologyError } from './topology/index.ts';

const START_WAIT_MS = 10_000;
const FEATURES_PERIOD_MS = 5_000;

/** What watching needs. */
export interface WatchersOptions {
  readonly state: State;
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly runner: Runner;
  readonly now: () => Now;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** A node is found otherwise than before. */
  readonly onHealth: () => void;
  /** How long the nodes of a cluster that has served before are waited for. Default: 10 s, as for a new one. */
  readonly startWaitMs?: number;
}

/** Watches all nodes. */
export class Watchers {
  readonly #options: WatchersOptions;
  readonly #probes = new Map<string, Probe>();
  #featuresTimer: NodeJS.Timeout | undefined;
  /** Of the nodes in use; empty before the first. */
  #version = '';
  readonly #upNodes = new Set<string>();
  readonly #health = new HealthBook();
  #onUp: () => Promise<boolean> = async () => false;
  #isStarting = true;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  /** Nodes that are up, in the cluster's order. */
  usableNodes(): ControlNode[] {
    return [...this.#options.nodes.values()].filter(
      (node) => this.#probes.get(node.id)?.isUp === true,
    );
  }

  /** How a node was found last, for operators. */
  healthOf(nodeId: string): KnownHealth {
    return this.#health.of(nodeId);
  }

  /** Watches a node that is there from now on. */
  add(node: ControlNode): void {
    const { runner, now } = this.#options;
    runner.submit({ kind: 'nodeHealth', nodeId: node.id, isUp: false, now: now() });
    void this.#makeProbe(node, () => {}).start();
  }

  /** A node that is gone, or is at another address now, is watched no more. */
  remove(nodeId: string): void {
    this.#probes.get(nodeId)?.close();
    this.#probes.delete(nodeId);
    this.#health.forget(nodeId);
    this.#upNodes.delete(nodeId);
  }

  /**
   * Checks every node once, for a limited time; those that do not answer are tried again in the background.
   * Throws TopologyError if a node must not be used in a new cluster; in one that has served before, the
   * others go on serving and the log says why. `onUp` runs when a node comes up.
   */
  async start(onUp: () => Promise<boolean>): Promise<void> {
    const { nodes, runner, now, signal } = this.#options;
    const refusals: string[] = [];
    const isFirstStart = !this.#options.state.cluster.nodes.some((node) => node.isAdopted);
    const waitMs = isFirstStart ? START_WAIT_MS : (this.#options.startWaitMs ?? START_WAIT_MS);
    this.#onUp = onUp;
    const probes = [...nodes.values()].map((node) => {
      runner.submit({ kind: 'nodeHealth', nodeId: node.id, isUp: false, now: now() });
      return this.#makeProbe(node, (words) => refusals.push(words));
    });
    const first = Promise.all(probes.map((probe) => probe.start()));
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, waitMs).unref())]);
    const [refusal] = refusals;
    if (refusal !== undefined && isFirstStart) {
      this.close();
      throw new TopologyError(refusal);
    }
    // A cluster that has served before goes on with what it knows, which is read again as at any other time.
    const isKnown = !isFirstStart && this.#options.state.cluster.keys.length > 0;
    const reading = this.#readFeatures().then(onUp);
    if (!isKnown) await reading;
    await runner.settled();
    this.#isStarting = false;
    this.#featuresTimer = setInterval(() => void this.#readFeatures(), FEATURES_PERIOD_MS);
    this.#featuresTimer.unref();
    signal.addEventListener('abort', () => this.close(), { once: true });
  }

  close(): void {
    clearInterval(this.#featuresTimer);
    for (const probe of this.#probes.values()) probe.close();
  }

  #makeProbe(node: ControlNode, onRefused: (words: string) => void): Probe {
    const probe = new Probe({
      node,
      check: (probeSignal) => this.#check(node, probeSignal),
      isDoubted: () => this.#options.state.recovery.doubted.has(node.id),
      onChange: (health) => {
        this.#noteHealth(node, health);
        if (health.isUp && !this.#isStarting) void this.#onUp();
      },
      onRefused: (words) => {
        this.#health.refuse(node.id, words);
        this.#options.logger.error({ node: node.id }, words);
        onRefused(words);
      },
    });
    this.#probes.set(node.id, probe);
    return probe;
  }

  async #check(node: ControlNode, signal: AbortSignal): Promise<NodeCheck> {
    const { state, runner } = this.#options;
    const check = await checkNode(node, {
      cluster: state.cluster,
      claimVersion: (versionJson) => {
        this.#version ||= versionJson;
        return this.#version;
      },
      signal,
    });
    if (check.kind === 'lost') return this.#lost(node, check.reason);
    if (check.kind !== 'usable') return check;
    const isFresh = check.adoptedTaskUid !== null;
    if ((isFresh || this.#upNodes.size > 0) && !(await this.#alignFeatures(node, signal))) {
      return { kind: 'unreachable', reason: 'its features cannot be set' };
    }
    const other = this.usableNodes().find(({ id }) => id !== node.id);
    if (other !== undefined && !(await alignKeys(node, other, signal))) {
      return { kind: 'unreachable', reason: 'its keys cannot be set' };
    }
    if (state.cluster.versionJson !== check.versionJson) {
      runner.submit({ kind: 'cluster', change: { versionJson: check.versionJson } });
    }
    if (check.adoptedTaskUid !== null) {
      const lastTaskUid = check.adoptedTaskUid;
      runner.submit({ kind: 'nodeAdopted', nodeId: node.id, lastTaskUid });
    }
    return check;
  }

  /**
   * A node that lost its data is of use again once its copies are taken out, which the reading of its tasks
   * does. If it held the only copies of something, a person has to know before anything is written to it.
   */
  #lost(node: ControlNode, reason: string): NodeCheck {
    const { state, runner, now } = this.#options;
    const uids = lastCopiesOn(state, node.id);
    if (uids.length > 0) {
      const words = `node ${node.id} (${node.url}) ${reason}; it held the only copies of shards of ${uids.join(', ')}`;
      return { kind: 'refused', words };
    }
    runner.submit({ kind: 'nodeDoubted', nodeId: node.id, now: now() });
    return { kind: 'unreachable', reason };
  }

  #noteHealth(
    node: ControlNode,
    health: { readonly isUp: boolean; readonly reason: string },
  ): void {
    const { runner, now, logger, metrics, onHealth } = this.#options;
    runner.submit({ kind: 'nodeHealth', nodeId: node.id, isUp: health.isUp, now: now() });
    this.#health.note(node.id, { ...health, wallNs: now().wallNs });
    onHealth();
    metrics.node(node.id).setHealthy(health.isUp);
    if (health.isUp) this.#upNodes.add(node.id);
    // Once the last node of a version is gone, the next to come may bring another.
    else if (this.#upNodes.delete(node.id) && this.#upNodes.size === 0) this.#version = '';
    if (health.isUp) logger.info({ node: node.id, url: node.url }, 'node is up');
    else logger.warn({ node: node.id, url: node.url, reason: health.reason }, 'node is down');
  }

  /** A node that was away, or lost its data, gets the features the others have before it is used. */
  async #alignFeatures(node: ControlNode, signal: AbortSignal): Promise<boolean> {
    const wanted = this.#options.state.cluster.experimentalFeaturesJson;
    if (wanted === '') return true;
    const path = '/experimental-features';
    const own = await node.call({ method: 'GET', path, signal });
    if (own.kind !== 'answer' || own.status !== 200) return false;
    if (own.text === wanted) return true;
    const set = await node.call({ method: 'PATCH', path, body: wanted, signal });
    return set.kind === 'answer' && set.status === 200;
  }

  async #readFeatures(): Promise<void> {
    const { state, runner, signal } = this.#options;
    const [first] = this.usableNodes();
    if (first === undefined) return;
    const answer = await first.call({ method: 'GET', path: '/experimental-features', signal });
    if (answer.kind !== 'answer' || answer.status !== 200) return;
    if (answer.text === state.cluster.experimentalFeaturesJson) return;
    runner.submit({ kind: 'cluster', change: { experimentalFeaturesJson: answer.text } });
  }
}

/** Indexes of which a shard is in-sync on this node alone, at most ten. */
function lastCopiesOn(state: State, nodeId: string): string[] {
  const uids: string[] = [];
  for (const index of state.indexes.values()) {
    if (!index.nodeIds.includes(nodeId)) continue;
    const isLast = shardsOn(index, nodeId).some((shard) => {
      const counting = inSyncOf(index, shard);
      return counting.length === 1 && counting[0] === nodeId;
    });
    if (isLast) uids.push(index.visibleUid ?? index.headUid ?? index.id);
    if (uids.length === 10) break;
  }
  return uids;
}
