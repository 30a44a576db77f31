/**
 * Faults on demand. Set by the test inside the same process, or over `POST /_engine/switches` with
 * the same members as JSON; members that are not given stay as they are.
 */

/** What the stand-in does wrong at the moment. */
export interface Switches {
  /** Added before every answer. */
  latencyMs: number;
  /** Requests whose path begins with one of these are answered with `errorStatus`; empty: none. */
  errorPaths: string[];
  errorStatus: number;
  /** Connections are cut as soon as a request comes. */
  isRefusing: boolean;
  /** Requests are taken and never answered. */
  isSilent: boolean;
  /** Answers are cut in their middle. */
  isCutting: boolean;
  /** Write requests are done, but their answer is lost. */
  isLosingAnswers: boolean;
  /** The task queue stands still. */
  isPaused: boolean;
  /** How long every batch takes at least. */
  batchDelayMs: number;
}

/** Everything works. */
export function noFaults(): Switches {
  return {
    latencyMs: 0,
    errorPaths: [],
    errorStatus: 503,
    isRefusing: false,
    isSilent: false,
    isCutting: false,
    isLosingAnswers: false,
    isPaused: false,
    batchDelayMs: 0,
  };
}

/** Takes over known members of the right type. Throws on any other. */
export function setSwitches(switches: Switches, change: unknown): void {
  if (typeof change !== 'object' || change === null) throw new Error('switches are an object');
  const known = switches as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(change)) {
    const before = known[name];
    if (before === undefined || typeof before !== typeof value) {
      throw new Error(`no switch ${name} of type ${typeof value}`);
    }
    if (Array.isArray(before) !== Array.isArray(value)) throw new Error(`${name} is a list`);
    known[name] = value;
  }
}
