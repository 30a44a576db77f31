/**
 * Single nodes for a test: real Meilisearch processes where a binary is found, else the built-in stand-in.
 * `needsReal` is the reason to skip what only a real node can show.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../envoy/start/ports.ts';
import { startEngine } from '../engine/index.ts';
import { findMeilisearch } from './cluster.ts';

const START_LIMIT_MS = 20_000;

/** Reason to skip; undefined where a Meilisearch binary is found. */
export const needsReal: string | undefined =
  findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;

/** A running node. */
export interface TestNode {
  readonly url: string;
  readonly masterKey: string;
  readonly isReal: boolean;
  stop(): Promise<void>;
}

/** Starts one node with an empty database. */
export async function startNode(masterKey = 'test-node-master-key'): Promise<TestNode> {
  const binary = findMeilisearch();
  if (binary === undefined) {
    const engine = await startEngine({ masterKey });
    return { url: engine.url, masterKey, isReal: false, stop: () => engine.close() };
  }
  const folder = mkdtempSync(join(tmpdir(), 'miroir-node-'));
  const port = await freePort();
  const flags = ['--db-path', join(folder, 'db'), '--http-addr', `127.0.0.1:${port}`];
  const limits = ['--max-indexing-threads', '1', '--max-indexing-memory', '200MiB'];
  const child = spawn(binary, [...flags, ...limits, '--no-analytics', '--env', 'production'], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, MEILI_MASTER_KEY: masterKey },
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += 50) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.status === 200) return { url, masterKey, isReal: true, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error('a node did not start');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}
