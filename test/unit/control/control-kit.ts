/** The control program as a process, with stand-in nodes, and a small sidecar to write through it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { hashPrimaryKey } from '../../../core/placement/index.ts';
import { ClusterServiceClient } from '../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { KeysServiceClient } from '../../../proto/gen/miroir/keys/v1/keys.ts';
import { TaskServiceClient } from '../../../proto/gen/miroir/tasks/v1/tasks.ts';
import {
  type BeginRequest,
  type BeginResponse,
  type Grant,
  type ReportResponse,
  type SendResult,
  WriteKind,
  WriteServiceClient,
} from '../../../proto/gen/miroir/write/v1/write.ts';
import { buildRoot } from '../../kit/paths.ts';

export const MASTER_KEY = 'control-test-master-key';
export const ADMIN_TOKEN = 'control-test-admin-token';

/** A running (or failed) control process. */
export interface ControlProcess {
  readonly child: ChildProcess;
  readonly address: string;
  /** 0 if it has ended. */
  readonly metricsPort: number;
  stderr(): string;
  /** Exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** A folder with a config for these nodes. */
export interface ControlFolder {
  readonly path: string;
  writeConfig(
    nodes: readonly { readonly id: string; readonly url: string }[],
    extra?: string,
    control?: string,
  ): void;
  remove(): void;
}

/** Makes the folder. */
export function controlFolder(): ControlFolder {
  const path = mkdtempSync(join(tmpdir(), 'miroir-control-'));
  return {
    path,
    writeConfig: (nodes, extra = '', control = `data_dir: ${path}/data, listen: "127.0.0.1:0"`) => {
      const list = nodes.map(({ id, url }) => `  - {id: ${id}, url: "${url}"}`).join('\n');
      writeFileSync(
        join(path, 'config.yaml'),
        `nodes:\n${list}\nsharding: {shards: 16}\ncontrol: {${control}}\n${extra}\n`,
      );
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** What the program prints when it serves. */
interface ReadyLine {
  readonly address: string;
  readonly metrics_port: number;
}

/** How the program is started besides its configuration. */
export interface Launch {
  /** Of Node. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the program; resolves when it is ready or has ended (address is empty then). */
export async function startProcess(
  folder: ControlFolder,
  { flags = [], env = {} }: Launch = {},
): Promise<ControlProcess> {
  const main = join(buildRoot, 'control', 'main.js');
  const own = { MIROIR_MASTER_KEY: MASTER_KEY, MIROIR_ADMIN_TOKEN: ADMIN_TOKEN };
  const child = spawn(
    process.execPath,
    [...flags, main, '--config', join(folder.path, 'config.yaml')],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...own, ...env } },
  );
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? ''));
  });
  const ready = new Promise<ReadyLine>((resolve) => {
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      const line = stdout.split('\n').find((text) => text.includes('"ready"'));
      if (line !== undefined) resolve(JSON.parse(line) as ReadyLine);
    });
  });
  const none = ended.then(() => ({ address: '', metrics_port: 0 }));
  const { address, metrics_port: metricsPort } = await Promise.race([ready, none]);
  return {
    child,
    address,
    metricsPort,
    stderr: () => stderr,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

type NodeUrls = Readonly<Record<string, string>>;

/** Calls control as a sidecar does. */
export class TestSidecar {
  readonly #nodes: NodeUrls;
  readonly #pools = new Map<string, Pool>();
  readonly #writes: WriteServiceClient;
  readonly #tasks: TaskServiceClient;
  readonly cluster: ClusterServiceClient;
  readonly keys: KeysServiceClient;
  readonly id = `sidecar-${process.pid}-${Math.random()}`;
  requestNumber = 0n;

  constructor(
    address: string,
    nodes: NodeUrls,
    own: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#nodes = nodes;
    this.#writes = new WriteServiceClient(address, own);
    this.#tasks = new TaskServiceClient(address, own);
    this.cluster = new ClusterServiceClient(address, own);
    this.keys = new KeysServiceClient(address, own);
  }

  close(): void {
    for (const client of [this.#writes, this.#tasks, this.cluster, this.keys]) client.close();
    for (const pool of this.#pools.values()) void pool.destroy();
  }

  begin(changes: Partial<BeginRequest>): Promise<BeginResponse> {
    this.requestNumber += 1n;
    return unary((answer) => this.#writes.begin({ ...this.#emptyBegin(), ...changes }, answer));
  }

  report(seq: bigint, results: SendResult[], complete = true): Promise<ReportResponse> {
    const request = { sidecarId: this.id, seq, results, complete };
    return unary((answer) => this.#writes.report(request, answer));
  }

  renew(seqs: bigint[]): Promise<{ lostSeqs: bigint[] }> {
    return unary((answer) => this.#writes.renew({ sidecarId: this.id, seqs }, answer));
  }

  /** A write that control does itself; its taskUid. */
  async operation(
    kind: WriteKind,
    indexUid: string,
    body: unknown,
    details: unknown,
  ): Promise<number> {
    const { outcome } = await this.begin({
      kind,
      indexUid,
      touchesAllShards: true,
      bodyJson: Buffer.from(JSON.stringify(body)),
      detailsJson: Buffer.from(JSON.stringify(details)),
    });
    if (outcome?.$case !== 'settled')
      throw new Error(`not settled: ${JSON.stringify(outcome?.value)}`);
    return Number(outcome.value.seq);
  }

  /** Begins an addition of documents; the ids must be numbers. */
  beginDocuments(
    indexUid: string,
    documents: readonly { readonly id: number }[],
    changes: Partial<BeginRequest> = {},
  ): Promise<BeginResponse> {
    const hashes = Buffer.alloc(documents.length * 8);
    for (const [at, { id }] of documents.entries()) {
      hashes.writeBigUInt64LE(hashPrimaryKey(String(id)), at * 8);
    }
    const details = { receivedDocuments: documents.length, indexedDocuments: null };
    return this.begin({
      kind: WriteKind.DOCUMENTS_REPLACE,
      indexUid,
      primaryKeyHashes: hashes,
      primaryKey: 'id',
      detailsJson: Buffer.from(JSON.stringify(details)),
      documentCount: BigInt(documents.length),
      ...changes,
    });
  }

  /** Sends the shares of a grant to their nodes. */
  async send(
    grant: Grant,
    indexUid: string,
    documents: readonly { readonly id: number }[],
  ): Promise<SendResult[]> {
    const shares = new Map<string, { readonly id: number }[]>();
    for (const document of documents) {
      const shard = Number(hashPrimaryKey(String(document.id)) & BigInt(grant.shardCount - 1));
      const place = grant.targets.readUInt16LE(shard * 2 * grant.copiesPerShard);
      const nodeId = grant.nodeIds[place] ?? '';
      shares.set(nodeId, [...(shares.get(nodeId) ?? []), document]);
    }
    return Promise.all(
      [...shares].map(async ([nodeId, share]): Promise<SendResult> => {
        const query = `primaryKey=${grant.primaryKey}&customMetadata=${grant.tag}.0`;
        const path = `/indexes/${indexUid}/documents?${query}`;
        const body = JSON.stringify(share);
        const answer = await this.node(nodeId, 'POST', path, body);
        const { taskUid } = answer as { taskUid: number };
        const outcome = { $case: 'enqueuedUid' as const, value: BigInt(taskUid) };
        return { nodeId, part: 0, partCount: 1, outcome };
      }),
    );
  }

  /** Begin, send, report; the taskUid. */
  async write(indexUid: string, documents: readonly { readonly id: number }[]): Promise<number> {
    const { outcome } = await this.beginDocuments(indexUid, documents);
    if (outcome?.$case !== 'grant') throw new Error(`no grant: ${JSON.stringify(outcome?.value)}`);
    const results = await this.send(outcome.value, indexUid, documents);
    const report = await this.report(outcome.value.seq, results);
    if (!report.stands) throw new Error(`does not stand: ${report.refusal?.message}`);
    return Number(outcome.value.seq);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into tasks of any shape
  async task(uid: number): Promise<any> {
    const { taskJson } = await unary<{ taskJson?: Buffer | undefined }>((answer) =>
      this.#tasks.getTask({ uid: BigInt(uid), allowedIndexes: [] }, answer),
    );
    return taskJson === undefined ? undefined : JSON.parse(taskJson.toString());
  }

  /** Waits until a task is final. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into tasks of any shape
  async finished(uid: number): Promise<any> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const task = await this.task(uid);
      if (task !== undefined && !['enqueued', 'processing'].includes(task.status)) return task;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`task ${uid} does not end`);
  }

  /** A call to a node itself, with the master key. */
  async node(
    nodeId: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: string,
  ): Promise<unknown> {
    const url = this.#nodes[nodeId] ?? '';
    const pool = this.#pools.get(url) ?? new Pool(url, { connections: 4 });
    this.#pools.set(url, pool);
    const answer = await pool.request({
      method,
      path,
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.body.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  #emptyBegin(): BeginRequest {
    return {
      sidecarId: this.id,
      requestNumber: this.requestNumber,
      kind: WriteKind.UNSPECIFIED,
      indexUid: '',
      primaryKeyHashes: Buffer.alloc(0),
      touchesAllShards: false,
      detailsJson: Buffer.alloc(0),
      primaryKeyExplicit: false,
      mayCreateIndex: true,
      failureCreatesIndex: false,
      bodyJson: Buffer.alloc(0),
      documentCount: 0n,
      skipCreation: false,
    };
  }
}

/** Promise of a unary call. */
export function unary<Response>(
  call: (answer: (error: Error | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}
