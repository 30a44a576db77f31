/**
 * The cluster under test: nodes of our own behind fault proxies, and everything else by the program of
 * `npm start`, whose parts are found in its run file.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findNode } from '../../envoy/start/find-nodes.ts';
import { freePort } from '../../envoy/start/ports.ts';
import { childrenOf } from '../kit/cluster.ts';
import { buildRoot } from '../kit/paths.ts';
import { EngineProcess } from './engine-process.ts';
import { FaultProxy } from './fault-proxy.ts';
import { Gateway, type GatewayNode, MASTER_KEY } from './gateway.ts';

const FAILPOINT_FILE = 'failpoints';
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 20_000;

/** Sizes of the cluster. */
export interface WorldOptions {
  readonly nodeCount: number;
  readonly factor: number;
  readonly groups: number;
  readonly spread: string;
  /** More lines of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A node with what stands before it. */
export interface WorldNode extends GatewayNode {
  readonly proxy: FaultProxy;
}

/** The parts a starter runs. */
export type PartName = 'control' | 'sidecar' | 'worker' | 'envoy';

/** The running cluster. */
export class World extends Gateway {
  readonly folder: string;
  readonly nodes: readonly WorldNode[];
  readonly isReal: boolean;
  readonly #starter: ChildProcess;
  #output = '';

  private constructor(parts: {
    readonly url: string;
    readonly folder: string;
    readonly nodes: readonly WorldNode[];
    readonly isReal: boolean;
    readonly starter: ChildProcess;
  }) {
    super(parts.url);
    this.folder = parts.folder;
    this.nodes = parts.nodes;
    this.isReal = parts.isReal;
    this.#starter = parts.starter;
    for (const stream of [parts.starter.stdout, parts.starter.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /** Starts nodes, proxies and the rest; resolves when the gateway answers. */
  static async start(options: WorldOptions): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-chaos-'));
    const found = await findNode(process.env, () => {});
    const nodes: WorldNode[] = [];
    for (let at = 0; at < options.nodeCount; at += 1) {
      const place = join(folder, 'nodes', `n${at}`);
      const port = await freePort();
      const engine = new EngineProcess({ found, port, folder: place, masterKey: MASTER_KEY });
      await engine.start();
      const proxy = await FaultProxy.start(port);
      nodes.push({ id: `n${at}`, group: at % options.groups, engine, proxy });
    }
    const port = await freePort();
    const starter = spawnStarter({ folder, port, nodes, options });
    const world = new World({
      url: `http://127.0.0.1:${port}`,
      folder,
      nodes,
      isReal: found.kind === 'meilisearch',
      starter,
    });
    try {
      await world.#untilReady();
    } catch (error) {
      const said = world.output();
      await world.stop();
      throw new Error(`${String(error)}\n${said}`);
    }
    return world;
  }

  /** What the starter printed. */
  output(): string {
    return this.#output;
  }

  /** Lines of the logs of all parts, for a person who looks for what went wrong. */
  logs(): string {
    const folder = join(this.folder, 'miroir', 'logs');
    return readdirSync(folder)
      .map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8')}`)
      .join('\n');
  }

  /** Pids of a part that run now; none while it is being restarted. */
  pids(part: PartName): number[] {
    const wanted = part === 'worker' ? 'sidecar' : part;
    const pids = this.#runFile()
      .parts.filter((item) => item.part === wanted)
      .flatMap((item) => item.pid ?? []);
    return part === 'worker' ? pids.flatMap(childrenOf) : pids;
  }

  /** Sends a signal to every process of a part, or to one; a process that has just gone is no error. */
  signal(part: PartName, signal: NodeJS.Signals, which?: number): void {
    const pids = this.pids(part);
    const chosen =
      which === undefined ? pids : pids.slice(which % Math.max(1, pids.length)).slice(0, 1);
    for (const pid of chosen) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has just ended
      }
    }
  }

  /** Arms a failpoint in all processes at once; the first that gets there acts. Empty: none any more. */
  arm(list: string): void {
    writeFileSync(join(this.folder, FAILPOINT_FILE), list);
  }

  /** Stops everything; `isKept` leaves data and logs. */
  async stop(isKept = false): Promise<void> {
    await this.disconnect();
    for (const { proxy } of this.nodes) proxy.setMode('pass');
    const gone = new Promise((resolve) => this.#starter.once('exit', resolve));
    if (this.#starter.exitCode === null) {
      this.signal('control', 'SIGCONT');
      this.signal('sidecar', 'SIGCONT');
      this.signal('worker', 'SIGCONT');
      this.#starter.kill('SIGTERM');
      await Promise.race([gone, sleep(STOP_LIMIT_MS, undefined, { ref: false })]);
      this.#starter.kill('SIGKILL');
    }
    for (const { engine, proxy } of this.nodes) {
      engine.freeze(false);
      await engine.kill();
      await proxy.close();
    }
    if (!isKept) rmSync(this.folder, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    const giveUpAt = Date.now() + START_LIMIT_MS;
    while (Date.now() < giveUpAt) {
      if (this.#starter.exitCode !== null) throw new Error('the starter ended');
      if (/curl /.test(this.#output)) return;
      await sleep(100);
    }
    throw new Error('the cluster does not come up');
  }

  protected override adminToken(): string {
    return this.#runFile().admin_token;
  }

  #runFile(): RunFile {
    const file = join(this.folder, 'miroir', 'run.json');
    return JSON.parse(readFileSync(file, 'utf8')) as RunFile;
  }
}

interface RunFile {
  readonly admin_token: string;
  readonly parts: readonly { readonly part: string; readonly pid: number | null }[];
}

function spawnStarter(input: {
  readonly folder: string;
  readonly port: number;
  readonly nodes: readonly WorldNode[];
  readonly options: WorldOptions;
}): ChildProcess {
  const { folder, port, nodes, options } = input;
  const config = {
    ...options.config,
    nodes: nodes.map(({ id, group, proxy }) => ({
      id,
      group,
      url: `http://127.0.0.1:${proxy.port}`,
    })),
  };
  const file = join(folder, 'chaos.yaml');
  mkdirSync(folder, { recursive: true });
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  const program = join(buildRoot, 'envoy', 'start', 'main.js');
  // biome-ignore format: flag and value belong on one line
  const args = [
    '--enable-source-maps', program,
    '--port', String(port),
    '--data', join(folder, 'miroir'),
    '--config', file,
    '--rf', String(options.factor),
    '--groups', String(options.groups),
    '--spread', options.spread,
  ];
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_ENV: 'test',
      MIROIR_FAILPOINTS: `@${join(folder, FAILPOINT_FILE)}`,
      MIROIR_MASTER_KEY: MASTER_KEY,
      NO_COLOR: '1',
    },
  });
}
