/**
 * Control, put together: data folder -> state -> nodes -> machine -> gRPC. `startControl` resolves when it
 * serves; problems that a person must solve reject with one clear line (StartError).
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type MiroirConfig, readSecret } from '../core/config/index.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import type { Position } from '../core/topology.ts';
import { ClusterCalls, type Secrets, startApi, WatchHub, WriteService } from './api/index.ts';
import { hashHex, INTERNAL_KEY_UID, KeyCalls, KeyTable, keyText } from './keys/index.ts';
import { loadCluster, loadState, Runner } from './machine/index.ts';
import { ControlNode } from './nodes/index.ts';
import { Performer } from './performer.ts';
import { isRecovering } from './recovery/index.ts';
import type { Now, State } from './state/index.ts';
import {
  type Change,
  type DataDir,
  examineFolder,
  FreeSpace,
  holdDataDir,
  noteCleanStop,
  Store,
} from './store/index.ts';
import { newCluster, withConfig } from './topology/index.ts';
import { Watchers } from './watchers.ts';

const TICK_MS = 250;

/** What control is started with. The process's own clock and randomness come from here. */
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
  close(): Promise<void>;
}

/** Starts control. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { config } = options;
  const folder = await holdDataDir(config.control.data_dir);
  try {
    await examineFolder(folder.path);
    const store = new Store({
      folder: folder.path,
      nowSeconds: Date.now() / 1_000,
      onPoisoned: options.onBroken,
    });
    return await serve(options, folder, store);
  } catch (error) {
    await folder.release();
    throw error;
  }
}

async function serve(options: ControlOptions, folder: DataDir, store: Store): Promise<Control> {
  const { config, logger, metrics } = options;
  const abort = new AbortController();
  const { signal } = abort;
  // Every call and pause under way listens to it.
  setMaxListeners(0, signal);
  const state = readState(config, store);
  const masterKey = () => readSecret(config.auth, 'master_key');
  masterKey();
  const nodes = nodesOf(state, masterKey);
  const watchers = new WatchHub({
    state,
    secrets: () => secretsOf(masterKey()),
    steadyMs: () => performance.now(),
    position: () => store.position,
  });
  const space = await watchSpace(folder, logger);
  const writes = new WriteService({
    isStorageFull: () => space.isFull,
    submit: (event) => runner.submit(event),
    now: readNow,
    freshIndexId: () => randomBytes(16).toString('hex'),
  });
  const clusterCalls = new ClusterCalls({
    submit: (event) => runner.submit(event),
    now: readNow,
    viewPosition: () => watchers.viewPosition,
  });
  const answerCluster = clusterCalls.answer.bind(clusterCalls);
  const parts = { state, nodes, now: readNow, logger, metrics, signal };
  const performer = new Performer({ ...parts, writes, answerCluster });
  const runner = new Runner({
    state,
    commit: (changes) => commit(store, changes),
    position: () => store.position,
    perform: (effect) => performer.perform(effect),
    publish: (change) => watchers.publish(change),
    afterBatch: () => performer.wakeTails(),
    onBroken: options.onBroken,
  });
  performer.start(runner);
  runner.resume();
  const nodeWatch = new Watchers({ ...parts, runner });
  const { keys, keyCalls } = setUpKeys({ state, nodeWatch, runner, signal });
  await nodeWatch.start(() => keys.refresh());
  const api = await startApi({
    listen: config.control.listen,
    state,
    store,
    runner,
    writes,
    watchers,
    clusterCalls,
    onWatch: (sidecarId) => runner.submit({ kind: 'watchOpened', sidecarId, now: readNow() }),
    viewPosition: () => watchers.viewPosition,
    refreshKeys: () => keys.refresh(),
    callKeys: (call) => keyCalls.call(call),
  });
  const ticking = setInterval(() => tick(state, runner, metrics), TICK_MS);
  return {
    address: api.address,
    close: async () => {
      clearInterval(ticking);
      space.close();
      await api.close();
      abort.abort();
      nodeWatch.close();
      performer.close();
      await runner.settled();
      await Promise.all([...nodes.values()].map((node) => node.close()));
      await store.close();
      noteCleanStop(folder.path);
      await folder.release();
    },
  };
}

function nodesOf(state: State, masterKey: () => string): Map<string, ControlNode> {
  const make = ({ id, url }: State['cluster']['nodes'][number]) =>
    new ControlNode(id, url, masterKey);
  return new Map(state.cluster.nodes.map((node) => [node.id, make(node)]));
}

function secretsOf(masterKey: string): Secrets {
  const internalKey = keyText(masterKey, INTERNAL_KEY_UID);
  return { masterKeyHashHex: hashHex(masterKey), internalKey };
}

/** Lets time pass in the machine while something in it waits for that. */
function tick(state: State, runner: Runner, metrics: Metrics): void {
  const now = readNow();
  const [oldest] = state.open.values();
  metrics.taskRegistrySize.set(state.summaries.length);
  metrics.taskProcessingAge.set(
    oldest === undefined ? 0 : (now.steadyMs - oldest.begunAtMs) / 1000,
  );
  if (oldest !== undefined || isRecovering(state)) runner.submit({ kind: 'tick', now });
}

/** Puts a batch on disk, with the places at which tests may stop it. */
async function commit(store: Store, changes: readonly Change[]): Promise<Position> {
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

function setUpKeys(parts: {
  readonly state: State;
  readonly nodeWatch: Watchers;
  readonly runner: Runner;
  readonly signal: AbortSignal;
}): { readonly keys: KeyTable; readonly keyCalls: KeyCalls } {
  const { state, nodeWatch, runner, signal } = parts;
  const ofNodes = {
    usableNodes: () => nodeWatch.usableNodes(),
    nodeCount: state.cluster.nodes.length,
    signal,
  };
  const keys = new KeyTable({
    ...ofNodes,
    steadyMs: () => performance.now(),
    onKeys: (records) => {
      if (JSON.stringify(records) === JSON.stringify(state.cluster.keys)) return;
      runner.submit({ kind: 'cluster', change: { keys: [...records] } });
    },
  });
  const refreshNow = async (): Promise<boolean> => {
    const isRead = await keys.refreshNow();
    // Sidecars hear of the key before the client does.
    await runner.settled();
    return isRead;
  };
  return { keys, keyCalls: new KeyCalls({ ...ofNodes, refreshNow }) };
}

/** The state on disk, or a new cluster's. */
function readState(config: MiroirConfig, store: Store): State {
  const stored = loadCluster(store);
  const cluster =
    stored === undefined
      ? newCluster(config, randomBytes(8).toString('hex'))
      : withConfig(stored, config);
  const state = loadState(store, cluster, {
    placement: {
      shardCount: config.sharding.shards,
      spread: config.sharding.spread,
      replicationFactor: config.replication.factor,
      minCopies: config.writes.min_copies,
      quorum: config.writes.quorum,
    },
    now: readNow(),
    commitIndex: Number(store.position.index) + 1,
  });
  // Addresses may be others than those recorded.
  state.isClusterTouched = true;
  return state;
}

/** The wall clock to the microsecond, and the steady one. */
function readNow(): Now {
  const steadyMs = performance.now();
  return {
    wallNs: BigInt(Math.round((performance.timeOrigin + steadyMs) * 1_000)) * 1_000n,
    steadyMs,
  };
}
