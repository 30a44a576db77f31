/**
 * The control program: `node dist/control/main.js --config FILE`. Prints one JSON line when it serves; logs
 * go to stderr; ends cleanly on SIGTERM and SIGINT; bad configuration is one line and exit code 1.
 */
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, type MiroirConfig, readSecret } from '../core/config/index.ts';
import { armFailpoints } from '../core/failpoint.ts';
import { createLogger, createMetrics, serveMetrics } from '../core/telemetry/index.ts';
import { ListenError } from './api/index.ts';
import { type Control, startControl } from './app.ts';
import { DamagedValue, UnusableStore } from './store/index.ts';
import { TopologyError } from './topology/index.ts';

const STOP_LIMIT_MS = 10_000;

/** Problems that a person must solve: shown as one line without a stack. */
const CLEAR_ERRORS = [ConfigError, ListenError, UnusableStore, DamagedValue, TopologyError];

function fail(error: unknown): never {
  const isClear = CLEAR_ERRORS.some((kind) => error instanceof kind);
  const words = error instanceof Error ? (isClear ? error.message : error.stack) : String(error);
  process.stderr.write(`control: ${words ?? ''}\n`);
  process.exit(1);
}

function readConfig(): { readonly config: MiroirConfig; readonly masterKey: string } {
  const { values } = parseArgs({ options: { config: { type: 'string' } }, strict: true });
  const config = loadConfig({
    ...(values.config === undefined ? {} : { file: values.config }),
    env: process.env,
  });
  return { config, masterKey: readSecret(config.auth, 'master_key') };
}

async function main(): Promise<void> {
  const { config, masterKey } = readConfig();
  armFailpoints(process.env);
  const logger = createLogger('control', config.telemetry.log_level, { secrets: [masterKey] });
  const broken = (error: unknown): never => {
    logger.fatal({ err: error }, 'the state on disk and in memory have come apart; ending');
    process.exit(1);
  };
  process.on('unhandledRejection', broken);
  process.on('uncaughtException', broken);
  const metrics = createMetrics({ withRuntime: true, program: 'control' });
  let control: Control | undefined;
  let isStopping = false;
  const metricsPort = await serveMetrics(config.telemetry, metrics.registry, () => {
    if (isStopping) return 'it ends';
    return control === undefined ? 'it begins' : control.unreadiness();
  }).catch((error: Error) => {
    throw new ConfigError('telemetry.metrics_port', error.message);
  });
  const started = await startControl({ config, logger, metrics, onBroken: broken });
  control = started;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    started.close().then(
      () => process.exit(0),
      (error) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const ready = { ready: true, address: started.address, metrics_port: metricsPort };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  logger.info({ address: started.address }, 'control serves');
}

main().catch(fail);
