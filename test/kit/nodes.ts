/**
 * Single nodes for a test: real Meilisearch processes where a binary is found, else the built-in stand-in.
 * They can be killed, started again on the same address with the same data, wiped and rolled back.
 * `needsReal` is the reason to skip what only a real node can show.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../envoy/start/ports.ts';
import { startEngine } from '../engine/index.ts';
import { findMeilisearch } from './cluster.ts';

const START_LIMIT_MS = 30_000;

/** Reason to skip; undefined where a Meilisearch binary is found. */
export const needsReal: string | undefined =
  findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;

/** A node with an address and data of its own. */
export class TestNode {
  readonly url: string;
  readonly masterKey: string;
  readonly isReal: boolean = needsReal === undefined;
  readonly #port: number;
  readonly #folder: string;
  #end: (() => Promise<void>) | undefined;

  constructor(port: number, masterKey: string) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.masterKey = masterKey;
    this.#folder = mkdtempSync(join(tmpdir(), 'miroir-node-'));
  }

  /** Starts it with the data it has; resolves when it answers. */
  async start(): Promise<void> {
    this.#end = await this.#spawn();
    for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += 50) {
      const answer = await fetch(`${this.url}/health`).catch(() => undefined);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('a node did not start');
  }

  /** Kills it; its data stays. */
  async kill(): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    await end?.();
  }

  /** Forgets its data. Only while it does not run. */
  wipe(): void {
    rmSync(this.#data, { recursive: true, force: true });
  }

  /** Keeps a copy of its data. Only while it does not run. */
  save(): void {
    rmSync(`${this.#data}.saved`, { recursive: true, force: true });
    if (existsSync(this.#data)) cpSync(this.#data, `${this.#data}.saved`, { recursive: true });
  }

  /** Brings back what was kept. Only while it does not run. */
  restore(): void {
    this.wipe();
    cpSync(`${this.#data}.saved`, this.#data, { recursive: true });
  }

  /** Kills it and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#folder, 'db');
  }

  async #spawn(): Promise<() => Promise<void>> {
    const { masterKey } = this;
    const binary = findMeilisearch();
    if (binary === undefined) {
      const engine = await startEngine({ masterKey, port: this.#port, dbPath: this.#data });
      return () => engine.close();
    }
    const address = ['--db-path', this.#data, '--http-addr', `127.0.0.1:${this.#port}`];
    const limits = ['--max-indexing-threads', '1', '--max-indexing-memory', '200MiB'];
    const child = spawn(binary, [...address, ...limits, '--no-analytics', '--env', 'production'], {
      cwd: this.#folder,
      stdio: 'ignore',
      env: { ...process.env, MEILI_MASTER_KEY: masterKey },
    });
    return () => end(child);
  }
}

/** Starts one node with an empty database. */
export async function startNode(masterKey = 'test-node-master-key'): Promise<TestNode> {
  const node = new TestNode(await freePort(), masterKey);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}
