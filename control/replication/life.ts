/**
 * One life of a replica: with one store, from its opening to its end. The core says when it leads; then the
 * leader's part of control is built, and torn down when it no longer does. A replica that is refilled ends
 * this life and begins another with the new store.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type MiroirConfig, readSecret } from '../../core/config/index.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import {
  type Hello,
  ReplicationServiceService,
} from '../../proto/gen/miroir/replication/v1/replication.ts';
import { AdminAccess, forcedServices, type ReplicaAdmin, type Services } from '../api/index.ts';
import { secretsOf } from '../leader/index.ts';
import type { Store } from '../store/index.ts';
import { replicaAdmin } from './admin.ts';
import {
  type CloseReason,
  type LogPosition,
  mayBeReplaced,
  type ReplicaMessage,
} from './core/index.ts';
import { Driver, type SnapshotOrder } from './driver.ts';
import { EarlierLeaders } from './earlier-leaders.ts';
import type { Engine, EngineRecord } from './engine.ts';
import { figuresOf } from './figures.ts';
import { Follower } from './follower.ts';
import { readIdentity } from './identity.ts';
import { Leadership } from './leadership.ts';
import { type IncomingSnapshot, PeerService } from './net/peer-service.ts';
import { sendSnapshot } from './net/send-snapshot.ts';
import { Peers } from './peers.ts';
import { unreadiness } from './readiness.ts';
import { coreOptions, persistedOf } from './settings.ts';

const PROTOCOL = 1;
/** How long a leader that handed over waits for the next. */
const SUCCESSOR_MS = 700;
const SUCCESSOR_POLL_MS = 10;

/** What a life needs. */
export interface LifeOptions {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly engine: Engine;
  readonly peerCredentials: () => ChannelCredentials;
  readonly isStorageFull: () => boolean;
  /** From now on these are served. */
  readonly serve: (services: Services, isLeader: boolean) => void;
  /**
   * Puts a snapshot in place, and begins a new life. Rejects if it was not right. `end` ends this life in the
   * moment before the new store counts, or throws if it may not count.
   */
  readonly install: (snapshot: IncomingSnapshot, end: () => void) => Promise<void>;
  /** Everything here is to be thrown away; a new life is to begin. */
  readonly onRefill: () => void;
  /** The process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** A life. */
export class Life {
  readonly #options: LifeOptions;
  readonly #driver: Driver;
  readonly #peers: Peers;
  readonly #service: PeerService;
  readonly #earlier: EarlierLeaders;
  readonly #abort = new AbortController();
  readonly #leadership: Leadership;
  readonly #forced: Services;
  #follower: Follower;
  #isInstalling = false;
  #isLeaving = false;
  #isOver = false;
  #isServing = false;

  constructor(options: LifeOptions) {
    this.#options = options;
    const { config, store } = options;
    const core = coreOptions(config, store, {
      bootId: randomBytes(8).toString('hex'),
      freshClusterId: randomBytes(8).toString('hex'),
    });
    this.#earlier = new EarlierLeaders(config.control.expiry_ms, performance.now());
    this.#peers = new Peers({
      ownId: core.id,
      credentials: options.peerCredentials,
      hello: () => this.#hello(),
      objection: (hello) => this.#objection(hello),
      onReset: (peer) => this.#driver.dispatch({ kind: 'streamReset', peer }),
      onRefused: (peer, words) => options.logger.warn({ peer }, `a replica was refused: ${words}`),
      random: Math.random,
    });
    this.#service = new PeerService({
      hello: () => this.#hello(),
      objection: (hello) => this.#objection(hello),
      onMessage: (from, message) => this.#take(from, message),
      onSnapshot: (snapshot) => this.#install(snapshot),
    });
    this.#driver = new Driver({
      core,
      persisted: persistedOf(store),
      store,
      engine: options.engine,
      engineCallMs: config.control.renew_ms,
      steadyMs: () => performance.now(),
      metrics: options.metrics.replication,
      send: (to, message) => this.#peers.send(to, message),
      sendSnapshot: (order) => this.#sendSnapshot(order),
      onLead: (epoch) => this.#leadership.begin(epoch),
      onClose: (reason) => this.#stopLeading(reason),
      onApplied: (position) => this.#noteApplied(position),
      onChanged: () => this.#noteChanged(),
      onAlarm: (alarm) => options.logger.error({ alarm }, ALARM_WORDS[alarm.kind]),
      onEngine: (problem) => this.#noteEngine(problem),
      onRefill: options.onRefill,
      onBroken: options.onBroken,
    });
    const steadyMs = () => performance.now();
    const { engine } = config.control;
    const admin = replicaAdmin({
      ...{ driver: this.#driver, engine, steadyMs },
      peerLevel: (id) => this.#peers.levelOf(id),
    });
    this.#leadership = new Leadership({
      ...options,
      driver: this.#driver,
      admin,
      othersCallUntilMs: () => this.#earlier.callUntilMs,
      onServing: (services) => {
        this.#serve(services, true);
        this.#isServing = true;
        this.#follower.close();
      },
      steadyMs,
    });
    this.#forced = this.#forcedServices(admin);
    this.#follower = this.#follow();
    this.#peers.set(core.configured);
    options.metrics.replication.follow(() => figuresOf(this.#driver.state));
  }

  /** host:port of the leader as far as it is known. */
  get leaderAddress(): string {
    return this.#driver.record?.leaderAddress ?? '';
  }

  /** Why this replica is not as it should be; undefined if it is. */
  get unreadiness(): string | undefined {
    return unreadiness(this.#driver.state, this.#isServing);
  }

  /** Lets go of leading, if it leads; resolves when another leads, or none came forward soon. */
  async handOver(): Promise<void> {
    if (!this.#leadership.isOn) return;
    this.#isLeaving = true;
    await this.#driver.resign();
    // Until then it answers those who want to lead, and sends callers on.
    for (let waitedMs = 0; waitedMs < SUCCESSOR_MS; waitedMs += SUCCESSOR_POLL_MS) {
      if (this.leaderAddress !== '' && !this.#leadership.isOn) return;
      await delay(SUCCESSOR_POLL_MS);
    }
  }

  /**
   * A caller says which position it has seen. False if this replica leads and is behind it: it must not
   * answer. One that does not lead keeps it in mind, for it may be about to.
   */
  hasSeen(epoch: number, index: number): boolean {
    const own = this.#driver.committed;
    if (index === 0) return true;
    if (epoch === Number(own.epoch) && index <= Number(own.index)) return true;
    const { store } = this.#options;
    const { clusterId, sinceEpoch } = readIdentity(store);
    if (epoch < sinceEpoch) return true;
    // What earlier leaders showed stands in the log under their epoch, or before its beginning.
    const isEarlier = epoch < Number(own.epoch) && index <= Number(own.index);
    const place = isEarlier ? store.placeAt(BigInt(index)) : undefined;
    if (isEarlier && (place === undefined || Number(place.epoch) === epoch)) return true;
    this.#driver.dispatch({ kind: 'witnessed', position: { clusterId, epoch, index } });
    return !this.#leadership.isOn;
  }

  /** Ends it; resolves when nothing uses the store any more. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#abort.abort();
    const isDone = this.#driver.close();
    this.#peers.close();
    this.#service.close();
    this.#follower.close();
    await isDone;
    await this.#leadership.close();
  }

  #take(from: string, message: ReplicaMessage): void {
    // The next leader must not count on one that is about to end.
    if (this.#isLeaving && !this.#leadership.isOn && message.kind === 'append') return;
    this.#driver.dispatch({ kind: 'message', from, message });
  }

  #hello(): Hello {
    const { clusterId, storeId, options } = this.#driver.state;
    const { id: replicaId, featureLevel } = options;
    return { version: PROTOCOL, clusterId, replicaId, storeId, featureLevel };
  }

  #objection({ version, clusterId, replicaId, featureLevel }: Hello): string | undefined {
    const own = this.#driver.state;
    if (version !== PROTOCOL) return `version ${version} of the protocol is not known`;
    if (!this.#peers.has(replicaId)) return `${replicaId} is no replica of this cluster`;
    const level = own.engine.known?.record.featureLevel ?? 0;
    if (featureLevel < level) {
      return `${replicaId} runs a program of level ${featureLevel}, the cluster is at ${level}`;
    }
    const isOther = clusterId !== '' && own.clusterId !== '';
    if (isOther && baseOf(clusterId) !== baseOf(own.clusterId)) {
      return `${replicaId} belongs to another cluster`;
    }
    return undefined;
  }

  #follow(): Follower {
    const { config, store } = this.#options;
    const follower = new Follower({
      store,
      secrets: () => secretsOf(readSecret(config.auth, 'master_key')),
      leaderAddress: () => this.leaderAddress,
      steadyMs: () => performance.now(),
    });
    this.#serve(new Map([...follower.services, ...this.#forced]), false);
    return follower;
  }

  #forcedServices(replicas: ReplicaAdmin): Services {
    const { config, logger } = this.#options;
    const access = new AdminAccess({
      adminToken: () => readSecret(config.auth, 'admin_token'),
      steadyMs: () => performance.now(),
    });
    return forcedServices({ access, replicas, wallMs: Date.now, logger });
  }

  /** In one turn: what is not answered by the leader's part any more goes to the follower's. */
  #stopLeading(reason: CloseReason): void {
    this.#leadership.end(reason);
    this.#isServing = false;
    this.#follower.close();
    this.#follower = this.#follow();
  }

  #serve(services: Services, isLeader: boolean): void {
    const replication = [ReplicationServiceService, this.#service.handlers] as never;
    this.#options.serve(new Map([...services, replication]), isLeader);
  }

  #noteApplied({ epoch, index }: LogPosition): void {
    if (this.#leadership.isOn) this.#leadership.applied();
    else this.#follower.applied({ epoch: BigInt(epoch), index: BigInt(index) });
  }

  #noteEngine(problem: string | undefined): void {
    const { logger } = this.#options;
    if (problem === undefined) logger.info('the engine answers again');
    else logger.warn({ problem }, 'the engine, in which replicas agree, does not answer');
  }

  #noteChanged(): void {
    const { record } = this.#driver;
    if (record === undefined) return;
    this.#earlier.note(record, performance.now());
    this.#peers.set([...this.#driver.state.options.configured, ...record.members]);
    this.#keepMinimum(record);
  }

  /** Where enough replicas are in-sync, as many must be as the leader's configuration says. */
  #keepMinimum({ minIsr, isr, members, featureLevel }: EngineRecord): void {
    const { minIsr: wanted } = this.#driver.state.options;
    if (!this.#leadership.isOn || minIsr === wanted || isr.length < wanted) return;
    void this.#driver.changeMembers({ members, minIsr: wanted, featureLevel });
  }

  async #sendSnapshot({ to, storeId, epoch }: SnapshotOrder): Promise<boolean> {
    const { store, logger, peerCredentials, metrics } = this.#options;
    const { snapshots } = metrics.replication;
    const address = this.#peers.addressOf(to);
    if (address === undefined) return false;
    logger.info({ peer: to }, 'a replica is refilled');
    try {
      await sendSnapshot({
        address,
        credentials: peerCredentials(),
        hello: this.#hello(),
        ...{ epoch, storeId },
        chunks: store.snapshot({ clusterId: this.#driver.state.clusterId }),
        signal: this.#abort.signal,
      });
      snapshots.inc({ outcome: 'sent' });
      return true;
    } catch (error) {
      snapshots.inc({ outcome: 'failed' });
      logger.warn({ peer: to, reason: (error as Error).message }, 'it was not');
      return false;
    }
  }

  async #install(snapshot: IncomingSnapshot): Promise<void> {
    if (this.#isInstalling) throw new Error('another snapshot is being put in place');
    this.#refuseLate(snapshot);
    this.#isInstalling = true;
    try {
      await this.#options.install(snapshot, () => {
        // What was right when it began need not be any more.
        this.#refuseLate(snapshot);
        this.#isOver = true;
        // Nothing is told any more of the store that is replaced.
        void this.#driver.close();
      });
      this.#options.metrics.replication.snapshots.inc({ outcome: 'installed' });
    } finally {
      this.#isInstalling = false;
    }
  }

  #refuseLate(snapshot: IncomingSnapshot): void {
    if (this.#isOver) throw new Error('this replica begins anew');
    if (mayBeReplaced(this.#driver.state, snapshot)) return;
    throw new Error(
      'what this replica holds may count: it has another store, or obeyed a later leader',
    );
  }
}

const ALARM_WORDS = {
  behindWitness: 'somebody has seen changes that this replica has lost: was its disk rolled back?',
  diverged: 'this replica holds other changes than its leader; it takes part in nothing',
  foreignCluster: 'the record that replicas agree in belongs to another cluster',
  tooOld: 'the cluster was raised to a level that this program does not know: run a newer one',
  engineWentBack: 'the record that replicas agree in went back to an older one',
} as const;

/** The id of a cluster without the count of accepted losses. */
function baseOf(clusterId: string): string {
  return clusterId.split('.')[0] ?? '';
}
