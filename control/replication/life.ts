/**
 * One life of a replica: with one store, from its opening to its end. The core says when it leads; then the
 * leader's part of control is built, and torn down when it no longer does. A replica that is refilled ends
 * this life and begins another with the new store.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type MiroirConfig, readSecret } from '../../core/config/index.ts';
import { failpoint } from '../../core/failpoint.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import {
  type Hello,
  ReplicationServiceService,
} from '../../proto/gen/miroir/replication/v1/replication.ts';
import { AdminAccess, forcedServices, type ReplicaAdmin, type Services } from '../api/index.ts';
import { LeaderApp, secretsOf } from '../leader/index.ts';
import type { Store } from '../store/index.ts';
import { replicaAdmin } from './admin.ts';
import type { CloseReason, LogPosition, ReplicaMessage } from './core/index.ts';
import { Driver } from './driver.ts';
import { EarlierLeaders } from './earlier-leaders.ts';
import type { Engine, EngineRecord } from './engine.ts';
import { Follower } from './follower.ts';
import { readIdentity } from './identity.ts';
import { LeaderStore } from './leader-store.ts';
import { PeerService } from './net/peer-service.ts';
import { sendSnapshot } from './net/send-snapshot.ts';
import { Peers } from './peers.ts';
import { coreOptions, persistedOf } from './settings.ts';

const PROTOCOL = 1;
/** A leader makes sure of itself so often. */
const PROOF_EVERY_MS = 1_000;
/** How long a leader that handed over waits for the next. */
const SUCCESSOR_MS = 700;
const SUCCESSOR_POLL_MS = 10;
/** How long the nodes are looked at before a leader serves. */
const NODE_WAIT_MS = 1_000;

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
  /** Puts a snapshot in place; a new life is to begin then. Rejects if it was not right. */
  readonly install: (chunks: AsyncIterable<Buffer>) => Promise<void>;
  /** Everything here is to be thrown away; a new life is to begin. */
  readonly onRefill: () => void;
  /** The process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** The leader's part, from the moment the core says so. */
interface Leading {
  readonly store: LeaderStore;
  app: LeaderApp | undefined;
  isOver: boolean;
}

/** A life. */
export class Life {
  readonly #options: LifeOptions;
  readonly #driver: Driver;
  readonly #peers: Peers;
  readonly #service: PeerService;
  readonly #earlier: EarlierLeaders;
  readonly #abort = new AbortController();
  readonly #proving: NodeJS.Timeout;
  readonly #admin: ReplicaAdmin;
  readonly #forced: Services;
  #follower: Follower;
  #leading: Leading | undefined;
  /** The last leader's part is gone. */
  #torn: Promise<void> = Promise.resolve();
  #isInstalling = false;
  #isLeaving = false;
  #provenAtMs = 0;

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
      onSnapshot: (epoch, chunks) => this.#install(epoch, chunks),
    });
    this.#driver = new Driver({
      core,
      persisted: persistedOf(store),
      store,
      engine: options.engine,
      engineCallMs: config.control.renew_ms / 2,
      steadyMs: () => performance.now(),
      send: (to, message) => this.#peers.send(to, message),
      sendSnapshot: (to, epoch) => this.#sendSnapshot(to, epoch),
      onLead: (epoch) => this.#lead(epoch),
      onClose: (reason) => this.#stopLeading(reason),
      onApplied: (position) => this.#noteApplied(position),
      onChanged: () => this.#noteChanged(),
      onAlarm: (alarm) => options.logger.error({ alarm }, ALARM_WORDS[alarm.kind]),
      onRefill: options.onRefill,
      onBroken: options.onBroken,
    });
    this.#admin = replicaAdmin({
      driver: this.#driver,
      engine: config.control.engine,
      steadyMs: () => performance.now(),
    });
    this.#forced = forcedServices({
      access: new AdminAccess({
        adminToken: () => readSecret(config.auth, 'admin_token'),
        steadyMs: () => performance.now(),
      }),
      replicas: this.#admin,
      wallMs: Date.now,
      logger: options.logger,
    });
    this.#follower = this.#follow();
    this.#proving = setInterval(() => this.#prove(), PROOF_EVERY_MS);
    this.#peers.set(core.configured);
  }

  /** host:port of the leader as far as it is known. */
  get leaderAddress(): string {
    return this.#driver.record?.leaderAddress ?? '';
  }

  /** Lets go of leading, if it leads; resolves when another leads, or none came forward soon. */
  async handOver(): Promise<void> {
    if (this.#leading === undefined) return;
    this.#isLeaving = true;
    await this.#driver.resign();
    // Until then it answers those who want to lead, and sends callers on.
    for (let waitedMs = 0; waitedMs < SUCCESSOR_MS; waitedMs += SUCCESSOR_POLL_MS) {
      if (this.leaderAddress !== '' && this.#leading === undefined) return;
      await delay(SUCCESSOR_POLL_MS);
    }
  }

  /**
   * A caller says which position it has seen. False if this replica leads and is behind it: it must not
   * answer.
   */
  hasSeen(epoch: number, index: number): boolean {
    const own = this.#driver.committed;
    if (this.#leading === undefined) return true;
    if (epoch < Number(own.epoch) || (epoch === Number(own.epoch) && index <= Number(own.index))) {
      return true;
    }
    const { clusterId, sinceEpoch } = readIdentity(this.#options.store);
    if (epoch < sinceEpoch) return true;
    this.#driver.dispatch({ kind: 'witnessed', position: { clusterId, epoch, index } });
    return false;
  }

  /** Ends it; resolves when nothing uses the store any more. */
  async close(): Promise<void> {
    clearInterval(this.#proving);
    this.#abort.abort();
    const isDone = this.#driver.close();
    this.#peers.close();
    this.#service.close();
    this.#follower.close();
    await isDone;
    await this.#torn;
  }

  #take(from: string, message: ReplicaMessage): void {
    // The next leader must not count on one that is about to end.
    if (this.#isLeaving && this.#leading === undefined && message.kind === 'append') return;
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

  #serve(services: Services, isLeader: boolean): void {
    const replication = [ReplicationServiceService, this.#service.handlers] as never;
    this.#options.serve(new Map([...services, replication]), isLeader);
  }

  #lead(epoch: number): void {
    const { logger, store } = this.#options;
    logger.info({ epoch }, 'this replica leads');
    const leading = { store: new LeaderStore(store, this.#driver), app: undefined, isOver: false };
    this.#leading = leading;
    this.#provenAtMs = performance.now();
    this.#open(leading).catch((error) => {
      if (!leading.isOver) this.#options.onBroken(error);
    });
  }

  async #open(leading: Leading): Promise<void> {
    await this.#torn;
    if (leading.isOver) return;
    const { config, logger, metrics, isStorageFull, onBroken } = this.#options;
    const app = new LeaderApp({
      config,
      logger,
      metrics,
      store: leading.store,
      commit: async (changes) => {
        failpoint('control.before-commit');
        const position = await leading.store.commit(changes);
        failpoint('control.after-commit');
        return position;
      },
      verify: () => leading.store.verify(),
      clusterId: this.#driver.state.clusterId,
      othersCallUntilMs: this.#earlier.callUntilMs,
      nodeWaitMs: NODE_WAIT_MS,
      replicas: this.#admin,
      isStorageFull,
      onBroken,
    });
    leading.app = app;
    await app.start();
    if (leading.isOver) return;
    this.#serve(app.services, true);
    this.#follower.close();
    logger.info('this replica serves as leader');
  }

  /** Nothing of the leader's part acts any more when this returns. */
  #stopLeading(reason: CloseReason): void {
    const leading = this.#leading;
    if (leading === undefined) return;
    this.#leading = undefined;
    leading.isOver = true;
    const level = reason === 'resigned' ? 'info' : 'warn';
    this.#options.logger[level]({ reason }, 'this replica leads no more');
    this.#follower.close();
    this.#follower = this.#follow();
    if (leading.app !== undefined) this.#torn = leading.app.close();
  }

  #noteApplied({ epoch, index }: LogPosition): void {
    this.#leading?.store.applied();
    if (this.#leading === undefined) {
      this.#follower.applied({ epoch: BigInt(epoch), index: BigInt(index) });
    }
  }

  #noteChanged(): void {
    const { record } = this.#driver;
    if (record === undefined) return;
    this.#earlier.note(record, performance.now());
    this.#peers.set([...this.#driver.state.options.configured, ...record.members]);
    this.#keepMinimum(record);
  }

  /** Where enough replicas are in-sync, as many must be as the leader's configuration says. */
  #keepMinimum({ minIsr, isr, members }: EngineRecord): void {
    const { minIsr: wanted, featureLevel } = this.#driver.state.options;
    if (this.#leading === undefined || minIsr === wanted || isr.length < wanted) return;
    void this.#driver.changeMembers({ members, minIsr: wanted, featureLevel });
  }

  /**
   * A leader that hears nothing from those it needs may have been replaced without knowing it, and its calls
   * to nodes would go on: it lets go after as long as others wait before they take over.
   */
  #prove(): void {
    const leading = this.#leading;
    if (leading === undefined) return;
    const startedMs = performance.now();
    if (startedMs - this.#provenAtMs > this.#options.config.control.expiry_ms) {
      void this.#driver.resign();
      return;
    }
    leading.store.verify().then(
      () => {
        this.#provenAtMs = Math.max(this.#provenAtMs, startedMs);
      },
      () => {},
    );
  }

  async #sendSnapshot(to: string, epoch: number): Promise<boolean> {
    const { store, logger, peerCredentials } = this.#options;
    const address = this.#peers.addressOf(to);
    if (address === undefined) return false;
    logger.info({ peer: to }, 'a replica is refilled');
    try {
      await sendSnapshot({
        address,
        credentials: peerCredentials(),
        hello: this.#hello(),
        epoch,
        chunks: store.snapshot({ clusterId: this.#driver.state.clusterId }),
        signal: this.#abort.signal,
      });
      return true;
    } catch (error) {
      logger.warn({ peer: to, reason: (error as Error).message }, 'it was not');
      return false;
    }
  }

  async #install(epoch: number, chunks: AsyncIterable<Buffer>): Promise<void> {
    if (this.#isInstalling) throw new Error('another snapshot is being put in place');
    const { log, leading } = this.#driver.state;
    if (leading !== undefined || epoch < log.fence) throw new Error('a later leader was obeyed');
    this.#isInstalling = true;
    try {
      await this.#options.install(chunks);
    } finally {
      this.#isInstalling = false;
    }
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
