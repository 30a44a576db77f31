/**
 * One process of the cluster: started, waited for, watched, restarted, stopped.
 *
 *   idle -> starting -> running -> (ended -> waiting -> starting ...) -> stopped
 *
 * A part that ends while the cluster starts fails the start. One that ends later is started again after
 * a pause that doubles up to 30 s and begins anew once it has run for ten seconds. Parts stay in the
 * starter's process group; their output goes to a log file, stdout only up to the line that says the
 * part is ready.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Environment } from './command.ts';
import { StartError } from './error.ts';
import type { Guard } from './guard.ts';
import { lastWords, logBytes, openLog } from './logs.ts';

const PAUSE_FIRST_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
const STEADY_MS = 10_000;
const READY_LINE_MAX = 64 * 1024;

/** How one part is run. */
export interface PartSpec {
  /** For instance `control` or `node-0`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly logFile: string;
  /** Folder it runs in, so that nothing is left where the user stands. */
  readonly workingDir: string;
  /** Whether it says it is ready by a JSON line on stdout. */
  readonly hasReadyLine: boolean;
  readonly startLimitMs: number;
  readonly stopLimitMs: number;
  /** Waits until it answers, for parts without a ready line; ends early when `signal` fires. */
  readonly probe?: (signal: AbortSignal) => Promise<void>;
  /** Called before each start, for instance to remove a stale socket. */
  readonly prepare?: () => void;
}

/** What parts share. */
export interface PartHost {
  readonly guard: Guard;
  /** Says a line on stderr. */
  announce(line: string): void;
  /** Called when a restarted part is ready, and when a part says a ready line anew. */
  changed(): void;
}

/** The JSON line of a part that is ready. */
type ReadyLine = Readonly<Record<string, unknown>>;

/** A part under watch. */
export interface Part {
  readonly name: string;
  readonly logFile: string;
  /** Pid of the present process; undefined while there is none. */
  pid(): number | undefined;
  /** What its last ready line says; empty for parts without one. */
  ready(): ReadyLine;
  /** Starts it and waits until it is ready. Throws StartError if it ends or takes too long. */
  start(): Promise<void>;
  /** From now on it is restarted when it ends. */
  watch(): void;
  /** SIGTERM, then SIGKILL after its limit; `isForced` skips the first. Resolves when it is gone. */
  stop(isForced?: boolean): Promise<void>;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
  readonly startedAtMs: number;
}

/** Makes a part; nothing runs before `start`. */
export function createPart(spec: PartSpec, host: PartHost): Part {
  let running: Running | undefined;
  let readyLine: ReadyLine = {};
  let isStopping = false;
  let isWatched = false;
  let pauseMs = PAUSE_FIRST_MS;
  let pause: NodeJS.Timeout | undefined;

  const start = async (): Promise<void> => {
    const logFrom = logBytes(spec.logFile);
    spec.prepare?.();
    const { process, ready } = launch(spec, host.guard, (line) => {
      if (running !== process) return;
      readyLine = line;
      if (isWatched) host.changed();
    });
    running = process;
    void process.ended.then((how) => onEnd(process, how));
    readyLine = await waitUntilReady(spec, { process, ready, logFrom });
  };

  const onEnd = (process: Running, how: string): void => {
    if (running === process) running = undefined;
    if (isStopping || !isWatched) return;
    if (Date.now() - process.startedAtMs > STEADY_MS) pauseMs = PAUSE_FIRST_MS;
    scheduleRestart(how);
  };

  const scheduleRestart = (how: string): void => {
    const waitMs = pauseMs;
    pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
    // Said a little later: Ctrl-C ends parts and starter together, and that is no failure.
    pause = setTimeout(() => {
      if (isStopping) return;
      host.announce(`${spec.name} ${how}; starting it again (log: ${spec.logFile})`);
      isWatched = false;
      start()
        .then(() => {
          isWatched = true;
          if (running === undefined) return scheduleRestart('ended');
          host.announce(`${spec.name} is back`);
          host.changed();
        })
        .catch(async (error: unknown) => {
          if (isStopping) return;
          host.announce((error as Error).message);
          await end(running, spec.stopLimitMs, false);
          isWatched = true;
          scheduleRestart('did not come up');
        });
    }, waitMs);
  };

  return {
    name: spec.name,
    logFile: spec.logFile,
    pid: () => running?.child.pid,
    ready: () => readyLine,
    start,
    watch() {
      isWatched = true;
      if (running === undefined) scheduleRestart('ended');
    },
    async stop(isForced = false) {
      isStopping = true;
      clearTimeout(pause);
      await end(running, spec.stopLimitMs, isForced);
    },
  };
}

/** What the part said in its ready line; throws StartError if it ends before or takes too long. */
async function waitUntilReady(
  spec: PartSpec,
  begun: {
    readonly process: Running;
    readonly ready: Promise<ReadyLine>;
    readonly logFrom: number;
  },
): Promise<ReadyLine> {
  const say = (what: string): StartError => {
    const words = lastWords(spec.logFile, begun.logFrom);
    const said = words === '' ? '' : `: ${words}`;
    return new StartError(`${spec.name} ${what}${said} (log: ${spec.logFile})`);
  };
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), spec.startLimitMs);
  const ended = begun.process.ended.then((how) => {
    throw say(`${how} during start`);
  });
  const late = new Promise<never>((_, reject) => {
    limit.signal.addEventListener('abort', () => {
      reject(say(`is not ready after ${spec.startLimitMs / 1000} s`));
    });
  });
  const probed = spec.probe?.(limit.signal) ?? Promise.resolve();
  for (const loser of [ended, late, probed]) loser.catch(() => {});
  try {
    return await Promise.race([probed.then(() => begun.ready), ended, late]);
  } finally {
    clearTimeout(timer);
    limit.abort();
  }
}

async function end(
  running: Running | undefined,
  stopLimitMs: number,
  isForced: boolean,
): Promise<void> {
  if (running === undefined) return;
  running.child.kill(isForced ? 'SIGKILL' : 'SIGTERM');
  const timer = setTimeout(() => running.child.kill('SIGKILL'), stopLimitMs);
  await running.ended;
  clearTimeout(timer);
}

function launch(
  spec: PartSpec,
  guard: Guard,
  onLater: (line: ReadyLine) => void,
): { process: Running; ready: Promise<ReadyLine> } {
  const log = openLog(spec.logFile);
  const child = spawn(spec.command, spec.args, {
    stdio: ['ignore', spec.hasReadyLine ? 'pipe' : log, log],
    cwd: spec.workingDir,
    env: { ...spec.env },
  });
  if (child.pid !== undefined) guard.add(child.pid);
  const ready = spec.hasReadyLine ? readReadyLines(child, log, onLater) : Promise.resolve({});
  const ended = new Promise<string>((resolve) => {
    const done = (how: string) => {
      if (child.pid !== undefined) guard.drop(child.pid);
      closeSync(log);
      resolve(how);
    };
    child.once('error', (error) => {
      if (child.pid === undefined) done(`could not be started (${error.message})`);
    });
    child.once('close', (code, signal) => {
      if (child.pid !== undefined) done(signal === null ? `ended with ${code}` : `got ${signal}`);
    });
  });
  return { process: { child, ended, startedAtMs: Date.now() }, ready };
}

/** Takes the lines with `"ready":true`, of which the first resolves; everything else goes to the log. */
function readReadyLines(
  child: ChildProcess,
  log: number,
  onLater: (line: ReadyLine) => void,
): Promise<ReadyLine> {
  return new Promise((resolve) => {
    let text = '';
    let isReady = false;
    child.stdout?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-READY_LINE_MAX);
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const value = parseReady(line);
        if (value === undefined) writeSync(log, `${line}\n`);
        else if (isReady) onLater(value);
        else resolve(value);
        isReady ||= value !== undefined;
      }
    });
  });
}

function parseReady(line: string): ReadyLine | undefined {
  try {
    const value = JSON.parse(line) as ReadyLine;
    return value['ready'] === true ? value : undefined;
  } catch {
    return undefined;
  }
}
