/**
 * What the state says of the cluster that it belongs to. The first entry of every leader writes it, so that
 * each replica knows whose data it has, and since when: a loss that an operator accepted, or a backup that was
 * restored, begins a new life of the cluster, and what callers saw before says nothing of the time after.
 */
import { CLUSTER_KEY, decodeJson, encodeJson } from '../machine/index.ts';
import type { ClusterRecord } from '../state/index.ts';
import { encodeEntry, LIFE_KEY, type Store } from '../store/index.ts';
import type { CoreOptions } from './core/index.ts';
import { hexOf } from './entries.ts';

/** Of the state on disk. */
export interface Identity {
  /** Empty while it holds nothing. */
  readonly clusterId: string;
  /** First epoch under this id. */
  readonly sinceEpoch: number;
}

/** Reads it. A replica that was alone until now knows the id of its cluster only. */
export function readIdentity(store: Pick<Store, 'get'>): Identity {
  const bytes = store.get(LIFE_KEY);
  if (bytes !== undefined) return decodeJson<Identity>(bytes);
  const cluster = store.get(CLUSTER_KEY);
  if (cluster === undefined) return { clusterId: '', sinceEpoch: 0 };
  return { clusterId: decodeJson<ClusterRecord>(cluster).clusterId, sinceEpoch: 0 };
}

/** Makes the first entry of an epoch. */
export function barrierMaker(store: Pick<Store, 'get'>): CoreOptions['barrier'] {
  return (epoch, previousChain, clusterId) => {
    const known = readIdentity(store);
    const isSame = known.clusterId === clusterId && store.get(LIFE_KEY) !== undefined;
    const sinceEpoch = isSame ? known.sinceEpoch : epoch;
    const identity: Identity = { clusterId, sinceEpoch };
    const previous = Buffer.from(previousChain, 'hex');
    const change = { key: LIFE_KEY, value: encodeJson(identity) };
    const { bytes, chain } = encodeEntry(BigInt(epoch), previous, [change]);
    return { bytes, chain: hexOf(chain) };
  };
}
