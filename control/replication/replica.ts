/**
 * A replica of several: its data folder, the server that always listens, the engine, and one life after the
 * other (life.ts).
 */
import { randomBytes } from 'node:crypto';
import { ConfigError, type MiroirConfig } from '../../core/config/index.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import { channelCredentials, serverCredentials } from '../../core/tls/credentials.ts';
import { type Api, startApi } from '../api/index.ts';
import {
  type DataDir,
  emptyFolder,
  type FreeSpace,
  installSnapshot,
  type LogBounds,
  noteCleanStop,
  Store,
} from '../store/index.ts';
import type { Engine } from './engine.ts';
import { Life } from './life.ts';

const RESIGN_MS = 2_000;

/** What a replica is started with. */
export interface ReplicaOptions {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly folder: DataDir;
  readonly engine: Engine;
  readonly space: FreeSpace;
  /** How much of the log is kept; see StoreOptions. */
  readonly logBounds?: LogBounds;
  /** The process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** Refuses a configuration under which this replica could not be found by the others. */
export function checkReplicas({ control }: MiroirConfig): void {
  const { engine, address, addresses } = control;
  if (engine === 'local' && addresses.length > 1) {
    throw new ConfigError('control.engine', '`local` is for one replica, not several');
  }
  if (!addresses.includes(address)) {
    throw new ConfigError(
      'control.addresses',
      `\`control.address\` (${address}) is not among them`,
    );
  }
}

/** A running replica. */
export class Replica {
  readonly #options: ReplicaOptions;
  #api: Api | undefined;
  #store: Store | undefined;
  #life: Life | undefined;
  #isRestarting = false;
  #isClosed = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Opens the store and listens. Rejects with UnusableStore, DamagedValue or ListenError. */
  async start(): Promise<void> {
    const { config } = this.#options;
    this.#store = this.#openStore();
    this.#api = await startApi({
      listen: config.control.listen,
      credentials: serverCredentials(config.control.tls, { onProblem: this.#onProblem }),
      leaderAddress: () => this.#life?.leaderAddress ?? '',
      hasSeen: (epoch, index) => this.#life?.hasSeen(epoch, index) ?? true,
    });
    this.#begin(this.#store, this.#api);
  }

  /** host:port of the listener. */
  get address(): string {
    return this.#api?.address ?? '';
  }

  /** Why this replica is not as it should be; undefined if it is. */
  get unreadiness(): string | undefined {
    return this.#life === undefined ? 'it begins' : this.#life.unreadiness;
  }

  /** Hands over if it leads, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { engine, folder } = this.#options;
    const limit = new Promise((resolve) => setTimeout(resolve, RESIGN_MS).unref());
    await Promise.race([this.#life?.handOver(), limit]);
    this.#api?.serve(new Map(), false);
    await this.#life?.close();
    await this.#api?.close();
    await engine.close();
    await this.#store?.close();
    noteCleanStop(folder.path);
    await folder.release();
  }

  readonly #onProblem = (problem: string): void => {
    this.#options.logger.error({ problem }, 'renewed certificates are not used');
  };

  #openStore(): Store {
    const { folder, onBroken, logBounds } = this.#options;
    return new Store({
      ...(logBounds === undefined ? {} : { logBounds }),
      folder: folder.path,
      nowSeconds: Date.now() / 1_000,
      freshId,
      onPoisoned: onBroken,
    });
  }

  #begin(store: Store, api: Api): void {
    const { config, logger, metrics, engine, folder, space, onBroken } = this.#options;
    this.#life = new Life({
      config,
      logger,
      metrics,
      store,
      engine,
      peerCredentials: () => channelCredentials(config.control.tls, { onProblem: this.#onProblem }),
      isStorageFull: () => space.isFull,
      serve: (services, isLeader) => api.serve(services, isLeader),
      install: async ({ epoch, chunks }, end) => {
        let isOver = false;
        // What was promised to the leader of this epoch holds for the new store, too.
        const leader = BigInt(epoch);
        const fence = store.fence > leader ? store.fence : leader;
        const beforeSwitch = (): void => {
          end();
          isOver = true;
        };
        try {
          await installSnapshot(chunks, { folder: folder.path, freshId, fence, beforeSwitch });
          logger.info('this replica was refilled by its leader');
        } finally {
          if (isOver) setImmediate(() => this.#restart());
        }
      },
      onRefill: () => {
        logger.error('the data of this replica is thrown away: its loss was accepted');
        emptyFolder(folder.path, freshId, store.fence).then(
          () => this.#restart(),
          (error) => onBroken(error),
        );
      },
      onBroken,
    });
  }

  /** Ends this life and begins the next with the store that counts now. */
  #restart(): void {
    if (this.#isRestarting || this.#isClosed) return;
    this.#isRestarting = true;
    this.#renew()
      .catch((error) => this.#options.onBroken(error))
      .finally(() => {
        this.#isRestarting = false;
      });
  }

  async #renew(): Promise<void> {
    await this.#life?.close();
    await this.#store?.close();
    if (this.#isClosed || this.#api === undefined) return;
    this.#store = this.#openStore();
    this.#begin(this.#store, this.#api);
  }
}

function freshId(): string {
  return randomBytes(16).toString('hex');
}
