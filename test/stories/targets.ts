/**
 * Servers to tell stories to: the built-in stand-in, a real Meilisearch, or any command. Each story
 * gets a fresh one with an empty data folder; its whole process group ends with the story.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../envoy/start/ports.ts';
import { startEngine } from '../engine/index.ts';
import type { Story } from './story.ts';

/** A running server. */
export interface RunningTarget {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a fresh server for a story. */
export type Target = (story: Story) => Promise<RunningTarget>;

const STOP_LIMIT_MS = 15_000;
const PROBE_PAUSE_MS = 50;
const PROBE_LIMIT_MS = 2000;
const LOG_KEPT_CHARS = 4000;

/** The built-in stand-in, inside this process. */
export const engineTarget: Target = async (story) => {
  const engine = await startEngine({ masterKey: story.masterKey });
  return { url: engine.url, stop: () => engine.close() };
};

/** A real node: MEILISEARCH_BIN, else `meilisearch` on PATH. Throws if there is none. */
export function meilisearchTarget(env: NodeJS.ProcessEnv, readyLimitMs: number): Target {
  const binary = findMeilisearch(env);
  if (binary === undefined) throw new Error('no MEILISEARCH_BIN and no meilisearch on PATH');
  return (story) =>
    startProcess({
      story,
      env,
      readyLimitMs,
      command: (port, data) => [
        binary,
        '--http-addr',
        `127.0.0.1:${port}`,
        '--db-path',
        join(data, 'db'),
        '--dump-dir',
        join(data, 'dumps'),
        '--snapshot-dir',
        join(data, 'snapshots'),
        '--env',
        'production',
        '--no-analytics',
        '--max-indexing-threads',
        '1',
        '--max-indexing-memory',
        '200MiB',
        ...story.flags,
      ],
    });
}

/** Any command line; `{port}` and `{data}` are filled in, the keys are in its environment. */
export function commandTarget(
  commandLine: string,
  env: NodeJS.ProcessEnv,
  readyLimitMs: number,
): Target {
  return (story) =>
    startProcess({
      story,
      env,
      readyLimitMs,
      command: (port, data) => [
        'sh',
        '-c',
        commandLine.replaceAll('{port}', String(port)).replaceAll('{data}', data),
      ],
    });
}

interface ProcessOptions {
  readonly story: Story;
  readonly env: NodeJS.ProcessEnv;
  readonly readyLimitMs: number;
  command(port: number, data: string): string[];
}

async function startProcess(options: ProcessOptions): Promise<RunningTarget> {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'story-'));
  const [program = '', ...args] = options.command(port, data);
  const key = options.story.masterKey;
  const child = spawn(program, args, {
    cwd: program === 'sh' ? process.cwd() : data,
    env: { ...options.env, MIROIR_MASTER_KEY: key, MEILI_MASTER_KEY: key },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let log = '';
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-LOG_KEPT_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let hasExited = false;
  const exited = new Promise<void>((resolve) => {
    const done = () => {
      hasExited = true;
      resolve();
    };
    child.once('exit', done);
    child.once('error', done);
  });
  // a runner that is told to stop takes its server along, which has a group of its own
  const takeAlong = () => {
    signalGroup(child.pid, 'SIGTERM');
    process.exit(1);
  };
  process.once('SIGTERM', takeAlong).once('SIGINT', takeAlong);
  const stop = async () => {
    process.off('SIGTERM', takeAlong).off('SIGINT', takeAlong);
    signalGroup(child.pid, 'SIGTERM');
    await Promise.race([exited, sleep(STOP_LIMIT_MS, undefined, { ref: false })]);
    signalGroup(child.pid, 'SIGKILL');
    rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + options.readyLimitMs;
  while (!(await isHealthy(url))) {
    if (hasExited || Date.now() > until) {
      await stop();
      const why = hasExited ? 'it ended' : `not healthy in ${options.readyLimitMs} ms`;
      throw new Error(`${program} did not start: ${why}\n${log}`);
    }
    await sleep(PROBE_PAUSE_MS);
  }
  return { url, stop };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // no process of the group is left
  }
}

function isHealthy(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = get(`${url}/health`, { timeout: PROBE_LIMIT_MS, agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(false));
  });
}

function findMeilisearch(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['MEILISEARCH_BIN'];
  if (named !== undefined && named !== '') return named;
  return (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'meilisearch'))
    .find((file) => existsSync(file));
}
