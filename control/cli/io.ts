/**
 * The world around the program: streams, environment, clock, a person to ask. A parameter everywhere, so
 * that tests hand in another one.
 */
import { homedir } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { setTimeout as pause } from 'node:timers/promises';

const TERMINAL_COLUMNS = 80;

/** A stream to write to. */
export interface Output {
  readonly isTty: boolean;
  /** Width of a terminal. */
  readonly columns: number;
  write(text: string): void;
}

/** What commands may touch. */
export interface Io {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Progress, questions, errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Whether somebody can be asked. */
  readonly canAsk: boolean;
  /** Shows a question on stderr and gives the line typed; empty if the input ends or Ctrl-C is hit. */
  ask(question: string): Promise<string>;
  /** Time of day, ms since 1970. */
  wallMs(): number;
  /** A clock that never goes back. */
  steadyMs(): number;
  /** Ends early, without an error, when `signal` is aborted. */
  sleep(ms: number): Promise<void>;
  /** Aborted at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** The real one. `signal` is aborted when the program is to end. */
export function processIo(signal: AbortSignal): Io {
  const output = (stream: NodeJS.WriteStream): Output => ({
    isTty: stream.isTTY === true,
    columns: stream.columns ?? TERMINAL_COLUMNS,
    write: (text) => void stream.write(text),
  });
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    canAsk: process.stdin.isTTY === true && process.stderr.isTTY === true,
    ask: (question) => askOnTerminal(question, signal),
    wallMs: () => Date.now(),
    steadyMs: () => performance.now(),
    sleep: (ms) => pause(ms, undefined, { signal }).catch(() => {}),
    signal,
  };
}

async function askOnTerminal(question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal });
  } catch {
    return '';
  } finally {
    lines.close();
  }
}
