/**
 * Figures of the whole path: searches through the gateway against the same searches sent straight to
 * the nodes. Both sides use the same keep-alive client and identity encoding, and
 * take turns (A/B/A/B) in one run. Judged on real nodes only.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { findMeilisearch, request, startCluster, type TestCluster } from '../kit/cluster.ts';
import { packages, queries } from '../kit/corpus.ts';
import { type Benchmark, type Figure, median } from './figure.ts';
import { emptyCallCpuMs } from './gateway.ts';

const ROUNDS = 5;
const INDEX = 'packages';

/** Figures that need a running cluster; those of one spread share it. */
export const benchmarks: readonly Benchmark[] = [
  { name: 'search-one-node', run: () => withPackages('1', searchOneNode) },
  { name: 'search-striped', run: () => withPackages('all', searchStriped) },
  { name: 'search-federated', run: () => withPackages('all', searchFederated) },
  { name: 'search-striped-cpu', run: () => withPackages('all', stripedCpu) },
  { name: 'requests-20000', run: () => withPackages('all', manyRequests) },
];

let running: { readonly spread: string; readonly cluster: TestCluster } | undefined;

/** Stops the cluster that is running. */
export async function finish(): Promise<void> {
  await running?.cluster.stop();
  running = undefined;
}

async function withPackages(
  spread: '1' | 'all',
  body: (cluster: TestCluster) => Promise<Figure>,
): Promise<Figure> {
  if (running?.spread !== spread) {
    await finish();
    running = { spread, cluster: await startCluster(['--spread', spread]) };
    await load(running.cluster);
  }
  return judge(await body(running.cluster));
}

/** Targets count on real nodes only. */
function judge(figure: Figure): Figure {
  if (findMeilisearch() !== undefined) return figure;
  const { target: _target, ...rest } = figure;
  return { ...rest, note: `not judged: no real node; ${figure.note ?? ''}` };
}

async function load(cluster: TestCluster): Promise<void> {
  const answer = await cluster.call(
    'POST',
    `/indexes/${INDEX}/documents?primaryKey=id`,
    packages(),
    {
      'content-type': 'application/x-ndjson',
    },
  );
  if (answer.status !== 202) throw new Error(`load: ${answer.status} ${answer.text}`);
  const task = await cluster.waitForTask(answer.body.taskUid);
  if (task.status !== 'succeeded') throw new Error(`load: ${JSON.stringify(task)}`);
}

async function searchOneNode(cluster: TestCluster): Promise<Figure> {
  const holder = await holderOf(cluster);
  const direct = new Pool(holder, { connections: 1 });
  const gateway = new Pool(cluster.url, { connections: 1 });
  const search = (pool: Pool) => (q: string) => searchOnce(pool, cluster.masterKey, q);
  const [through, straight] = await interleave(search(gateway), search(direct));
  await Promise.all([direct.destroy(), gateway.destroy()]);
  return {
    value: through - straight,
    unit: 'ms added at p50',
    target: '<= 1.3',
    note: `gateway ${through.toFixed(2)} ms, node ${straight.toFixed(2)} ms`,
  };
}

async function searchStriped(cluster: TestCluster): Promise<Figure> {
  const pools = cluster.nodeUrls.map((url) => new Pool(url, { connections: 1 }));
  const gateway = new Pool(cluster.url, { connections: 1 });
  const fanOut = async (q: string) => {
    await Promise.all(pools.map((pool) => searchOnce(pool, cluster.masterKey, q)));
  };
  const [through, ideal] = await interleave(
    (q) => searchOnce(gateway, cluster.masterKey, q),
    fanOut,
  );
  await Promise.all([...pools, gateway].map((pool) => pool.destroy()));
  return {
    value: through / ideal,
    unit: 'x ideal fan-out at p50',
    target: '<= 1.25',
    note: `gateway ${through.toFixed(2)} ms, fan-out ${ideal.toFixed(2)} ms, added ${(through - ideal).toFixed(2)} ms`,
  };
}

/** Five queries on one index, ranked against each other; each node would be sent all five at once. */
const FEDERATED_QUERIES = 5;

async function searchFederated(cluster: TestCluster): Promise<Figure> {
  const texts = queries();
  const pools = cluster.nodeUrls.map((url) => new Pool(url, { connections: 1 }));
  const gateway = new Pool(cluster.url, { connections: 1 });
  const search = async (pool: Pool, q: string) => {
    const first = texts.indexOf(q);
    const list = Array.from({ length: FEDERATED_QUERIES }, (_, at) => ({
      indexUid: INDEX,
      q: texts[(first + at) % texts.length],
    }));
    const answer = await request(pool, {
      method: 'POST',
      path: '/multi-search',
      headers: { authorization: `Bearer ${cluster.masterKey}` },
      body: { federation: { limit: 20 }, queries: list },
    });
    if (answer.status !== 200) throw new Error(`${q}: ${answer.status} ${answer.text}`);
  };
  const [through, ideal] = await interleave(
    (q) => search(gateway, q),
    async (q) => {
      await Promise.all(pools.map((pool) => search(pool, q)));
    },
  );
  await Promise.all([...pools, gateway].map((pool) => pool.destroy()));
  return {
    value: through / ideal,
    unit: 'x ideal fan-out at p50',
    target: '<= 1.3',
    note: `5 queries x 3 nodes: gateway ${through.toFixed(2)} ms, fan-out ${ideal.toFixed(2)} ms`,
  };
}

/** Clients at once, as in the figure of the empty call that is printed beside it. */
const CPU_CLIENTS = 16;
const CPU_SEARCHES = 3000;

async function stripedCpu(cluster: TestCluster): Promise<Figure> {
  const texts = queries();
  const pool = new Pool(cluster.url, { connections: CPU_CLIENTS });
  const run = async (count: number) => {
    let left = count;
    const client = async () => {
      for (; left > 0; left -= 1) {
        await searchOnce(pool, cluster.masterKey, texts[left % texts.length] ?? '');
      }
    };
    await Promise.all(Array.from({ length: CPU_CLIENTS }, client));
  };
  await run(CPU_SEARCHES / 5);
  const pids = cluster.pids('worker');
  const before = cpuMsOf(pids);
  await run(CPU_SEARCHES);
  const value = (cpuMsOf(pids) - before) / CPU_SEARCHES;
  await pool.destroy();
  const empty = await emptyCallCpuMs();
  return {
    value,
    unit: 'ms of sidecar CPU a search',
    target: '<= 1.5',
    note: `the empty call ${empty.toFixed(2)} ms, both with ${CPU_CLIENTS} clients`,
  };
}

/** Clock ticks of /proc are hundredths of a second. */
const TICK_MS = 10;

/** User and system time of processes so far, in milliseconds. */
function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    // Fields after the name in brackets: the twelfth and thirteenth are user and system time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}

async function manyRequests(cluster: TestCluster): Promise<Figure> {
  const texts = queries();
  const pool = new Pool(cluster.url, { connections: 8 });
  let sent = 0;
  let bad = 0;
  const client = async () => {
    while (sent < 20_000) {
      sent += 1;
      const answer = await request(
        pool,
        searchCall(cluster.masterKey, texts[sent % texts.length] ?? '', 1),
      );
      if (answer.status !== 200) bad += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  await pool.destroy();
  return { value: bad, unit: 'non-200 of 20,000', target: '<= 0' };
}

async function holderOf(cluster: TestCluster): Promise<string> {
  for (const url of cluster.nodeUrls) {
    const pool = new Pool(url);
    const answer = await request(pool, {
      method: 'GET',
      path: `/indexes/${INDEX}`,
      headers: { authorization: `Bearer ${cluster.masterKey}` },
    });
    await pool.destroy();
    if (answer.status === 200) return url;
  }
  throw new Error('no node holds the index');
}

function searchCall(masterKey: string, q: string, limit: number) {
  return {
    method: 'POST',
    path: `/indexes/${INDEX}/search`,
    headers: { authorization: `Bearer ${masterKey}` },
    body: { q, limit },
  };
}

async function searchOnce(pool: Pool, masterKey: string, q: string): Promise<void> {
  const answer = await request(pool, searchCall(masterKey, q, 20));
  if (answer.status !== 200) throw new Error(`${q}: ${answer.status} ${answer.text}`);
}

/** Runs A and B in turns over all queries; medians of the rounds' p50 in milliseconds. */
async function interleave(
  a: (q: string) => Promise<void>,
  b: (q: string) => Promise<void>,
): Promise<[number, number]> {
  const texts = queries();
  for (const q of texts.slice(0, 100)) {
    await a(q);
    await b(q);
  }
  const rounds = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const took = { a: [] as number[], b: [] as number[] };
    for (const q of texts) {
      took.a.push(await time(() => a(q)));
      took.b.push(await time(() => b(q)));
    }
    rounds.a.push(median(took.a));
    rounds.b.push(median(took.b));
  }
  return [median(rounds.a), median(rounds.b)];
}

async function time(body: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await body();
  return performance.now() - startedAt;
}
