/**
 * One replica for the benchmark of commits (replicas.ts), a process of its own: store, protocol, streams to the
 * others and the engine as in control, without what a leader does for sidecars. Told over the IPC channel how
 * large groups are and for how long; the leader commits one group after the other and says how many.
 */
import { randomBytes } from 'node:crypto';
import { ChannelCredentials } from '@grpc/grpc-js';
import { startApi } from '../../../control/api/index.ts';
import { Driver } from '../../../control/replication/driver.ts';
import { openEngine } from '../../../control/replication/index.ts';
import { LeaderStore } from '../../../control/replication/leader-store.ts';
import { PeerService } from '../../../control/replication/net/peer-service.ts';
import { Peers } from '../../../control/replication/peers.ts';
import { coreOptions, persistedOf } from '../../../control/replication/settings.ts';
import { type Change, Store } from '../../../control/store/index.ts';
import { loadConfig } from '../../../core/config/index.ts';
import { createMetrics } from '../../../core/telemetry/index.ts';
import {
  type Hello,
  ReplicationServiceService,
} from '../../../proto/gen/miroir/replication/v1/replication.ts';
import type { Order, ReplicaReport } from '../replicas.ts';

const [file = '', folder = ''] = process.argv.slice(2);
const config = loadConfig({ file, env: process.env });
const freshId = (): string => randomBytes(16).toString('hex');
const fail = (error: unknown): never => {
  throw error;
};
const store = new Store({ folder, nowSeconds: 1, freshId, onPoisoned: fail });
const core = coreOptions(config, store, { bootId: freshId(), freshClusterId: freshId() });
const hello = (): Hello => ({
  version: 1,
  clusterId: driver.state.clusterId,
  replicaId: core.id,
  storeId: store.storeId,
  featureLevel: core.featureLevel,
});
const peers = new Peers({
  ownId: core.id,
  credentials: () => ChannelCredentials.createInsecure(),
  hello,
  objection: () => undefined,
  onReset: (peer) => driver.dispatch({ kind: 'streamReset', peer }),
  onRefused: (_, words) => fail(new Error(words)),
  random: Math.random,
});
const service = new PeerService({
  hello,
  objection: () => undefined,
  onMessage: (from, message) => driver.dispatch({ kind: 'message', from, message }),
  onSnapshot: () => Promise.reject(new Error('no snapshots here')),
});
const driver: Driver = new Driver({
  core,
  persisted: persistedOf(store),
  store,
  engine: openEngine(config.control, {
    callTimeoutMs: config.control.renew_ms,
    expiryMs: config.control.expiry_ms,
    env: process.env,
    wallMs: Date.now,
    onProblem: (words) => fail(new Error(words)),
  }),
  engineCallMs: config.control.renew_ms,
  steadyMs: () => performance.now(),
  metrics: createMetrics({ withRuntime: false, program: 'control' }).replication,
  send: (to, message) => peers.send(to, message),
  sendSnapshot: async () => false,
  onLead: () => say({ kind: 'leads' }),
  onClose: () => {},
  onApplied: () => leaderStore.applied(),
  onChanged: () => say({ kind: 'inSync', count: driver.record?.isr.length ?? 0 }),
  onAlarm: (alarm) => fail(new Error(alarm.kind)),
  onEngine: () => {},
  onRefill: () => {},
  onBroken: fail,
});
const leaderStore = new LeaderStore(store, driver);
const api = await startApi({
  listen: config.control.listen,
  leaderAddress: () => '',
  hasSeen: () => true,
});
api.serve(new Map([[ReplicationServiceService, service.handlers]]) as never, false);
peers.set(core.configured);

process.on('message', (order: Order) => void commit(order));
process.on('disconnect', () => process.exit(0));

let count = 0;
async function commit({ group, forMs, valueBytes }: Order): Promise<void> {
  const value = randomBytes(valueBytes);
  const before = count;
  const startedAt = performance.now();
  while (performance.now() - startedAt < forMs) {
    const changes: Change[] = [];
    for (let at = 0; at < group; at += 1) {
      changes.push({ key: `t/${String(count).padStart(12, '0')}`, value });
      count += 1;
    }
    await leaderStore.commit(changes);
  }
  say({ kind: 'done', perSecond: ((count - before) * 1_000) / (performance.now() - startedAt) });
}

function say(report: ReplicaReport): void {
  process.send?.(report);
}
