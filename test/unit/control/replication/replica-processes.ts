/** Control replicas as processes over an engine, a real etcd unless told otherwise, and stand-in nodes. */
import { type ChannelCredentials, credentials, type ServiceError } from '@grpc/grpc-js';
import { freePort } from '../../../../envoy/start/ports.ts';
import {
  ClusterServiceClient,
  type DescribeCopiesResponse,
} from '../../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import type { IssuedFiles } from '../../../kit/certificates.ts';
import { EtcdProcess } from '../../../kit/etcd.ts';
import { until as untilSoon } from '../control-cluster.ts';
import {
  type ControlFolder,
  type ControlProcess,
  controlFolder,
  type Launch,
  MASTER_KEY,
  startProcess,
  TestSidecar,
  unary,
} from '../control-kit.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

/** One of them. */
export interface ReplicaProcess {
  readonly address: string;
  readonly folder: ControlFolder;
  process: ControlProcess | undefined;
}

/** Encrypted connections to the replicas. */
export interface ReplicaTls {
  /** Files of a replica, named as in the configuration. */
  readonly filesOf: (one: ReplicaProcess) => IssuedFiles;
  /** Of a sidecar. */
  readonly sidecar: ChannelCredentials;
}

/** Where replicas agree, other than in etcd. */
export interface OtherEngine {
  /** Options of the section `control`. */
  readonly options: readonly string[];
  readonly launch: Launch;
  /** The record as it lies there. */
  readonly recordText: () => string | undefined;
}

/** The replicas, their engine and two nodes. */
export class ReplicaProcesses {
  readonly #tls: ReplicaTls | undefined;
  readonly #other: OtherEngine | undefined;
  readonly replicas: ReplicaProcess[] = [];
  readonly #nodes: RunningEngine[] = [];
  readonly #sidecars: TestSidecar[] = [];
  #etcd: EtcdProcess | undefined;

  constructor(parts: { readonly tls?: ReplicaTls; readonly other?: OtherEngine } = {}) {
    this.#tls = parts.tls;
    this.#other = parts.other;
  }

  get etcd(): EtcdProcess {
    if (this.#etcd === undefined) throw new Error('not started');
    return this.#etcd;
  }

  /** Starts them all. */
  async start(count: number): Promise<void> {
    if (this.#other === undefined) this.#etcd = await EtcdProcess.start();
    for (let at = 0; at < 2; at += 1) {
      this.#nodes.push(await startEngine({ masterKey: MASTER_KEY }));
    }
    for (let at = 0; at < count; at += 1) {
      const address = `127.0.0.1:${await freePort()}`;
      this.replicas.push({ address, folder: controlFolder(), process: undefined });
    }
    await Promise.all(this.replicas.map((one) => this.begin(one)));
  }

  /** Starts one with the data it has. */
  async begin(one: ReplicaProcess): Promise<void> {
    const addresses = this.replicas.map(({ address }) => `"${address}"`).join(', ');
    const nodes = Object.entries(this.nodeUrls()).map(([id, url]) => ({ id, url }));
    const control = [
      `data_dir: ${one.folder.path}/data`,
      `listen: "${one.address}"`,
      `addresses: [${addresses}]`,
      ...(this.#other?.options ?? ['engine: etcd', `etcd: {endpoints: ["${this.etcd.url}"]}`]),
      'renew_ms: 500',
      'expiry_ms: 3000',
      ...(this.#tls === undefined ? [] : [`tls: ${JSON.stringify(this.#tls.filesOf(one))}`]),
    ];
    one.folder.writeConfig(nodes, 'replication: {factor: 2}', control.join(', '));
    one.process = await startProcess(one.folder, this.#other?.launch);
    if (one.process.address === '') throw new Error(one.process.stderr());
  }

  /** Ends one; its data stays. */
  async end(one: ReplicaProcess, signal: NodeJS.Signals): Promise<number | string | undefined> {
    const { process } = one;
    one.process = undefined;
    return process?.stop(signal);
  }

  nodeUrls(): Record<string, string> {
    return Object.fromEntries(this.#nodes.map((node, at) => [`n${at + 1}`, node.url]));
  }

  /** A sidecar that calls this one. */
  sidecar(one: ReplicaProcess): TestSidecar {
    const sidecar = new TestSidecar(one.address, this.nodeUrls(), this.#tls?.sidecar);
    this.#sidecars.push(sidecar);
    return sidecar;
  }

  /** Waits until one serves as leader, other than `not`. */
  async leader(not?: ReplicaProcess): Promise<ReplicaProcess> {
    let found: ReplicaProcess | undefined;
    await until(async () => {
      for (const one of this.replicas) {
        if (one.process === undefined || one === not) continue;
        if ((await askWhoLeads(one, this.#tls?.sidecar)) === 'itself') found = one;
      }
      return found !== undefined;
    });
    if (found === undefined) throw new Error('no leader');
    return found;
  }

  /** How many replicas are in-sync, as the record says. */
  async inSync(): Promise<number> {
    const text = await (this.#other === undefined ? this.#inEtcd() : this.#other.recordText());
    return (JSON.parse(text || '{"isr":[]}') as { isr: unknown[] }).isr.length;
  }

  async #inEtcd(): Promise<string> {
    const key = Buffer.from('/miroir/control').toString('base64');
    const answer = await fetch(`${this.etcd.url}/v3/kv/range`, {
      method: 'POST',
      body: JSON.stringify({ key }),
    });
    const { kvs } = (await answer.json()) as { kvs?: { value: string }[] };
    return Buffer.from(kvs?.[0]?.value ?? '', 'base64').toString();
  }

  async stop(): Promise<void> {
    for (const sidecar of this.#sidecars) sidecar.close();
    for (const one of this.replicas) {
      one.process?.child.kill('SIGCONT');
      await this.end(one, 'SIGKILL');
      one.folder.remove();
    }
    await Promise.all(this.#nodes.map((node) => node.close()));
    await this.#etcd?.remove();
  }
}

/** What it answers at /readyz. */
export async function readinessOf(one: ReplicaProcess): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${one.process?.metricsPort}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
}

/** `itself`, or where it sends callers: an address, empty if it knows none, undefined if it is silent. */
export async function askWhoLeads(
  one: ReplicaProcess,
  own: ChannelCredentials = credentials.createInsecure(),
): Promise<string | undefined> {
  const client = new ClusterServiceClient(one.address, own);
  const deadline = Date.now() + 500;
  try {
    await unary<DescribeCopiesResponse>((answer) =>
      client.describeCopies({}, { deadline } as never, answer as never),
    );
    return 'itself';
  } catch (error) {
    return (error as ServiceError).metadata?.get('miroir-leader')[0]?.toString();
  } finally {
    client.close();
  }
}
