/**
 * How soon two hundred sidecars hear of a change: from when it is known to be committed until each has the
 * delta. They are streams on connections of their own, all read by this one process, whose
 * work is in the figure.
 */
import { type ClientReadableStream, credentials } from '@grpc/grpc-js';
import { TopologyServiceClient } from '../../proto/gen/miroir/admin/v1/topology.ts';
import { ClusterServiceClient } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { AdminClients } from '../unit/control/admin/admin-clients.ts';
import { ControlCluster } from '../unit/control/control-cluster.ts';
import { type Benchmark, type Figure, median, percentile } from './figure.ts';

const WATCHERS = 200;
const CHANGES = 40;
const PAUSE_MS = 60;
const TARGET_MS = 50;
const OWN_CONNECTION = { 'grpc.use_local_subchannel_pool': 1 };

/** The one figure. */
export const benchmarks: readonly Benchmark[] = [{ name: 'watch', run: watch }];

async function watch(): Promise<Figure> {
  const cluster = new ControlCluster();
  await cluster.start();
  const admin = new AdminClients(cluster.control.address);
  try {
    const view = await measure(cluster, admin, followViews);
    const topology = await measure(cluster, admin, followTopology);
    const of = (tookMs: number[], share: number) => percentile(tookMs, share).toFixed(1);
    return {
      value: percentile(view, 0.99),
      unit: 'ms',
      target: `<= ${TARGET_MS}`,
      note: `${WATCHERS} sidecars, p50 ${of(view, 0.5)}; WatchTopology p50 ${of(topology, 0.5)}, p99 ${of(topology, 0.99)}; median of changes ${median(view).toFixed(1)}`,
    };
  } finally {
    admin.close();
    await cluster.stop();
  }
}

/** Opens a stream of events on a connection of its own. */
type Open = (address: string, admin: AdminClients) => { stream: Events; close: () => void };
type Events = ClientReadableStream<{ readonly event?: { readonly $case: string } | undefined }>;

const followViews: Open = (address) => {
  const client = new ClusterServiceClient(address, credentials.createInsecure(), OWN_CONNECTION);
  const stream = client.watch({ sidecarId: '', seen: undefined }) as Events;
  return { stream, close: () => client.close() };
};

const followTopology: Open = (address, admin) => {
  const client = new TopologyServiceClient(address, credentials.createInsecure(), OWN_CONNECTION);
  const stream = client.watchTopology({ withoutIndexes: false }, admin.metadata) as Events;
  return { stream, close: () => client.close() };
};

/** Calls back at every change, until the function that it returns is called. */
function follow(open: () => ReturnType<Open>, onChange: () => void): () => void {
  let isEnded = false;
  let current = open();
  const listen = (): void => {
    current.stream.on('error', () => {});
    current.stream.on('data', ({ event }) => {
      if (event?.$case !== 'heartbeat') onChange();
    });
    // A connection that is silent for three seconds is cut by control; its owner begins anew.
    current.stream.on('close', () => {
      current.close();
      if (isEnded) return;
      current = open();
      listen();
    });
  };
  listen();
  return () => {
    isEnded = true;
    current.stream.cancel();
  };
}

/** Waits as long as it takes; a run on a busy machine is slow and not broken. */
async function waitFor(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries === 6_000) throw new Error('the readers did not hear of the change');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function measure(
  cluster: ControlCluster,
  admin: AdminClients,
  open: Open,
): Promise<number[]> {
  const tookMs: number[] = [];
  let times: number[] = [];
  const onChange = (): void => {
    times.push(performance.now());
  };
  const ends = Array.from({ length: WATCHERS }, () =>
    follow(() => open(cluster.control.address, admin), onChange),
  );
  await waitFor(() => times.length >= WATCHERS);
  const update = admin.nodes.updateNode.bind(admin.nodes);
  for (let change = 0; change < CHANGES; change += 1) {
    times = [];
    const answered = admin.ask(update, {
      nodeId: 'n1',
      weight: 1 + (change + 1) / 100,
      dryRun: false,
    });
    const answeredMs = await answered.then(() => performance.now());
    await waitFor(() => times.length >= WATCHERS);
    // It is committed when its caller or the first reader knows.
    const committedMs = Math.min(answeredMs, ...times);
    tookMs.push(...times.map((ms) => ms - committedMs));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  for (const end of ends) end();
  return tookMs;
}
