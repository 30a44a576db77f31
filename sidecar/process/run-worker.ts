/**
 * One worker process: the app behind its two sockets. A worker is named by its place, so a new one takes
 * over the sockets of the one that died. It ends when told to, when signalled, and when its supervisor is
 * gone; in each case what is at work is finished first, within a bound.
 */
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, type MiroirConfig } from '../../core/config/index.ts';
import { armFailpoints } from '../../core/failpoint.ts';
import { extprocSocket, httpSocket, workerCluster } from '../../core/sockets.ts';
import {
  createLogger,
  createMetrics,
  type Logger,
  type Metrics,
  metricsSnapshot,
} from '../../core/telemetry/index.ts';
import type { App, AppOptions } from '../app.ts';
import { startExtprocServer } from '../extproc/server.ts';
import { makeAccessRecorder } from '../http/access-record.ts';
import { makeAnswerer } from '../http/answer.ts';
import { LargeReplies } from '../http/large-replies.ts';
import { startHttpListener } from '../http/listener.ts';
import { LineBuffer } from './line-buffer.ts';
import type { SupervisorMessage, WorkerMessage } from './messages.ts';

const READINESS_EVERY_MS = 50;
const DRAIN_MS_MAX = 10_000;

/** Runs this process as a worker until it is told to stop. `startApp` makes what answers requests. */
export async function runWorker(startApp: (options: AppOptions) => Promise<App>): Promise<void> {
  const { config, workerIndex } = readArguments();
  // Sockets, spooled bodies and snapshots are for this user alone.
  process.umask(0o077);
  armFailpoints(process.env);
  const logger = createLogger('sidecar', config.telemetry.log_level).child({ worker: workerIndex });
  process.on('uncaughtException', (error) => die(logger, error));
  process.on('unhandledRejection', (error) => die(logger, error));
  const metrics = createMetrics({ withRuntime: true, program: 'sidecar' });
  const app = await startApp({ config, workerIndex, logger, metrics });
  metrics.followView(() => app.view());
  const stop = await serve({ config, workerIndex, logger, metrics }, app);
  let isStopping = false;
  const stopOnce = () => {
    if (isStopping) return;
    isStopping = true;
    stop().then(
      () => process.exit(0),
      (error) => die(logger, error),
    );
  };
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind === 'stop') stopOnce();
    else void sendMetrics(metrics, message.question);
  });
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, stopOnce);
  if (process.send !== undefined && !process.connected) stopOnce();
}

/** Opens both sockets; gives what closes them again, after the requests at work. */
async function serve(options: AppOptions, app: App): Promise<() => Promise<void>> {
  const { config, workerIndex, logger, metrics } = options;
  const { socket_dir: socketDir, max_body: maxBodyBytes } = config.listen;
  const socket = extprocSocket(socketDir, workerIndex);
  const largeReplies = new LargeReplies();
  const listener = await startHttpListener(httpSocket(socketDir, workerIndex), largeReplies);
  const server = await startExtprocServer(socket, {
    answer: makeAnswerer({
      handler: app.handler,
      onBug: (error, request) =>
        logger.error({ err: error, request_id: request.requestId }, 'request failed'),
    }),
    recorder: makeAccessRecorder(makeAccessLogger(config, workerIndex), metrics),
    largeReplies,
    httpCluster: workerCluster(workerIndex),
    maxBodyBytes,
    now: () => performance.now(),
    onFault: (reason, error) => logger.error({ err: error, reason }, 'ext_proc stream failed'),
  });
  tell({ kind: 'listening', socket });
  let isReady = false;
  const watch = setInterval(() => {
    if (app.isReady() === isReady) return;
    isReady = app.isReady();
    server.setServing(isReady);
    tell({ kind: 'readiness', isReady });
  }, READINESS_EVERY_MS);
  return async () => {
    clearInterval(watch);
    server.setServing(false);
    await server.close(DRAIN_MS_MAX);
    await listener.close(DRAIN_MS_MAX);
    await app.close();
  };
}

function makeAccessLogger(config: MiroirConfig, workerIndex: number): Logger {
  const stream = new LineBuffer((text) => process.stderr.write(text));
  process.on('exit', () => stream.flush());
  return createLogger('sidecar', config.telemetry.log_level, { stream }).child({
    worker: workerIndex,
  });
}

function readArguments(): { config: MiroirConfig; workerIndex: number } {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, worker: { type: 'string', default: '0' } },
  });
  try {
    const config = loadConfig({
      ...(values.config !== undefined && { file: values.config }),
      env: process.env,
    });
    return { config, workerIndex: Number(values.worker) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`sidecar: ${error.message}\n`);
    process.exit(1);
  }
}

async function sendMetrics(metrics: Metrics, question: number): Promise<void> {
  tell({ kind: 'metrics', question, snapshot: await metricsSnapshot(metrics.registry) });
}

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

/** The state is unknown: a fresh process is better than this one. */
function die(logger: Logger, error: unknown): void {
  logger.fatal({ err: error }, 'worker ends');
  process.exit(1);
}
