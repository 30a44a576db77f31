/**
 * The leader's part of control over replication: built when the core says that this replica leads, torn down
 * when it says that it no longer does.
 */
import type { MiroirConfig } from '../../core/config/index.ts';
import { failpoint } from '../../core/failpoint.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import type { ReplicaAdmin, Services } from '../api/index.ts';
import { LeaderApp, readEarlier } from '../leader/index.ts';
import type { Store } from '../store/index.ts';
import type { CloseReason } from './core/index.ts';
import type { Driver } from './driver.ts';
import { readIdentity } from './identity.ts';
import { LeaderStore } from './leader-store.ts';

/** A leader makes sure of itself so often. */
const PROOF_EVERY_MS = 1_000;
/** How long the nodes are looked at before a leader serves. */
const NODE_WAIT_MS = 1_000;

/** What leading needs. */
export interface LeadershipOptions {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly driver: Driver;
  readonly admin: ReplicaAdmin;
  readonly isStorageFull: () => boolean;
  /** Until when leaders before this one may call nodes. */
  readonly othersCallUntilMs: () => number;
  /** From now on the leader's services are to be served. */
  readonly onServing: (services: Services) => void;
  readonly steadyMs: () => number;
  /** The process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** From the moment the core says so. */
interface Leading {
  readonly store: LeaderStore;
  app: LeaderApp | undefined;
  isOver: boolean;
}

/** Builds it and tears it down, any number of times. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #proving: NodeJS.Timeout;
  #leading: Leading | undefined;
  /** The last one is gone. */
  #torn: Promise<void> = Promise.resolve();
  #provenAtMs = 0;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#proving = setInterval(() => this.#prove(), PROOF_EVERY_MS);
  }

  /** Whether this replica leads; it may not serve yet. */
  get isOn(): boolean {
    return this.#leading !== undefined;
  }

  /** Leading begins. */
  begin(epoch: number): void {
    const { logger, store, driver, steadyMs, onBroken } = this.#options;
    logger.info({ epoch }, 'this replica leads');
    const leading = { store: new LeaderStore(store, driver), app: undefined, isOver: false };
    this.#leading = leading;
    this.#provenAtMs = steadyMs();
    this.#open(leading).catch((error) => {
      if (!leading.isOver) onBroken(error);
    });
  }

  /** Leading is over: nothing of it acts any more when this returns. */
  end(reason: CloseReason): void {
    const leading = this.#leading;
    if (leading === undefined) return;
    this.#leading = undefined;
    leading.isOver = true;
    const level = reason === 'resigned' ? 'info' : 'warn';
    this.#options.logger[level]({ reason }, 'this replica leads no more');
    if (leading.app !== undefined) this.#torn = leading.app.close();
  }

  /** The state on disk has moved on. */
  applied(): void {
    this.#leading?.store.applied();
  }

  /** Resolves when what was torn down is gone. To be called after the end. */
  close(): Promise<void> {
    clearInterval(this.#proving);
    return this.#torn;
  }

  async #open(leading: Leading): Promise<void> {
    await this.#torn;
    if (leading.isOver) return;
    const { config, logger, metrics, driver, admin, isStorageFull, onBroken } = this.#options;
    const { store } = leading;
    const { epoch } = store;
    const { sinceEpoch } = readIdentity(this.#options.store);
    // The last entry is the barrier.
    const lastIndex = store.position.index - 1n;
    const app = new LeaderApp({
      config,
      logger,
      metrics,
      store,
      commit: async (changes) => {
        failpoint('control.before-commit');
        const position = await store.commit(changes);
        failpoint('control.after-commit');
        return position;
      },
      verify: () => store.verify(),
      clusterId: driver.state.clusterId,
      othersCallUntilMs: this.#options.othersCallUntilMs(),
      nodeWaitMs: NODE_WAIT_MS,
      earlier: readEarlier(this.#options.store, lastIndex, { epoch, sinceEpoch }),
      replicas: admin,
      isStorageFull,
      onBroken,
    });
    leading.app = app;
    await app.start();
    if (leading.isOver) return;
    this.#options.onServing(app.services);
    logger.info('this replica serves as leader');
  }

  /**
   * A leader that hears nothing from those it needs may have been replaced without knowing it, and its calls
   * to nodes would go on: it lets go after as long as others wait before they take over.
   */
  #prove(): void {
    const { config, driver, steadyMs } = this.#options;
    const startedMs = steadyMs();
    if (this.#leading === undefined) return;
    if (startedMs - this.#provenAtMs > config.control.expiry_ms) {
      void driver.resign();
      return;
    }
    this.#leading.store.verify().then(
      () => {
        this.#provenAtMs = Math.max(this.#provenAtMs, startedMs);
      },
      () => {},
    );
  }
}
