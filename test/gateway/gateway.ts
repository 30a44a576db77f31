/**
 * Starts the real Envoy in front of real, scripted workers, each part a process of its own in a folder of
 * its own, and stops all of it again. Output of the parts is kept and shown only if a start fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../core/config/index.ts';
import { envoyAdminSocket } from '../../core/sockets.ts';
import { type BootstrapOptions, bootstrap } from '../../envoy/bootstrap.ts';
import { envoyCommand } from './envoy-binary.ts';

const START_TIMEOUT_MS = 20_000;

/** What a test may choose. */
export interface GatewayOptions {
  readonly workers?: number;
  /** `listen.max_body`. */
  readonly maxBody?: number | string;
  readonly logLevel?: string;
  readonly bootstrap?: BootstrapOptions;
  /** Changes Envoy's configuration before it starts. */
  readonly mutate?: (bootstrap: Record<string, unknown>) => void;
}

/** A gateway that runs. */
export interface Gateway {
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  readonly metricsPort: number;
  readonly workerPids: readonly number[];
  readonly envoyPid: number;
  readonly sidecar: ChildProcess;
  /** A page of Envoy's admin interface. */
  admin(path: string, method?: string): Promise<string>;
  /** Value of one of Envoy's counters or gauges; 0 if there is none. */
  stat(name: string): Promise<number>;
  /** What the sidecar logged so far. */
  log(): string;
  close(): Promise<void>;
}

/** Starts everything and waits until it answers. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-gw-'));
  const children: { readonly errors: string; stop(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(children.map((part) => part.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const configFile = join(folder, 'miroir.json');
    const config = {
      listen: {
        port: 0,
        socket_dir: folder,
        workers: options.workers ?? 1,
        max_body: options.maxBody ?? '100MB',
      },
      telemetry: { log_level: options.logLevel ?? 'info' },
    };
    writeFileSync(configFile, JSON.stringify(config));
    const program = fileURLToPath(new URL('./scripted-main.js', import.meta.url));
    const sidecar = new Part(process.execPath, [
      '--enable-source-maps',
      program,
      '--config',
      configFile,
    ]);
    children.push(sidecar);
    const ready = JSON.parse(await sidecar.line()) as {
      workers: { pid: number }[];
      metrics_port: number;
    };
    const envoy = await startEnvoy(folder, envoyConfig(configFile, options));
    children.push(envoy);
    const { admin, port } = envoy;
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      folder,
      metricsPort: ready.metrics_port,
      workerPids: ready.workers.map((worker) => worker.pid),
      envoyPid: envoy.pid,
      sidecar: sidecar.child,
      admin,
      stat: (name) => envoy.stat(name),
      log: () => sidecar.errors,
      close,
    };
  } catch (error) {
    const output = children.map((part) => part.errors).join('\n');
    await close();
    throw new Error(`${(error as Error).message}\n${output}`);
  }
}

function envoyConfig(configFile: string, options: GatewayOptions): object {
  const config = bootstrap(loadConfig({ file: configFile }), options.bootstrap) as Record<
    string,
    unknown
  >;
  options.mutate?.(config);
  return config;
}

/** Starts Envoy alone, with its files in `folder`, and waits until it listens. */
export async function startEnvoy(folder: string, config: object) {
  const file = join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(config));
  const { command, prefix } = await envoyCommand(folder);
  const part = new Part(command, [
    ...prefix,
    '-c',
    file,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '-l',
    'warning',
  ]);
  const admin = (path: string, method = 'GET') => adminPage(envoyAdminSocket(folder), path, method);
  try {
    const port = await waitForPort(admin, part);
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      pid: part.child.pid ?? 0,
      admin,
      stat: async (name: string) => {
        const text = await admin(`/stats?filter=${encodeURIComponent(`^${name}$`)}`);
        return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
      },
      get errors() {
        return part.errors;
      },
      stop: () => part.stop(),
    };
  } catch (error) {
    await part.stop();
    throw new Error(`${(error as Error).message}\n${part.errors}`);
  }
}

/** One started process. */
class Part {
  readonly child: ChildProcess;
  errors = '';
  private output = '';
  private isStopping = false;

  constructor(program: string, args: readonly string[]) {
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.once('exit', (code, signal) => {
      if (this.isStopping) return;
      console.log(`## ${args.at(-1)} of ${program} ended: ${code ?? signal}`);
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  /** The first line it prints. */
  async line(): Promise<string> {
    for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 20) {
      const end = this.output.indexOf('\n');
      if (end >= 0) return this.output.slice(0, end);
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}`);
      await sleep(20);
    }
    throw new Error('it never said that it is ready');
  }

  async stop(): Promise<void> {
    const { child } = this;
    this.isStopping = true;
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }
}

async function waitForPort(
  admin: (path: string) => Promise<string>,
  envoy: { child: ChildProcess },
): Promise<number> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 50) {
    if (envoy.child.exitCode !== null) throw new Error(`envoy ended: ${envoy.child.exitCode}`);
    const port = await admin('/listeners?format=json').then(portOf, () => undefined);
    const clusters = port === undefined ? '' : await admin('/clusters');
    // The port is known before it is listened on; and health checks must have passed once, else the
    // first requests would find no worker.
    if (
      port !== undefined &&
      /sidecar::.*health_flags::healthy/.test(clusters) &&
      (await takesConnections(port))
    )
      return port;
    await sleep(50);
  }
  throw new Error('envoy did not start');
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function portOf(text: string): number | undefined {
  const { listener_statuses } = JSON.parse(text) as {
    listener_statuses?: { local_address: { socket_address: { port_value: number } } }[];
  };
  return listener_statuses?.[0]?.local_address.socket_address.port_value;
}

function adminPage(socketPath: string, path: string, method: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end();
  });
}
