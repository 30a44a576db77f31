#!/usr/bin/env node
/**
 * The sidecar: `node dist/sidecar/main.js --config FILE`. Forks `listen.workers` workers, prints one
 * line of JSON on stdout when all of them are ready, logs to stderr, ends cleanly on SIGTERM and SIGINT.
 */
import { fileURLToPath } from 'node:url';
import { runSupervisor } from './process/run-supervisor.ts';

await runSupervisor(fileURLToPath(new URL('./worker.js', import.meta.url)));
