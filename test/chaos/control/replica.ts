/** A replica of control under test: its process, and the links that lead to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from '../../../envoy/start/part.ts';
import type { Place } from './network.ts';

const LOOK_MS = 10;

/** One replica. */
export interface Replica extends Place {
  readonly part: Part;
}

/** Sends a signal to a part; one that has just ended is no error. */
export function signal(part: Part, name: NodeJS.Signals): void {
  const pid = part.pid();
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // it has just ended
  }
}

/** Ends a part by a signal; resolves when it is gone. */
export async function end(part: Part, name: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  signal(part, name);
  while (part.pid() !== undefined) await sleep(LOOK_MS);
}

/** Starts it if it does not run. */
export async function revive(part: Part): Promise<void> {
  if (part.pid() === undefined) await part.start();
}
