/** A real etcd for tests: found or fetched as `npm start` does; it can be killed, frozen and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEtcd } from '../../envoy/start/find-etcd.ts';
import { freePort } from '../../envoy/start/ports.ts';
import { projectRoot } from './paths.ts';

const READY_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 2_000;

/** One member, or a cluster of one. */
export class EtcdProcess {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly #command: string;
  readonly #arguments: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(command: string, port: number, peerPort: number, extra: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'miroir-etcd-'));
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#command = command;
    const peer = `http://127.0.0.1:${peerPort}`;
    this.#arguments = [
      ...['--name', 'e0', '--data-dir', join(this.folder, 'data')],
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `e0=${peer}`, '--logger', 'zap', '--log-level', 'error'],
      ...extra,
    ];
  }

  /** Starts one that keeps its data in a folder of its own. */
  static async start(extra: readonly string[] = []): Promise<EtcdProcess> {
    const { command } = await findEtcd({
      env: process.env,
      cacheDir: join(projectRoot, '.cache'),
      onProgress: (line) => console.log(line),
    });
    const etcd = new EtcdProcess(command, await freePort(), await freePort(), extra);
    await etcd.start();
    return etcd;
  }

  /** Starts it again with the data it has; resolves when it answers. */
  async start(): Promise<void> {
    const log = openSync(join(this.folder, 'log'), 'a');
    const child = spawn(this.#command, this.#arguments, { stdio: ['ignore', log, log] });
    this.#child = child;
    const giveUpAt = performance.now() + READY_LIMIT_MS;
    while (!(await this.#isHealthy())) {
      if (child.exitCode !== null || performance.now() > giveUpAt)
        throw new Error(`etcd does not come up: ${readFileSync(join(this.folder, 'log'), 'utf8')}`);
      await sleep(50);
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops or continues it without its knowing; when this returns, it stands still. */
  freeze(isFrozen: boolean): void {
    this.#child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
    const giveUpMs = performance.now() + STOP_LIMIT_MS;
    while (isFrozen && this.#isMoving() && performance.now() < giveUpMs);
  }

  /** Starts it anew without data. */
  async wipe(): Promise<void> {
    await this.kill();
    rmSync(join(this.folder, 'data'), { recursive: true, force: true });
    await this.start();
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Whether any of its threads has not been stopped yet: the signal reaches them one by one. */
  #isMoving(): boolean {
    const folder = `/proc/${this.#child?.pid}/task`;
    return readdirSync(folder).some((thread) => {
      const line = readFileSync(join(folder, thread, 'stat'), 'utf8');
      return line.slice(line.lastIndexOf(')') + 2)[0] !== 'T';
    });
  }

  async #isHealthy(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) });
      return ((await answer.json()) as { health?: string }).health === 'true';
    } catch {
      return false;
    }
  }
}
