/**
 * Named places at which a test of real processes may kill or stop the process that gets there. The
 * program that wants them arms them at its start (`armFailpoints`); until then a failpoint is one
 * comparison. Only an environment with NODE_ENV=test can arm them.
 *
 * MIROIR_FAILPOINTS is a list `name=action[@hit]`, separated by commas, or `@` and the path of a file with
 * such a list. `hit` counts from 1 within a process, default 1; each entry acts once. Actions:
 *   exit        SIGKILL: no handler runs, nothing is flushed
 *   pause:500   the whole process stands still for so many milliseconds, at most 60,000
 * A file is looked at again every 50 ms, so that a running process can be armed; it is emptied before the
 * process dies, so that the one that follows lives on.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Every failpoint there is. */
export const FAILPOINTS = [
  // The body is spooled and split; control has not heard of it.
  'sidecar.before-begin',
  // Control answered; nothing was sent.
  'sidecar.after-begin',
  // Requests are out to the nodes of the write, and their answers are not taken in yet.
  'sidecar.after-all-sends',
  // A node answered; others of the write may still be at it.
  'sidecar.after-first-send',
  // Every node answered or was cut off; control has not heard of it.
  'sidecar.before-report',
  // Control said what came of the write; the client has not heard of it, unless it was answered before.
  'sidecar.after-report',
  // Of every batch that changes the state.
  'control.before-commit',
  // On disk; nothing of it was done or answered.
  'control.after-commit',
  // One page of documents was enqueued on the copy that is being filled.
  'control.after-recovery-page',
] as const;

/** One of them. */
export type FailpointName = (typeof FAILPOINTS)[number];

interface Armed {
  readonly action: 'exit' | 'pause';
  readonly pauseMs: number;
  /** Hits left until it acts. */
  left: number;
}

const REREAD_MS = 50;
const PAUSE_MS_MAX = 60_000;
const ENTRY = /^([a-z-]+\.[a-z-]+)=(?:(exit)|pause:(\d{1,5}))(?:@(\d{1,6}))?$/;

let armed: Map<FailpointName, Armed> | undefined;
let file: string | undefined;

/** To be called at the place itself. */
export function failpoint(name: FailpointName): void {
  if (armed !== undefined) act(armed, name);
}

/** The same after what this turn began to write is on its way out. */
export function failpointSoon(name: FailpointName): void {
  if (armed !== undefined) setImmediate(() => failpoint(name));
}

/**
 * Arms what the environment asks for; does nothing unless NODE_ENV is `test`. Throws an Error that names
 * the first entry it does not understand.
 */
export function armFailpoints(env: Readonly<Record<string, string | undefined>>): void {
  const text = env['MIROIR_FAILPOINTS'] ?? '';
  if (text === '' || env['NODE_ENV'] !== 'test') return;
  if (!text.startsWith('@')) {
    armed = parseFailpoints(text);
    return;
  }
  file = text.slice(1);
  let known: string | undefined;
  const reread = (): void => {
    const now = readList(file ?? '');
    if (now === known) return;
    known = now;
    armed = parseFailpoints(now);
  };
  reread();
  setInterval(reread, REREAD_MS).unref();
}

/** The entries of a list. Throws an Error for one that is none. */
export function parseFailpoints(text: string): Map<FailpointName, Armed> {
  const entries = new Map<FailpointName, Armed>();
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [, name, exit, pause, hit] = ENTRY.exec(entry) ?? [];
    const known = FAILPOINTS.find((one) => one === name);
    if (known === undefined) throw new Error(`MIROIR_FAILPOINTS: \`${entry}\` is no failpoint`);
    entries.set(known, {
      action: exit === undefined ? 'pause' : 'exit',
      pauseMs: Math.min(Number(pause ?? 0), PAUSE_MS_MAX),
      left: Math.max(1, Number(hit ?? 1)),
    });
  }
  return entries;
}

function readList(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // No file arms nothing.
    return '';
  }
}

function act(entries: Map<FailpointName, Armed>, name: FailpointName): void {
  const entry = entries.get(name);
  if (entry === undefined) return;
  entry.left -= 1;
  if (entry.left > 0) return;
  entries.delete(name);
  if (entry.action === 'pause') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, entry.pauseMs);
    return;
  }
  if (file !== undefined) writeFileSync(file, '');
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way: nothing more of this process may be seen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS_MAX);
}
