/**
 * Changes that three replicas of control commit a second, each a process with its own store and an fsync of its
 * own, with a real etcd: against the same changes put straight into one LMDB, a group in each transaction and
 * flushed as well. Both take turns in one run. All replicas share this machine's processors and disk.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../envoy/start/ports.ts';
import { EtcdProcess } from '../kit/etcd.ts';
import { buildRoot } from '../kit/paths.ts';
import { type Benchmark, type Figure, median } from './figure.ts';
import { RawLmdb } from './raw-lmdb.ts';

const REPLICAS = 3;
const ROUNDS = 40;
const ROUND_MS = 100;
const VALUE_BYTES = 400;
const GROUP = 64;
const START_LIMIT_MS = 30_000;

/** What a replica is told to do. */
export interface Order {
  /** Changes of one commit. */
  readonly group: number;
  readonly forMs: number;
  readonly valueBytes: number;
}

/** What it says. */
export type ReplicaReport =
  | { readonly kind: 'leads' }
  | { readonly kind: 'inSync'; readonly count: number }
  | { readonly kind: 'done'; readonly perSecond: number };

/** The figures of this file. */
export const benchmarks: readonly Benchmark[] = [{ name: 'store: commits of 3', run: commits }];

async function commits(): Promise<Figure> {
  const root = mkdtempSync(join(tmpdir(), 'miroir-bench-replicas-'));
  const etcd = await EtcdProcess.start();
  const replicas = new BenchReplicas();
  try {
    await replicas.start(root, etcd.url);
    const notes: string[] = [];
    let judged = 0;
    for (const group of [1, GROUP, 1_024]) {
      const { ours, raw, ratio } = await takeTurns(replicas, join(root, `raw-${group}`), group);
      if (group === GROUP) judged = ratio;
      notes.push(
        `groups of ${group}: ${ratio.toFixed(2)} x, ${Math.round(ours)} of ${Math.round(raw)}/s`,
      );
    }
    return { value: judged, unit: 'x raw LMDB', target: '>= 0.5', note: notes.join('; ') };
  } finally {
    replicas.stop();
    await etcd.remove();
    rmSync(root, { recursive: true });
  }
}

async function takeTurns(replicas: BenchReplicas, folder: string, group: number) {
  const lmdb = new RawLmdb(folder, VALUE_BYTES);
  const rounds = { ours: [] as number[], raw: [] as number[], ratio: [] as number[] };
  const order = { group, forMs: ROUND_MS, valueBytes: VALUE_BYTES };
  for (let round = 0; round <= ROUNDS; round += 1) {
    // Who goes first changes, since the disk remembers who went before.
    const early = round % 2 === 0 ? await replicas.commit(order) : 0;
    const raw = await lmdb.perSecond(group, ROUND_MS);
    const ours = round % 2 === 0 ? early : await replicas.commit(order);
    // The first round warms up.
    if (round === 0) continue;
    rounds.ours.push(ours);
    rounds.raw.push(raw);
    rounds.ratio.push(ours / raw);
  }
  await lmdb.close();
  return { ours: median(rounds.ours), raw: median(rounds.raw), ratio: median(rounds.ratio) };
}

/** The processes. */
class BenchReplicas {
  readonly #children: ChildProcess[] = [];
  #leader: ChildProcess | undefined;
  #inSync = 0;
  #onDone: (perSecond: number) => void = () => {};

  /** Resolves when one leads and all are in-sync. */
  async start(root: string, etcdUrl: string): Promise<void> {
    const addresses: string[] = [];
    for (let at = 0; at < REPLICAS; at += 1) addresses.push(`127.0.0.1:${await freePort()}`);
    const etcd = { endpoints: [etcdUrl] };
    for (const [at, address] of addresses.entries()) {
      const file = join(root, `${at}.json`);
      const control = { engine: 'etcd', etcd, listen: address, addresses };
      const nodes = [{ id: 'n1', url: 'http://127.0.0.1:9' }];
      writeFileSync(file, JSON.stringify({ nodes, control }));
      const main = join(buildRoot, 'test', 'bench', 'replica', 'main.js');
      const child = fork(main, [file, join(root, String(at))]);
      child.on('message', (report: ReplicaReport) => this.#take(child, report));
      this.#children.push(child);
    }
    const giveUpAt = performance.now() + START_LIMIT_MS;
    while (this.#leader === undefined || this.#inSync < REPLICAS) {
      if (performance.now() > giveUpAt) throw new Error('the replicas do not come together');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Changes committed a second. */
  commit(order: Order): Promise<number> {
    return new Promise((resolve) => {
      this.#onDone = resolve;
      this.#leader?.send(order);
    });
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #take(child: ChildProcess, report: ReplicaReport): void {
    if (report.kind === 'leads') this.#leader = child;
    else if (report.kind === 'inSync') this.#inSync = report.count;
    else this.#onDone(report.perSecond);
  }
}
