/** The configuration as the core takes it. */
import type { MiroirConfig } from '../../core/config/index.ts';
import type { Store } from '../store/index.ts';
import type { CoreOptions, Entry, LogView, Persisted } from './core/index.ts';
import { entryOf, hexOf } from './entries.ts';
import { barrierMaker, readIdentity } from './identity.ts';

const MIB = 1024 * 1024;
/** Kinds of entries that this program knows. */
const FEATURE_LEVEL = 1;

/** The id of this replica: its address, unless it was added under another name. */
export function replicaIdOf({ replica_id, address }: MiroirConfig['control']): string {
  return replica_id || address;
}

/** Options of the core. */
export function coreOptions(
  config: MiroirConfig,
  store: Store,
  random: { readonly bootId: string; readonly freshClusterId: string },
): CoreOptions {
  const { control } = config;
  const { addresses, address, renew_ms: renewMs, expiry_ms: expiryMs } = control;
  const id = replicaIdOf(control);
  const configured = addresses.map((item) => ({
    id: item === address ? id : item,
    address: item,
    role: 'voter' as const,
  }));
  return {
    ...random,
    id,
    address,
    configured,
    minIsr: control.min_in_sync || (addresses.length <= 2 ? 1 : 2),
    featureLevel: FEATURE_LEVEL,
    timing: {
      renewMs,
      expiryMs,
      pollMs: Math.min(renewMs / 2, 1_000),
      heartbeatMs: 500,
      dropMs: Math.min(2_000, expiryMs / 3),
      silentMs: 2_500,
      askMs: 300,
      flushMs: 400,
      yieldMs: 1_000,
      applyIdleMs: 20,
    },
    bounds: {
      uncommittedEntries: 1_024,
      uncommittedBytes: 64 * MIB,
      messageBytes: 4 * MIB,
      messagesInFlight: 16,
      writeBytes: 16 * MIB,
      reads: 64,
    },
    log: logView(store),
    barrier: barrierMaker(store),
  };
}

/** What is on disk. */
export function persistedOf(store: Store): Persisted {
  const { epoch, index } = store.position;
  return {
    storeId: store.storeId,
    fence: Number(store.fence),
    last: { epoch: Number(epoch), index: Number(index), chain: hexOf(store.chain) },
    appliedIndex: Number(store.appliedIndex),
    clusterId: readIdentity(store).clusterId,
  };
}

function logView(store: Store): LogView {
  return {
    pointAt: (index) => {
      const place = store.placeAt(BigInt(index));
      if (place === undefined) return undefined;
      return { index, epoch: Number(place.epoch), chain: hexOf(place.chain) };
    },
    entriesFrom: (index, maxBytes) => {
      const found = store.entriesFrom(BigInt(index), maxBytes);
      if (found === 'trimmed') return found;
      return found.map((entry): Entry => entryOf(Number(entry.index), Buffer.from(entry.bytes)));
    },
  };
}
