/** Several replicas of control in this process: real stores, real gRPC, real nodes' stand-ins. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Replica } from '../../../../control/replication/index.ts';
import { FreeSpace, holdDataDir, type LogBounds } from '../../../../control/store/index.ts';
import { loadConfig } from '../../../../core/config/index.ts';
import { createLogger, createMetrics } from '../../../../core/telemetry/index.ts';
import { freePort } from '../../../../envoy/start/ports.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { until as untilSoon } from '../control-cluster.ts';
import { MASTER_KEY, TestSidecar } from '../control-kit.ts';
import { MemoryEngine } from './memory-engine.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

/** Of the admin API of all of them. */
export const ADMIN_TOKEN = 'replicas-admin-token';

process.env['MIROIR_MASTER_KEY'] = MASTER_KEY;
process.env['MIROIR_ADMIN_TOKEN'] = ADMIN_TOKEN;

/** One of them. */
export interface TestReplica {
  readonly address: string;
  readonly folder: string;
  readonly engine: ReturnType<MemoryEngine['client']>;
  replica: Replica | undefined;
  /** As Prometheus reads it. */
  metricsText: () => Promise<string>;
  space: FreeSpace | undefined;
}

/** The replicas, their engine and two nodes. */
export class Replicas {
  readonly engine = new MemoryEngine();
  readonly replicas: TestReplica[] = [];
  readonly broken: unknown[] = [];
  /** How much of the log those that begin from now on keep. */
  logBounds: LogBounds | undefined;
  readonly #nodes: RunningEngine[] = [];
  readonly #root = mkdtempSync(join(tmpdir(), 'miroir-replicas-'));
  readonly #sidecars: TestSidecar[] = [];

  /** Starts them all. */
  async start(count: number): Promise<void> {
    for (let at = 0; at < 2; at += 1)
      this.#nodes.push(await startEngine({ masterKey: MASTER_KEY }));
    for (let at = 0; at < count; at += 1) await this.#make();
    await Promise.all(this.replicas.map((one) => this.begin(one)));
  }

  /** Starts one more, of which the others do not know. */
  async grow(): Promise<TestReplica> {
    const one = await this.#make();
    await this.begin(one);
    return one;
  }

  async #make(): Promise<TestReplica> {
    const one: TestReplica = {
      address: `127.0.0.1:${await freePort()}`,
      folder: join(this.#root, String(this.replicas.length)),
      engine: this.engine.client(),
      replica: undefined,
      metricsText: async () => '',
      space: undefined,
    };
    this.replicas.push(one);
    return one;
  }

  /** Starts one with the data it has. */
  async begin(one: TestReplica): Promise<void> {
    const file = `${one.folder}.yaml`;
    const nodes = Object.entries(this.nodeUrls()).map(
      ([id, url]) => `  - {id: ${id}, url: "${url}"}`,
    );
    const addresses = this.replicas.map(({ address }) => `"${address}"`).join(', ');
    writeFileSync(
      file,
      `nodes:\n${nodes.join('\n')}\nsharding: {shards: 16}\nreplication: {factor: 2}\n` +
        `control: {engine: etcd, etcd: {endpoints: ["http://127.0.0.1:1"]}, data_dir: ${one.folder}, ` +
        `listen: "${one.address}", addresses: [${addresses}], renew_ms: 400, expiry_ms: 3000}\n`,
    );
    const config = loadConfig({ file, env: { MIROIR_MASTER_KEY: MASTER_KEY } });
    const folder = await holdDataDir(one.folder);
    one.space = await FreeSpace.start({ folder: folder.path, onChange: () => {} });
    const metrics = createMetrics({ withRuntime: false, program: 'control' });
    one.metricsText = () => metrics.registry.metrics();
    const level = (process.env['TEST_LOG'] ?? 'silent') as 'silent';
    one.replica = new Replica({
      config,
      folder,
      engine: one.engine,
      space: one.space,
      ...(this.logBounds === undefined ? {} : { logBounds: this.logBounds }),
      logger: createLogger('control', level, { secrets: [MASTER_KEY] }),
      metrics,
      onBroken: (error) => this.broken.push(error),
    });
    await one.replica.start();
  }

  /** Ends one as it should be. */
  async end(one: TestReplica): Promise<void> {
    one.space?.close();
    await one.replica?.close();
    one.replica = undefined;
  }

  nodeUrls(): Record<string, string> {
    return Object.fromEntries(this.#nodes.map((node, at) => [`n${at + 1}`, node.url]));
  }

  /** Waits until one serves as leader, and gives it. */
  async leader(): Promise<TestReplica> {
    let found: TestReplica | undefined;
    await until(async () => {
      const { leader } = this.engine.record ?? {};
      found = this.replicas.find((one) => one.address === leader && one.replica !== undefined);
      if (found === undefined) return false;
      return this.sidecar(found)
        .task(0)
        .then(
          () => true,
          () => false,
        );
    });
    if (found === undefined) throw new Error('no leader');
    return found;
  }

  /** A sidecar that calls this one. */
  sidecar(one: TestReplica): TestSidecar {
    const sidecar = new TestSidecar(one.address, this.nodeUrls());
    this.#sidecars.push(sidecar);
    return sidecar;
  }

  /** Waits until so many replicas are in-sync. */
  inSync(count: number): Promise<void> {
    return until(() => this.engine.record?.isr.length === count);
  }

  async stop(): Promise<void> {
    for (const sidecar of this.#sidecars) sidecar.close();
    for (const one of this.replicas) await this.end(one);
    await Promise.all(this.#nodes.map((node) => node.close()));
    rmSync(this.#root, { recursive: true, force: true });
  }
}
