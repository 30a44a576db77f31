/**
 * Writes Envoy's configuration to a file, where Envoy is started by somebody else (compose, Kubernetes):
 * `node dist/envoy/start/write-bootstrap.js [--config FILE] --out FILE`. The options come from the file
 * and the MIROIR_* variables, the same that the sidecar is given.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { ConfigError, loadConfig } from '../../core/config/index.ts';
import { bootstrap } from '../bootstrap.ts';
import { oneLine } from './error.ts';

const program = new Command('write-bootstrap')
  .description("Writes Envoy's configuration")
  .option('--config <file>', 'YAML configuration')
  .requiredOption('--out <file>', 'file to write')
  .parse();
const { config: file, out } = program.opts<{ config?: string; out: string }>();
try {
  const config = loadConfig({ env: process.env, ...(file !== undefined && { file }) });
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, JSON.stringify(bootstrap(config)));
  // The same user runs Envoy; the file holds no secret.
  chmodSync(out, 0o644);
} catch (error) {
  const isExpected = error instanceof ConfigError || (error as NodeJS.ErrnoException).code;
  console.error(`write-bootstrap: ${isExpected ? oneLine(error) : String((error as Error).stack)}`);
  process.exitCode = 1;
}
