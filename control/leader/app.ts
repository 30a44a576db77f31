/**
 * What a replica of control is while it leads: state, machine, performer, the watch over the nodes, and the
 * services for sidecars. It is built from what is on disk when the replica begins to lead, and torn down
 * completely when it no longer does, in the same process and any number of times: nothing of it may outlive
 * that, for its state may hold what was never committed.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { type MiroirConfig, readSecret } from '../../core/config/index.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import { nodeCertificates } from '../../core/tls/certificate-files.ts';
import type { Position } from '../../core/topology.ts';
import { KeysServiceService } from '../../proto/gen/miroir/keys/v1/keys.ts';
import { TaskServiceService } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { WriteServiceService } from '../../proto/gen/miroir/write/v1/write.ts';
import {
  AdminApi,
  batchHandlers,
  CLUSTER_SERVICE,
  ClusterCalls,
  clusterHandlers,
  keyHandlers,
  LEADS_NO_MORE,
  type ReplicaAdmin,
  type Services,
  taskHandlers,
  WatchHub,
  WriteService,
} from '../api/index.ts';
import { JobDrivers } from '../jobs/index.ts';
import type { KeyCalls, KeyTable } from '../keys/index.ts';
import { Runner } from '../machine/index.ts';
import { ControlNode, type NodeMaker, NodeSet } from '../nodes/index.ts';
import { Performer } from '../performer.ts';
import { isRecovering } from '../recovery/index.ts';
import type { AdminEffect, State } from '../state/index.ts';
import type { Change, Store } from '../store/index.ts';
import { Watchers } from '../watchers.ts';
import { BackupDriver } from './backup-driver.ts';
import { countingViews, type EarlierViews } from './earlier-views.ts';
import { secretsOf, setUpKeys } from './keys.ts';
import { readNow } from './now.ts';
import { readState } from './state.ts';

const TICK_MS = 250;

/** What a leader works with. */
export interface LeaderAppOptions {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What is committed. */
  readonly store: Pick<Store, 'epoch' | 'get' | 'range' | 'position' | 'snapshot'>;
  /** Resolves when the changes are committed; rejects if they never will be by this leader. */
  readonly commit: (changes: readonly Change[]) => Promise<Position>;
  /** See RunnerOptions. */
  readonly verify?: () => Promise<void>;
  /** Of a cluster that is made now. Absent: a random one. */
  readonly clusterId?: string;
  /** See loadState. */
  readonly othersCallUntilMs?: number;
  /** What is known of leaders before this one. */
  readonly earlier: EarlierViews;
  /** How long the nodes of a cluster that has served before are looked at first. Absent: as long as others. */
  readonly nodeWaitMs?: number;
  readonly isStorageFull: () => boolean;
  readonly replicas: ReplicaAdmin;
  /** Memory and disk have come apart: the process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** A leader at work. */
export class LeaderApp {
  readonly services: Services;
  readonly #state: State;
  readonly #metrics: Metrics;
  readonly #abort = new AbortController();
  readonly #nodes: NodeSet;
  readonly #hub: WatchHub;
  readonly #writes: WriteService;
  readonly #clusterCalls: ClusterCalls;
  readonly #performer: Performer;
  readonly #runner: Runner;
  readonly #nodeWatch: Watchers;
  readonly #keys: KeyTable;
  readonly #drivers: JobDrivers;
  readonly #admin: AdminApi;
  readonly #ticking: NodeJS.Timeout;
  #isClosed = false;

  /** Takes up what was open. */
  constructor(options: LeaderAppOptions) {
    const { config, store, logger, metrics } = options;
    const { signal } = this.#abort;
    // Every call and pause under way listens to it.
    setMaxListeners(0, signal);
    const masterKey = () => readSecret(config.auth, 'master_key');
    this.#metrics = metrics;
    this.#state = readState(options);
    const certificates = nodeCertificates(config.node_tls, (problem) =>
      options.logger.error({ problem }, 'renewed certificates are not used'),
    );
    const makeNode = (id: string, url: string) => new ControlNode(id, url, masterKey, certificates);
    this.#nodes = this.#makeNodes(makeNode);
    this.#hub = new WatchHub({
      state: this.#state,
      secrets: () => secretsOf(masterKey()),
      steadyMs: () => performance.now(),
      position: () => ({ ...store.position, epoch: store.epoch }),
    });
    this.#writes = new WriteService({
      isStorageFull: options.isStorageFull,
      submit: (event) => this.#runner.submit(event),
      now: readNow,
      freshIndexId: () => randomBytes(16).toString('hex'),
    });
    this.#clusterCalls = new ClusterCalls({
      submit: (event) => this.#runner.submit(event),
      now: readNow,
      countIndex: countingViews(options),
      viewPosition: () => this.#hub.viewPosition,
    });
    const { nodes } = this.#nodes;
    const parts = { state: this.#state, nodes, now: readNow, logger, metrics, signal };
    this.#performer = new Performer({
      ...parts,
      writes: this.#writes,
      answerCluster: (effect) => this.#clusterCalls.answer(effect),
      onAdmin: (effect) => this.#onAdmin(effect),
    });
    this.#runner = this.#makeRunner(options);
    this.#performer.start(this.#runner);
    this.#runner.resume();
    const { nodeWaitMs } = options;
    this.#nodeWatch = new Watchers({
      ...parts,
      runner: this.#runner,
      onHealth: () => this.#admin.touch(),
      ...(nodeWaitMs === undefined ? {} : { startWaitMs: nodeWaitMs }),
    });
    const ofKeys = { state: this.#state, nodeWatch: this.#nodeWatch, runner: this.#runner, signal };
    const { keys, keyCalls } = setUpKeys(ofKeys);
    this.#keys = keys;
    this.#drivers = this.#makeDrivers(options);
    this.#admin = this.#makeAdmin(options, makeNode);
    this.services = this.#makeServices(options, keyCalls);
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Resolves when it may be asked: the nodes were looked at. Rejects with TopologyError. */
  async start(): Promise<void> {
    await this.#nodeWatch.start(() => this.#keys.refresh());
    this.#drivers.start();
  }

  /** Takes no new calls; those under way go on. */
  drain(): void {
    this.#writes.close();
    this.#hub.close();
    this.#admin.drain();
  }

  /**
   * Ends everything at once: nothing more is sent to a node or told to a caller. Resolves when a commit under
   * way has ended as well.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#ticking);
    this.#abort.abort();
    const stopped = this.#runner.stop();
    const closed = this.#nodes.close();
    this.#drivers.close();
    this.#admin.close();
    this.#writes.abort(LEADS_NO_MORE);
    this.#clusterCalls.abort(LEADS_NO_MORE);
    this.#hub.close();
    this.#nodeWatch.close();
    this.#performer.close();
    await Promise.all([stopped, closed]);
  }

  /** Resolves when all that was submitted is committed. */
  settled(): Promise<void> {
    return this.#runner.settled();
  }

  #makeRunner(options: LeaderAppOptions): Runner {
    const { store, commit, verify, onBroken } = options;
    return new Runner({
      state: this.#state,
      commit,
      ...(verify === undefined ? {} : { verify }),
      position: () => store.position,
      perform: (effect) => this.#performer.perform(effect),
      publish: (change) => {
        this.#hub.publish(change);
        this.#admin.publish(change);
      },
      afterBatch: () => this.#performer.wakeTails(),
      onBroken,
    });
  }

  #makeNodes(make: NodeMaker): NodeSet {
    const set = new NodeSet({
      make,
      onAdded: (node: ControlNode) => {
        this.#performer.addNode(node);
        this.#nodeWatch.add(node);
      },
      onRemoved: (nodeId) => {
        this.#nodeWatch.remove(nodeId);
        this.#performer.removeNode(nodeId);
      },
    });
    set.sync(this.#state.cluster.nodes);
    return set;
  }

  #makeDrivers({ config, store, logger }: LeaderAppOptions): JobDrivers {
    const backup = new BackupDriver({
      store,
      folder: join(config.control.data_dir, 'backups'),
      clusterId: () => this.#state.cluster.clusterId,
    });
    return new JobDrivers({
      state: this.#state,
      drivers: { backup },
      submit: (event) => this.#runner.submit(event),
      now: readNow,
      logger,
    });
  }

  #makeAdmin(options: LeaderAppOptions, makeNode: NodeMaker): AdminApi {
    const { config, store, isStorageFull, replicas, logger } = options;
    return new AdminApi({
      config,
      state: this.#state,
      runner: { submit: (event) => this.#runner.submit(event), settled: this.#strong(options) },
      store,
      nodes: this.#nodes.nodes,
      makeNode,
      healthOf: (nodeId) => this.#nodeWatch.healthOf(nodeId),
      isStorageFull,
      replicas,
      drivers: this.#drivers,
      now: readNow,
      logger,
    });
  }

  #onAdmin(effect: AdminEffect): void {
    if (effect.kind === 'nodesChanged') this.#nodes.sync(this.#state.cluster.nodes);
    else this.#admin.perform(effect);
  }

  /** What is read after it was the newest when it was called. */
  #strong({ verify }: LeaderAppOptions): () => Promise<void> {
    if (verify === undefined) return () => this.#runner.settled();
    return async () => {
      await verify();
      await this.#runner.settled();
    };
  }

  #makeServices(options: LeaderAppOptions, keyCalls: KeyCalls): Services {
    const { store } = options;
    const runner = { settled: this.#strong(options) };
    const viewPosition = () => this.#hub.viewPosition;
    const tasks = { state: this.#state, store, runner, viewPosition };
    const cluster = clusterHandlers({
      state: this.#state,
      runner,
      viewPosition,
      watchers: this.#hub,
      clusterCalls: this.#clusterCalls,
      onWatch: (sidecarId) =>
        this.#runner.submit({ kind: 'watchOpened', sidecarId, now: readNow() }),
      refreshKeys: () => this.#keys.refresh(),
    });
    return new Map([
      [WriteServiceService, this.#writes.handlers],
      [TaskServiceService, { ...taskHandlers(tasks), ...batchHandlers(tasks) }],
      [KeysServiceService, keyHandlers((call) => keyCalls.call(call))],
      [CLUSTER_SERVICE, cluster],
      ...this.#admin.services,
    ] as [object, object][]) as unknown as Services;
  }

  /** Lets time pass in the machine while something in it waits for that. */
  #tick(): void {
    const now = readNow();
    const [oldest] = this.#state.open.values();
    this.#metrics.taskRegistrySize.set(this.#state.summaries.length);
    this.#metrics.taskProcessingAge.set(
      oldest === undefined ? 0 : (now.steadyMs - oldest.begunAtMs) / 1000,
    );
    if (oldest === undefined && !isRecovering(this.#state)) return;
    this.#runner.submit({ kind: 'tick', now });
  }
}
