/**
 * One node under test: a real Meilisearch where there is one, else the stand-in. It can be killed, frozen,
 * started again, wiped, and put back to a copy of its folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FoundNode, nodeArgs } from '../../envoy/start/find-nodes.ts';

const READY_LIMIT_MS = 60_000;
const INDEXING_MEBIBYTES = 200;

/** Where and how it runs. */
export interface EngineOptions {
  readonly found: FoundNode;
  readonly port: number;
  readonly folder: string;
  readonly masterKey: string;
}

/** One node. */
export class EngineProcess {
  readonly url: string;
  readonly #options: EngineOptions;
  #child: ChildProcess | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const { found, port, folder: dataDir, masterKey } = this.#options;
    mkdirSync(dataDir, { recursive: true });
    const log = openSync(join(dataDir, '..', `${port}.log`), 'a');
    const limits = { indexingThreads: 1, indexingMebibytesMax: INDEXING_MEBIBYTES };
    const args = nodeArgs(found, { port, dataDir, masterKey, ...limits });
    const child = spawn(found.command, [...found.prefix(dataDir), ...args], {
      stdio: ['ignore', log, log],
      cwd: dataDir,
      env: { ...process.env, MEILI_MASTER_KEY: masterKey, NO_COLOR: '1' },
    });
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    const giveUpAt = Date.now() + READY_LIMIT_MS;
    while (!(await this.#isHealthy())) {
      if (Date.now() > giveUpAt) throw new Error(`the node on port ${port} does not come up`);
      await sleep(50);
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops or continues it without its knowing. */
  freeze(isFrozen: boolean): void {
    this.#child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Removes its data; it must not run. */
  wipe(): void {
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  /** Copies its data aside; it must not run. */
  save(): void {
    rmSync(this.#saved, { recursive: true, force: true });
    cpSync(this.#options.folder, this.#saved, { recursive: true });
  }

  /** Puts the copy back; false if there is none. It must not run. */
  restore(): boolean {
    if (!existsSync(this.#saved)) return false;
    this.wipe();
    cpSync(this.#saved, this.#options.folder, { recursive: true });
    return true;
  }

  get #saved(): string {
    return `${this.#options.folder}.saved`;
  }

  async #isHealthy(): Promise<boolean> {
    if (this.#child === undefined) throw new Error('the node ended while it started');
    try {
      const answer = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false;
    }
  }
}
