/**
 * What a slow copy costs. Every document is on two nodes, behind proxies; then one of them answers ten
 * times slower than before. After five seconds the slowest of a hundred searches may take twice as long
 * as with both healthy: late answers are asked of the other copy, and the slow one is spared. Judged on
 * real nodes only.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { FaultProxy } from '../chaos/fault-proxy.ts';
import { request, startCluster, type TestCluster } from '../kit/cluster.ts';
import { packages, queries } from '../kit/corpus.ts';
import { startNode } from '../kit/nodes.ts';
import { type Benchmark, type Figure, median, percentile } from './figure.ts';

const ROUNDS = 3;
const REQUESTS = 1_000;
const WARM_UP_MS = 5_000;
const SLOWER = 10;
const INDEX = 'packages';
const MASTER_KEY = 'test-master-key-0123456789';

/** The one figure. */
export const benchmarks: readonly Benchmark[] = [{ name: 'hedge', run: hedge }];

async function hedge(): Promise<Figure> {
  const nodes = await Promise.all([startNode(MASTER_KEY), startNode(MASTER_KEY)]);
  const proxies = await Promise.all(
    nodes.map(({ url }) => FaultProxy.start(Number(new URL(url).port))),
  );
  const folder = mkdtempSync(join(tmpdir(), 'miroir-hedge-'));
  const config = join(folder, 'miroir.yaml');
  const listed = proxies.map(({ port }) => `  - url: http://127.0.0.1:${port}\n`).join('');
  writeFileSync(config, `nodes:\n${listed}replication:\n  factor: 2\n`);
  let cluster: TestCluster | undefined;
  try {
    cluster = await startCluster(['--config', config]);
    await load(cluster);
    const figure = await measure(cluster, proxies);
    if (nodes.every(({ isReal }) => isReal)) return figure;
    const { target: _target, ...rest } = figure;
    return { ...rest, note: `not judged: no real node; ${figure.note ?? ''}` };
  } finally {
    await cluster?.stop();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all(nodes.map((node) => node.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(cluster: TestCluster): Promise<void> {
  const path = `/indexes/${INDEX}/documents?primaryKey=id`;
  const headers = { 'content-type': 'application/x-ndjson' };
  const answer = await cluster.call('POST', path, packages(), headers);
  if (answer.status !== 202) throw new Error(`load: ${answer.status} ${answer.text}`);
  const task = await cluster.waitForTask(answer.body.taskUid);
  if (task.status !== 'succeeded') throw new Error(`load: ${JSON.stringify(task)}`);
}

async function measure(cluster: TestCluster, proxies: readonly FaultProxy[]): Promise<Figure> {
  const pool = new Pool(cluster.url, { connections: 1 });
  const healthy: number[][] = [];
  const slow: number[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const proxy = proxies[round % proxies.length] as FaultProxy;
    proxy.setMode('pass');
    await search(pool, { forMs: WARM_UP_MS });
    const took = await search(pool, { requests: REQUESTS });
    healthy.push(took);
    // Half of it on the way there, half on the way back.
    proxy.slowMs = Math.ceil(((SLOWER - 1) * median(took)) / 2);
    proxy.setMode('slow');
    await search(pool, { forMs: WARM_UP_MS });
    slow.push(await search(pool, { requests: REQUESTS }));
    proxy.setMode('pass');
  }
  await pool.destroy();
  const at = (share: number, rounds: number[][]) =>
    median(rounds.map((took) => percentile(took, share))).toFixed(1);
  const ratios = slow.map(
    (took, at) => percentile(took, 0.99) / percentile(healthy[at] ?? [], 0.99),
  );
  return {
    value: median(ratios),
    unit: 'x healthy at p99',
    target: '<= 2',
    note: `p50/p95/p99 ms: healthy ${at(0.5, healthy)}/${at(0.95, healthy)}/${at(0.99, healthy)}, one copy ${SLOWER} x slower ${at(0.5, slow)}/${at(0.95, slow)}/${at(0.99, slow)}`,
  };
}

/** Searches one after another, so many or for so long; milliseconds of each. */
async function search(
  pool: Pool,
  until: { readonly requests: number } | { readonly forMs: number },
): Promise<number[]> {
  const texts = queries();
  const tookMs: number[] = [];
  const startedAtMs = performance.now();
  const isOver = (): boolean =>
    'requests' in until
      ? tookMs.length >= until.requests
      : performance.now() - startedAtMs >= until.forMs;
  while (!isOver()) {
    const q = texts[tookMs.length % texts.length] ?? '';
    const sentAtMs = performance.now();
    const answer = await request(pool, {
      method: 'POST',
      path: `/indexes/${INDEX}/search`,
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      body: { q, limit: 20 },
    });
    tookMs.push(performance.now() - sentAtMs);
    if (answer.status !== 200) throw new Error(`${q}: ${answer.status} ${answer.text}`);
  }
  return tookMs;
}
