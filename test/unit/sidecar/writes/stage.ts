/**
 * A stage for document writes: nodes are real small HTTP servers that record what they get, control is an
 * object that grants what the test says. No Meilisearch, no Envoy.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MiroirError } from '../../../../core/errors.ts';
import { NodeClient } from '../../../../core/meilisearch/client.ts';
import { createLogger } from '../../../../core/telemetry/index.ts';
import type { NodeId } from '../../../../core/types.ts';
import type { BeginResponse, ReportResponse } from '../../../../proto/gen/miroir/write/v1/write.ts';
import type {
  BeginInput,
  ReportInput,
  WriteClient,
} from '../../../../sidecar/cluster/write-client.ts';
import type { GatewayReply, GatewayRequest } from '../../../../sidecar/http/exchange.ts';
import { OpenReports, systemClock, type WriteContext } from '../../../../sidecar/writes/index.ts';

/** One request that a node got. */
export interface Received {
  readonly node: string;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  readonly contentLength: string | undefined;
  readonly body: Buffer;
}

/** What a node answers; the body is JSON. */
export type NodeAnswer = (
  received: Received,
) => { status: number; body: unknown } | 'silence' | 'reset';

/** Everything a test looks at. */
export interface Stage {
  readonly received: Received[];
  readonly begins: BeginInput[];
  readonly reports: ReportInput[];
  readonly renewals: bigint[][];
  /** Nodes whose connection was cut before they answered, in order. */
  readonly cutOff: string[];
  /** What was counted against nodes. */
  readonly failures: string[];
  /** What was counted of writes that control did not confirm after their answer. */
  readonly unconfirmed: string[];
  readonly nodeIds: NodeId[];
  /** Answers of control; may be replaced. */
  onBegin: (input: BeginInput) => BeginResponse['outcome'];
  onReport: (input: ReportInput) => ReportResponse;
  onRenew: () => Promise<bigint[]>;
  /** Awaited before a report is answered. */
  beforeReport: () => Promise<void>;
  /** Resolves when a report was made. */
  reported(): Promise<void>;
  /** What calls end with where control is away. */
  controlAway(): Error;
  onNode: NodeAnswer;
  /** What permissions say; false unless a test wants it. */
  standsWhenTaken: boolean;
  /** Whether nodes keep bodies (a test of memory does not want that). */
  keepBodies: boolean;
  bodyBytes: number;
  context(overrides?: Partial<WriteContext>): WriteContext;
  close(): Promise<void>;
}

const SHARDS = 16;

/** Starts `nodeCount` nodes; copy c of shard s is on node (s + c) modulo nodeCount. */
export async function makeStage(nodeCount = 3, copiesPerShard = 1): Promise<Stage> {
  const nodeIds = Array.from({ length: nodeCount }, (_, i) => `n${i}` as NodeId);
  const servers: Server[] = [];
  const clients = new Map<NodeId, NodeClient>();
  let seq = 41n;
  const stage: Stage = {
    received: [],
    begins: [],
    reports: [],
    renewals: [],
    cutOff: [],
    failures: [],
    unconfirmed: [],
    nodeIds,
    standsWhenTaken: false,
    keepBodies: true,
    bodyBytes: 0,
    onBegin: (input) => {
      seq += 1n;
      if (input.failure !== undefined || input.documentCount === -1n) {
        return { $case: 'settled', value: { seq, enqueuedAt: NOW } };
      }
      return {
        $case: 'grant',
        value: {
          ...grantOf(nodeIds, copiesPerShard),
          standsWhenTaken: stage.standsWhenTaken,
          seq,
          tag: `m1.cafe.${seq}`,
          primaryKey: input.primaryKey,
        },
      };
    },
    onReport: (input) => ({
      stands: input.results.every(({ outcome }) => outcome?.$case === 'enqueuedUid'),
      refusal: undefined,
      missed: [],
    }),
    onRenew: async () => [],
    beforeReport: async () => {},
    async reported() {
      while (stage.reports.length === 0) await delay(5);
    },
    controlAway: () => new MiroirError('miroir_control_unavailable', 'Control is away.'),
    onNode: () => ({ status: 202, body: { taskUid: 7, indexUid: 'm', status: 'enqueued' } }),
    context: (overrides = {}) => ({ ...defaults(), ...overrides }),
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close()));
      await Promise.all(
        servers.map((server) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
  const writes: WriteClient = {
    async begin(input) {
      stage.begins.push(input);
      return { outcome: stage.onBegin(input) };
    },
    async renew(seqs) {
      stage.renewals.push([...seqs]);
      return { lostSeqs: await stage.onRenew() };
    },
    async report(input) {
      stage.reports.push(input);
      await stage.beforeReport();
      return stage.onReport(input);
    },
  };
  for (const id of nodeIds) {
    const server = await startNode(id, stage);
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    clients.set(id, new NodeClient(`http://127.0.0.1:${port}`));
  }
  const logger = createLogger('test', 'silent' as 'error');
  const defaults = (): WriteContext => ({
    config: {
      writes: {
        min_copies: 1,
        quorum: 'in_sync',
        copy_timeout_ms: 2_000,
        spool_dir: '',
        spool_memory: 1024 * 1024,
      },
    },
    route: '/indexes/{index_uid}/documents',
    indexUid: 'm',
    query: '',
    findIndex: () => undefined,
    nodeIds,
    writes,
    callNode: (nodeId, call) => (clients.get(nodeId) as NodeClient).call(call),
    authorization: 'Bearer secret',
    internalKey: 'internal',
    evenFilter: async (filter) => filter,
    mayCreateIndex: true,
    reportFailed: (outcome) => stage.unconfirmed.push(outcome),
    openReports: new OpenReports(),
    nodeFailed: (nodeId, kind) => stage.failures.push(`${nodeId} ${kind}`),
    logger,
    clock: systemClock,
  });
  return stage;
}

/** The enqueuedAt of every grant. */
export const NOW = '2026-01-02T03:04:05.123456789Z';

function grantOf(nodeIds: readonly NodeId[], copiesPerShard: number) {
  const targets = Buffer.alloc(SHARDS * copiesPerShard * 2);
  for (let slot = 0; slot < SHARDS * copiesPerShard; slot += 1) {
    const shard = Math.floor(slot / copiesPerShard);
    targets.writeUInt16LE((shard + (slot % copiesPerShard)) % nodeIds.length, slot * 2);
  }
  return {
    enqueuedAt: NOW,
    indexId: '0'.repeat(32),
    shardCount: SHARDS,
    nodeIds: [...nodeIds],
    copiesPerShard,
    targets,
  };
}

async function startNode(node: string, stage: Stage): Promise<Server> {
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableEnded) stage.cutOff.push(node);
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      stage.bodyBytes += chunk.length;
      if (stage.keepBodies) chunks.push(chunk);
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://node');
      const received: Received = {
        node,
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        contentType: request.headers['content-type'],
        authorization: request.headers.authorization,
        contentLength: request.headers['content-length'],
        body: Buffer.concat(chunks),
      };
      stage.received.push(received);
      const answer = stage.onNode(received);
      if (answer === 'silence') return;
      if (answer === 'reset') {
        response.destroy();
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer.body));
    });
    request.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A client's request with a body in chunks. */
export function requestOf(
  body: string | Buffer | AsyncIterable<Uint8Array>,
  contentType: string | undefined = 'application/json',
): GatewayRequest {
  const isStream = typeof body !== 'string' && !Buffer.isBuffer(body);
  return {
    method: 'POST',
    target: '/',
    headers: new Map(contentType === undefined ? [] : [['content-type', contentType]]),
    requestId: 'r',
    hasBody: true,
    body: isStream ? body : inChunks(Buffer.from(body as string)),
    signal: new AbortController().signal,
  };
}

async function* inChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

/** The JSON of a reply. */
export async function replyJson(reply: GatewayReply): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}
