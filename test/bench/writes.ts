/**
 * Figures of writes: through the gateway against the same documents, internal fields included, sent
 * straight to the nodes in the same split; and what a place in the lane costs at control. Both sides use
 * the same keep-alive client, start from an index that exists, and take turns; the one that goes first
 * changes with each round. Judged on real nodes only.
 */
import { Pool } from 'undici';
import { hashPrimaryKey } from '../../core/placement/index.ts';
import { WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import { endpointOf } from '../../sidecar/cluster/control-endpoint.ts';
import { type BeginInput, GrpcWriteClient } from '../../sidecar/cluster/write-client.ts';
import {
  type Answer,
  findMeilisearch,
  request,
  sleep,
  startCluster,
  type TestCluster,
} from '../kit/cluster.ts';
import { PACKAGE_COUNT, packages } from '../kit/corpus.ts';
import { type Benchmark, type Figure, median, percentile } from './figure.ts';

const INGEST_ROUNDS = 3;
const SINGLE_ROUNDS = 5;
const SINGLES = 1_000;
const CLIENTS = 16;
const BEGINS = 300;
const POLL_MS = 100;

/** Figures that need a running cluster; each starts its own. */
export const benchmarks: readonly Benchmark[] = [
  { name: 'ingest', run: () => onCluster(ingest) },
  { name: 'singles', run: () => onCluster(singles) },
  { name: 'lane-wait', run: () => onCluster(laneWait) },
  { name: 'begin', run: () => onCluster(beginLatency) },
];

async function onCluster(body: (cluster: TestCluster) => Promise<Figure>): Promise<Figure> {
  const cluster = await startCluster(['--spread', 'all']);
  try {
    const figure = await body(cluster);
    if (findMeilisearch() !== undefined) return figure;
    const { target: _target, ...rest } = figure;
    return { ...rest, note: `not judged: no real node; ${figure.note ?? ''}` };
  } finally {
    await cluster.stop();
  }
}

/** Runs A and B in turns, the first one changing; what each took in milliseconds. */
async function inTurns(
  rounds: number,
  a: (round: number) => Promise<number>,
  b: (round: number) => Promise<number>,
): Promise<{ a: number[]; b: number[] }> {
  const took = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) took.a.push(await a(round));
    took.b.push(await b(round));
    if (round % 2 === 1) took.a.push(await a(round));
  }
  return took;
}

function ratioFigure(took: { a: number[]; b: number[] }, target: string): Figure {
  const pairs = took.a.map((ms, round) => `${ms.toFixed(0)}/${(took.b[round] ?? 0).toFixed(0)}`);
  return {
    value: median(took.b) / median(took.a),
    unit: 'x direct throughput',
    target,
    note: `gateway/direct ms: ${pairs.join(', ')}`,
  };
}

/** All packages to the last task. */
async function ingest(cluster: TestCluster): Promise<Figure> {
  const nodes = new Nodes(cluster);
  const body = packages();
  const through = async (round: number): Promise<number> => {
    const uid = `through-${round}`;
    await make(cluster, uid);
    const tookMs = await time(() => add(cluster, uid, body, 'application/x-ndjson'));
    if (round >= 0) await finished(cluster, 'DELETE', `/indexes/${uid}`);
    return tookMs;
  };
  // Warms both up, and tells what each node was sent.
  await through(-1);
  const shares = await nodes.all((pool) => nodes.contents(pool, 'through--1'));
  const straight = async (round: number): Promise<number> => {
    const uid = `straight-${round}`;
    await nodes.make(uid, 'through--1');
    const tookMs = await time(async () => {
      await nodes.all((pool, place) => nodes.add(pool, uid, shares[place] ?? ''));
    });
    await nodes.all((pool) => nodes.finished(pool, 'DELETE', `/indexes/${uid}`));
    return tookMs;
  };
  const took = await inTurns(INGEST_ROUNDS, through, straight);
  await nodes.close();
  return ratioFigure(took, '>= 0.85');
}

/** Single documents of many clients, until each has its 202; the note tells of the last task as well. */
async function singles(cluster: TestCluster): Promise<Figure> {
  const nodes = new Nodes(cluster);
  await make(cluster, 'singles');
  await nodes.make('straight', 'singles');
  const ended = { a: [] as number[], b: [] as number[] };
  const through = async (round: number): Promise<number> => {
    const startedAt = performance.now();
    const uids: number[] = [];
    await byClients(async (id) => {
      const path = '/indexes/singles/documents';
      const answer = await cluster.call('POST', path, [plain(`${round}-${id}`)]);
      if (answer.status !== 202) throw new Error(answer.text);
      uids.push(answer.body.taskUid);
    });
    const tookMs = performance.now() - startedAt;
    await cluster.waitForTask(Math.max(...uids));
    ended.a.push(performance.now() - startedAt);
    return tookMs;
  };
  const straight = async (round: number): Promise<number> => {
    const startedAt = performance.now();
    await byClients((id) =>
      nodes.addOne(id, 'straight', { ...plain(`${round}-${id}`), ...FIELDS }),
    );
    const tookMs = performance.now() - startedAt;
    await nodes.all((pool) => nodes.idle(pool));
    ended.b.push(performance.now() - startedAt);
    return tookMs;
  };
  await through(-1);
  await straight(-1);
  const took = await inTurns(SINGLE_ROUNDS, through, straight);
  await nodes.close();
  const figure = ratioFigure(took, '>= 0.8');
  const toTheLast = median(ended.b) / median(ended.a);
  return { ...figure, note: `to the last task ${toTheLast.toFixed(2)}; ${figure.note}` };
}

/** Wait for the permission among writes that touch different documents. */
async function laneWait(cluster: TestCluster): Promise<Figure> {
  await make(cluster, 'waits');
  const before = await laneBuckets(cluster);
  await byClients(async (id) => {
    const answer = await cluster.call('POST', '/indexes/waits/documents', [plain(String(id))]);
    if (answer.status !== 202) throw new Error(answer.text);
  });
  const after = await laneBuckets(cluster);
  const counts = [...after].map(
    ([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const,
  );
  const total = counts.at(-1)?.[1] ?? 0;
  const share = (part: number) => counts.find(([, count]) => count >= total * part)?.[0] ?? 0;
  return {
    value: share(0.99) * 1_000,
    unit: 'ms at p99, rounded up to a bucket',
    target: '<= 20',
    note: `p50 ${(share(0.5) * 1_000).toFixed(1)} ms, ${total} writes by ${CLIENTS} clients`,
  };
}

/** One Begin after another, each of another document, each durable before it is answered. */
async function beginLatency(cluster: TestCluster): Promise<Figure> {
  await make(cluster, 'begins');
  const [, address] = /control\s+(\S+), pid/.exec(cluster.output()) ?? [];
  if (address === undefined) throw new Error(`no address of control in: ${cluster.output()}`);
  const client = new GrpcWriteClient(
    endpointOf([address]),
    'bench',
    () => new AbortController().signal,
  );
  const begin: number[] = [];
  const seqs: bigint[] = [];
  for (let id = 0; id < BEGINS; id += 1) {
    begin.push(
      await time(async () => {
        const { outcome } = await client.begin(beginOf('begins', `k${id}`));
        if (outcome?.$case !== 'grant') throw new Error(JSON.stringify(outcome?.value));
        seqs.push(outcome.value.seq);
      }),
    );
  }
  // Without a result a write is looked for on its nodes and found to be nowhere: work of another kind,
  // which must not stand in the way of the writes that are measured.
  for (const seq of seqs) await client.report({ seq, results: [], complete: true });
  client.close();
  return {
    value: median(begin),
    unit: 'ms at p50',
    target: '<= 1.5',
    note: `p99 ${percentile(begin, 0.99).toFixed(2)} ms`,
  };
}

function beginOf(indexUid: string, key: string): BeginInput {
  const hashes = Buffer.alloc(8);
  hashes.writeBigUInt64LE(hashPrimaryKey(key));
  return {
    kind: WriteKind.DOCUMENTS_REPLACE,
    indexUid,
    primaryKeyHashes: hashes,
    touchesAllShards: false,
    customMetadata: undefined,
    detailsJson: Buffer.from('{"receivedDocuments":1,"indexedDocuments":null}'),
    primaryKey: 'id',
    primaryKeyExplicit: false,
    mayCreateIndex: true,
    failure: undefined,
    failureCreatesIndex: false,
    bodyJson: Buffer.alloc(0),
    documentCount: 1n,
    skipCreation: false,
  };
}

/** Upper bound of each bucket of miroir_lane_wait_seconds, in seconds, and what lies at or below it. */
async function laneBuckets(cluster: TestCluster): Promise<Map<number, number>> {
  const [, url] = /control\s[^\n]*metrics (\S+)/.exec(cluster.output()) ?? [];
  if (url === undefined) throw new Error('no metrics of control');
  const text = await (await fetch(url)).text();
  const lines = text.matchAll(/^miroir_lane_wait_seconds_bucket\{le="([^"]+)"[^}]*\} (\d+)/gm);
  return new Map(
    [...lines].map(([, bound, count]) => [
      Number(bound?.replace('+Inf', 'Infinity')),
      Number(count),
    ]),
  );
}

const FIELDS = {
  _miroir_shard: '\u2290\u2290\u2290',
  _miroir_version: '\u2290'.repeat(16),
};

function plain(id: string) {
  return { id, title: `document ${id}`, price: 12.5, tags: ['a', 'b'] };
}

async function byClients(write: (id: number) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < SINGLES) {
      const id = next;
      next += 1;
      await write(id);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

async function make(cluster: TestCluster, uid: string): Promise<void> {
  await finished(cluster, 'POST', '/indexes', { uid, primaryKey: 'id' });
}

async function add(
  cluster: TestCluster,
  uid: string,
  body: Uint8Array,
  type: string,
): Promise<void> {
  await finished(cluster, 'POST', `/indexes/${uid}/documents`, body, { 'content-type': type });
}

async function finished(
  cluster: TestCluster,
  ...call: Parameters<TestCluster['call']>
): Promise<void> {
  const answer = await cluster.call(...call);
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
  await succeeded(() => cluster.call('GET', `/tasks/${answer.body.taskUid}`));
}

/** Both sides ask alike, and seldom enough that asking is no part of the figure. */
async function succeeded(ask: () => Promise<Answer>): Promise<void> {
  for (;;) {
    const task = await ask();
    if (task.body.status === 'succeeded') return;
    if (!['enqueued', 'processing'].includes(task.body.status)) throw new Error(task.text);
    await sleep(POLL_MS);
  }
}

async function time(body: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await body();
  return performance.now() - startedAt;
}

/** The nodes of a cluster, asked without the gateway. */
class Nodes {
  readonly #pools: readonly Pool[];
  readonly #headers: Record<string, string>;

  constructor(cluster: TestCluster) {
    this.#pools = cluster.nodeUrls.map((url) => new Pool(url, { connections: CLIENTS }));
    this.#headers = { authorization: `Bearer ${cluster.masterKey}` };
  }

  all<Value>(body: (pool: Pool, place: number) => Promise<Value>): Promise<Value[]> {
    return Promise.all(this.#pools.map(body));
  }

  async close(): Promise<void> {
    await this.all((pool) => pool.destroy());
  }

  /** Makes an index with the settings of another on every node. */
  async make(uid: string, likeUid: string): Promise<void> {
    await this.all(async (pool) => {
      const settings = await this.#call(pool, 'GET', `/indexes/${likeUid}/settings`);
      await this.finished(pool, 'POST', '/indexes', { uid, primaryKey: 'id' });
      await this.finished(pool, 'PATCH', `/indexes/${uid}/settings`, settings.body);
    });
  }

  /** Everything one node holds of an index, internal fields included, as it would be sent to it. */
  async contents(pool: Pool, uid: string): Promise<string> {
    const answer = await this.#call(
      pool,
      'GET',
      `/indexes/${uid}/documents?limit=${PACKAGE_COUNT}`,
    );
    const { results } = answer.body as { results: unknown[] };
    return results.map((document) => JSON.stringify(document)).join('\n');
  }

  async add(pool: Pool, uid: string, body: string): Promise<void> {
    await this.finished(pool, 'POST', `/indexes/${uid}/documents?primaryKey=id`, body, {
      'content-type': 'application/x-ndjson',
    });
  }

  /** One document to one of the nodes, in turns; resolves with the 202. */
  async addOne(turn: number, uid: string, document: unknown): Promise<void> {
    const pool = this.#pools[turn % this.#pools.length] as Pool;
    const path = `/indexes/${uid}/documents?primaryKey=id`;
    const answer = await this.#call(pool, 'POST', path, [document]);
    if (answer.status !== 202) throw new Error(answer.text);
  }

  /** Waits until a node has nothing to do. */
  async idle(pool: Pool): Promise<void> {
    for (;;) {
      const path = '/tasks?statuses=enqueued,processing&limit=1';
      const answer = await this.#call(pool, 'GET', path);
      if (answer.body.total === 0) return;
      await sleep(20);
    }
  }

  async finished(
    pool: Pool,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<void> {
    const summary = await this.#call(pool, method, path, body, headers);
    if (summary.status !== 202) throw new Error(`node: ${summary.status} ${summary.text}`);
    await succeeded(() => this.#call(pool, 'GET', `/tasks/${summary.body.taskUid}`));
  }

  #call(
    pool: Pool,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) {
    return request(pool, { method, path, body, headers: { ...this.#headers, ...headers } });
  }
}
