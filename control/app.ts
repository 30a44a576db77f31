/**
 * Control: a replica alone (its own LMDB is all that it agrees with), or one of several (replication/).
 * `startControl` resolves when it serves; problems that a person must solve reject with one clear line (see
 * main.ts).
 */
import { randomBytes } from 'node:crypto';
import { type MiroirConfig, readSecret } from '../core/config/index.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import { nodeCertificates } from '../core/tls/certificate-files.ts';
import { serverCredentials } from '../core/tls/credentials.ts';
import type { Position } from '../core/topology.ts';
import { soleReplica, startApi } from './api/index.ts';
import { LeaderApp, readEarlier } from './leader/index.ts';
import { PREFIX } from './machine/index.ts';
import { checkReplicas, openEngine, Replica } from './replication/index.ts';
import {
  type Change,
  type DataDir,
  examineFolder,
  FreeSpace,
  holdDataDir,
  noteCleanStop,
  SoleStore,
  Store,
} from './store/index.ts';

/** What control is started with. */
export interface ControlOptions {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Ends the process: memory and disk have come apart. */
  readonly onBroken: (error: unknown) => void;
}

/** Running control. */
export interface Control {
  /** host:port of the gRPC listener. */
  readonly address: string;
  /** Why it is not as it should be, for /readyz; undefined if it is. */
  unreadiness(): string | undefined;
  close(): Promise<void>;
}

/** Starts control. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { config } = options;
  checkReplicas(config);
  // A key that cannot be read is told before anything is served.
  readSecret(config.auth, 'master_key');
  // Nor are certificates that a leader would miss first.
  nodeCertificates(config.node_tls, onProblemOf(options.logger));
  const folder = await holdDataDir(config.control.data_dir);
  try {
    await examineFolder(folder.path, [PREFIX.task]);
    return await (config.control.engine === 'local'
      ? startAlone(options, folder)
      : startReplica(options, folder));
  } catch (error) {
    await folder.release();
    throw error;
  }
}

const onProblemOf =
  (logger: Logger) =>
  (problem: string): void =>
    logger.error({ problem }, 'renewed certificates are not used');

async function startReplica(options: ControlOptions, folder: DataDir): Promise<Control> {
  const { config, logger } = options;
  const { renew_ms, expiry_ms } = config.control;
  const engine = openEngine(config.control, {
    // A renewal may fail once and be made again before the claim expires.
    callTimeoutMs: renew_ms,
    expiryMs: expiry_ms,
    env: process.env,
    wallMs: Date.now,
    onProblem: (problem) => logger.error({ problem }, 'the engine cannot be used as it should'),
  });
  const space = await watchSpace(folder, logger);
  const replica = new Replica({ ...options, folder, engine, space });
  await replica.start();
  return {
    address: replica.address,
    unreadiness: () => replica.unreadiness,
    close: async () => {
      space.close();
      await replica.close();
    },
  };
}

async function startAlone(options: ControlOptions, folder: DataDir): Promise<Control> {
  const { config, logger, metrics } = options;
  const store = new Store({
    folder: folder.path,
    nowSeconds: Date.now() / 1_000,
    freshId: () => randomBytes(16).toString('hex'),
    onPoisoned: options.onBroken,
  });
  const space = await watchSpace(folder, logger);
  // It ended before it had applied its log, or was one of several before.
  if (store.appliedIndex < store.position.index) {
    await store.write({ entries: [], commitIndex: store.position.index });
  }
  const sole = new SoleStore(store);
  const leader = new LeaderApp({
    config,
    logger,
    metrics,
    store: sole,
    commit: (changes) => commit(sole, changes),
    earlier: readEarlier(store, store.position.index, { epoch: store.epoch, sinceEpoch: 0 }),
    isStorageFull: () => space.isFull,
    replicas: soleReplica({
      address: () => config.control.address,
      storeId: () => store.storeId,
      position: () => store.position,
    }),
    onBroken: options.onBroken,
  });
  await leader.start();
  const onProblem = onProblemOf(logger);
  const api = await startApi({
    listen: config.control.listen,
    credentials: serverCredentials(config.control.tls, { onProblem }),
    leaderAddress: () => '',
    hasSeen: () => true,
  });
  api.serve(leader.services, true);
  return {
    address: api.address,
    unreadiness: () => undefined,
    close: async () => {
      space.close();
      leader.drain();
      await api.close();
      await leader.settled();
      await leader.close();
      await sole.close();
      noteCleanStop(folder.path);
      await folder.release();
    },
  };
}

/** Puts a batch on disk, with the places at which tests may stop it. */
async function commit(store: SoleStore, changes: readonly Change[]): Promise<Position> {
  failpoint('control.before-commit');
  const position = await store.commit(changes);
  failpoint('control.after-commit');
  return position;
}

function watchSpace(folder: DataDir, logger: Logger): Promise<FreeSpace> {
  return FreeSpace.start({
    folder: folder.path,
    onChange: (isFull, freeBytes) => {
      if (isFull) logger.error({ freeBytes }, 'the disk is nearly full: new writes are refused');
      else logger.info({ freeBytes }, 'the disk has room again');
    },
  });
}
