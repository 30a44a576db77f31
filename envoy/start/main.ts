/**
 * `npm start`: a whole Miroir with one command. Finds the parts, starts them, waits until they answer,
 * prints how to use them, keeps them running, and leaves nothing behind when it is stopped.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../core/config/index.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { oneLine, StartError } from './error.ts';
import { parseOptions } from './options.ts';
import { readyText, runFileOf } from './report.ts';
import { removeRunFile, writeRunFile } from './run-file.ts';

const PARENT_LOOK_MS = 1000;

const startedAt = new Date();
const checkout = findCheckout(dirname(fileURLToPath(import.meta.url)));
const runFiles = [join(checkout, '.miroir', 'run.json')];
const say = (line: string) => console.log(line);
const warn = (line: string) => console.error(`miroir: ${line}`);

// A reader of our output that goes away is no reason to stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const start = startCluster({
  options: parseOptions(process.argv.slice(2)),
  env: process.env,
  defaultDataDir: join(checkout, '.miroir', 'data'),
  cacheDir: join(checkout, '.cache'),
  progress: say,
  announce: warn,
});
const asked = askedToStop();
const outcome = await Promise.race([start.done, asked]).catch((error: unknown) => error as Error);
if (outcome === 'stop') {
  start.done.catch(() => {});
  await finish(0);
} else if (outcome instanceof Error) {
  const isExpected = outcome instanceof StartError || outcome instanceof ConfigError;
  warn(isExpected ? oneLine(outcome) : `unexpected: ${outcome.stack ?? oneLine(outcome)}`);
  await finish(1);
} else {
  await serve(outcome);
}

async function serve(cluster: Cluster): Promise<void> {
  runFiles.push(join(cluster.folder.path, 'run.json'));
  const note = () => {
    const content = runFileOf(cluster, startedAt);
    for (const file of runFiles) writeRunFile(file, content);
  };
  note();
  cluster.watch(note);
  say(readyText(cluster, Date.now() - startedAt.getTime()));
  await asked;
  say('stopping');
  await finish(0);
}

async function finish(code: number): Promise<never> {
  await start.stop();
  for (const file of runFiles) removeRunFile(file);
  process.exit(code);
}

/** Resolves at the first signal; the next one kills what has not stopped by itself. */
function askedToStop(): Promise<'stop'> {
  return new Promise((resolve) => {
    let isAsked = false;
    const ask = () => {
      if (isAsked) void start.stop();
      isAsked = true;
      resolve('stop');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
    // npm does not hand a signal on to us, it only goes away with the shell between us and it.
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent && !isAsked) ask();
    }, PARENT_LOOK_MS).unref();
  });
}

function findCheckout(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json not found above the program');
  return findCheckout(parent);
}
