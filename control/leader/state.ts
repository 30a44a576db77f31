/** The state that a leader begins with: what is on disk, or a new cluster's. */
import { randomBytes } from 'node:crypto';
import type { MiroirConfig } from '../../core/config/index.ts';
import { loadCluster, loadState } from '../machine/index.ts';
import type { State } from '../state/index.ts';
import type { Store } from '../store/index.ts';
import { newCluster, withConfig } from '../topology/index.ts';
import type { EarlierViews } from './earlier-views.ts';
import { readNow } from './now.ts';

/** Reads the state, with the nodes and rules of the configuration. */
export function readState(options: {
  readonly config: MiroirConfig;
  readonly store: Pick<Store, 'get' | 'range' | 'position' | 'epoch'>;
  readonly earlier: EarlierViews;
  /** Of a new cluster. Absent: a random one. */
  readonly clusterId?: string;
  readonly othersCallUntilMs?: number;
}): State {
  const { config, store, othersCallUntilMs } = options;
  const stored = loadCluster(store);
  const cluster =
    stored === undefined
      ? newCluster(config, options.clusterId ?? randomBytes(8).toString('hex'))
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
    ...(othersCallUntilMs === undefined ? {} : { othersCallUntilMs }),
    commitIndex: Number(store.position.index) + 1,
    epoch: Number(store.epoch),
    previousEpoch: options.earlier.previousEpoch,
  });
  // Addresses may be others than those recorded.
  state.isClusterTouched = true;
  return state;
}
