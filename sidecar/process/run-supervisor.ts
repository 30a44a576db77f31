/**
 * The sidecar's first process: starts the workers and keeps them running, says when they are ready,
 * adds up their metrics, and lets them finish at SIGTERM or SIGINT. It touches no request.
 */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, type MiroirConfig } from '../../core/config/index.ts';
import { createLogger } from '../../core/telemetry/index.ts';
import { startMetricsListener } from './metrics-listener.ts';
import { WorkerSlot } from './worker-slot.ts';

/** Runs this process as the supervisor of workers that run `program`. */
export async function runSupervisor(program: string): Promise<void> {
  const { config, file } = readConfig();
  const logger = createLogger('sidecar', config.telemetry.log_level);
  prepareSocketDir(config.listen.socket_dir);
  const slots: WorkerSlot[] = [];
  let metricsPort = 0;
  let isStopping = false;
  let said = '';
  // Once when all are ready, then whenever a worker ended or another took its place.
  const announce = () => {
    if (metricsPort === 0 || slots.length < config.listen.workers) return;
    if (said === '' && !slots.every((slot) => slot.isReady)) return;
    const workers = slots.map(({ pid, socket }) => ({ pid: pid ?? null, socket }));
    const line = `${JSON.stringify({ ready: true, workers, metrics_port: metricsPort })}\n`;
    if (line === said || isStopping) return;
    said = line;
    process.stdout.write(line);
  };
  const stop = async (code: number) => {
    if (isStopping) return;
    isStopping = true;
    await Promise.all(slots.map((slot) => slot.stop()));
    process.exit(code);
  };
  for (let index = 0; index < config.listen.workers; index += 1) {
    slots.push(
      new WorkerSlot({
        program,
        arguments: [...(file === undefined ? [] : ['--config', file]), '--worker', String(index)],
        logger,
        onChange: announce,
        onFailedStart: () => {
          process.stderr.write('sidecar: a worker could not start\n');
          void stop(1);
        },
      }),
    );
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(0));
  try {
    metricsPort = await startMetricsListener(config.telemetry, slots);
  } catch (error) {
    process.stderr.write(`sidecar: metrics cannot be served: ${(error as Error).message}\n`);
    await stop(1);
  }
  announce();
}

function readConfig(): { config: MiroirConfig; file: string | undefined } {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } } });
    const file = values.config;
    const config = loadConfig({ ...(file !== undefined && { file }), env: process.env });
    return { config, file };
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof TypeError)) throw error;
    process.stderr.write(`sidecar: ${error.message}\n`);
    process.exit(1);
  }
}

/**
 * Whoever can open the sockets can pose as Envoy: the folder is for this user alone. One that belongs to
 * another user, such as a volume of a pod, is taken as it is; the sockets in it are still ours alone.
 */
function prepareSocketDir(socketDir: string): void {
  try {
    // Not recursive: under /proc, Node 20 would try for ever.
    if (!existsSync(socketDir)) mkdirSync(socketDir, { mode: 0o700 });
    if (statSync(socketDir).uid === process.getuid?.()) chmodSync(socketDir, 0o700);
  } catch (error) {
    process.stderr.write(`sidecar: listen.socket_dir: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
