/**
 * A whole Miroir for a test: the very program of `npm start`, on a free port, with its data in a
 * temporary folder. Real nodes where a Meilisearch binary is found, else the built-in stand-in.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Pool } from 'undici';
import { freePort } from '../../envoy/start/ports.ts';
import { buildRoot } from './paths.ts';

const START_LIMIT_MS = 240_000;
const STOP_LIMIT_MS = 20_000;
const TASK_LIMIT_MS = 600_000;

/** A JSON answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  /** Parsed body; undefined if it is empty or not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
}

/** Kinds of parts a cluster runs. */
export type PartName = 'control' | 'sidecar' | 'worker' | 'envoy' | 'node';

/** A running cluster. */
export interface TestCluster {
  readonly url: string;
  readonly masterKey: string;
  readonly adminToken: string;
  /** Where everything is kept, the admin token too. */
  readonly dataFolder: string;
  /** Addresses of the nodes, in order. */
  readonly nodeUrls: readonly string[];
  /** True if the nodes are real Meilisearch processes. */
  readonly isReal: boolean;
  /** Process ids of one kind of part, as the starter's run file lists them now. */
  pids(part: PartName): number[];
  /** The first of them. */
  pid(part: PartName): number;
  /** What the starter printed so far. */
  output(): string;
  /** One request with the master key, through one keep-alive pool. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Waits for a task to end and returns it. */
  waitForTask(taskUid: number): Promise<Answer['body']>;
  /** Stops everything and removes the data. */
  stop(): Promise<void>;
}

/** Path of a Meilisearch binary: MEILISEARCH_BIN, else `meilisearch` on PATH, else undefined. */
export function findMeilisearch(): string | undefined {
  const named = process.env['MEILISEARCH_BIN'];
  if (named) return named;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'meilisearch'))
    .find((path) => existsSync(path));
}

/** Starts a cluster with the given flags of `npm start`. */
export async function startCluster(flags: readonly string[] = []): Promise<TestCluster> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'miroir-e2e-'));
  const port = await freePort();
  const masterKey = 'test-master-key-0123456789';
  const program = join(buildRoot, 'envoy', 'start', 'main.js');
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', program, '--port', String(port), '--data', dataFolder, ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, MIROIR_MASTER_KEY: masterKey, NO_COLOR: '1' },
    },
  );
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const url = `http://127.0.0.1:${port}`;
  const pool = new Pool(url, {
    connections: 16,
    headersTimeout: TASK_LIMIT_MS,
    bodyTimeout: TASK_LIMIT_MS,
  });
  const stop = async () => {
    await pool.destroy();
    await end(child);
    rmSync(dataFolder, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(child, pool, () => output);
  } catch (error) {
    const logs = readLogs(dataFolder);
    await stop();
    throw new Error(`${String(error)}\n${logs}`);
  }
  const call: TestCluster['call'] = (method, path, body, headers = {}) =>
    request(pool, {
      method,
      path,
      body,
      headers: { authorization: `Bearer ${masterKey}`, ...headers },
    });
  return {
    url,
    masterKey,
    adminToken: readRunFile(dataFolder).admin_token,
    dataFolder,
    nodeUrls: readRunFile(dataFolder)
      .parts.filter((part) => part.part === 'node')
      .map((part) => part.address ?? ''),
    pids: (name) => pidsOf(dataFolder, name),
    pid: (name) => {
      const pid = pidsOf(dataFolder, name)[0];
      if (pid === undefined) throw new Error(`no ${name} is listed`);
      return pid;
    },
    isReal: findMeilisearch() !== undefined,
    output: () => output,
    call,
    waitForTask: (taskUid) => waitForTask(call, taskUid),
    stop,
  };
}

/** A TCP port that was free a moment ago. */
export { freePort };

/** One request over a pool; bytes and texts are sent as they are, anything else as JSON. */
export async function request(
  pool: Pool,
  options: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
  },
): Promise<Answer> {
  const isRaw = typeof options.body === 'string' || options.body instanceof Uint8Array;
  const answer = await pool.request({
    method: options.method as 'GET',
    path: options.path,
    headers: {
      ...(options.body === undefined || isRaw ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    body:
      options.body === undefined
        ? null
        : isRaw
          ? (options.body as string | Uint8Array)
          : JSON.stringify(options.body),
  });
  const text = await answer.body.text();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: answer.statusCode, headers: answer.headers, text, body };
}

async function waitUntilReady(
  child: ChildProcess,
  pool: Pool,
  output: () => string,
): Promise<void> {
  const giveUpAt = Date.now() + START_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`start ended with ${child.exitCode}\n${output()}`);
    if (/curl /.test(output())) {
      const answer = await request(pool, { method: 'GET', path: '/health' }).catch(() => undefined);
      if (answer?.status === 200) return;
    }
    await sleep(100);
  }
  throw new Error(`not ready after ${START_LIMIT_MS} ms\n${output()}`);
}

async function waitForTask(call: TestCluster['call'], taskUid: number): Promise<Answer['body']> {
  const giveUpAt = Date.now() + TASK_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    const answer = await call('GET', `/tasks/${taskUid}`);
    if (answer.status !== 200)
      throw new Error(`GET /tasks/${taskUid}: ${answer.status} ${answer.text}`);
    if (!['enqueued', 'processing'].includes(answer.body.status)) return answer.body;
    await sleep(20);
  }
  throw new Error(`task ${taskUid} not finished after ${TASK_LIMIT_MS} ms`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.on('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

interface RunFile {
  readonly admin_token: string;
  readonly parts: readonly {
    readonly part: PartName;
    readonly pid: number | null;
    readonly address?: string;
  }[];
}

function readRunFile(dataFolder: string): RunFile {
  return JSON.parse(readFileSync(join(dataFolder, 'run.json'), 'utf8')) as RunFile;
}

function pidsOf(dataFolder: string, name: PartName): number[] {
  const { parts } = readRunFile(dataFolder);
  const listed = (wanted: PartName) =>
    parts.filter((part) => part.part === wanted).flatMap((part) => part.pid ?? []);
  // workers come and go under the supervisor: ask the system which it has now
  return name === 'worker' ? listed('sidecar').flatMap(childrenOf) : listed(name);
}

/** Pids of the children of a process; none if it has ended. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}

function readLogs(dataFolder: string): string {
  const folder = join(dataFolder, 'logs');
  if (!existsSync(folder)) return '';
  return readdirSync(folder)
    .map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-4000)}`)
    .join('\n');
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
