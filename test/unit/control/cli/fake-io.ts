/** A world for the CLI in which everything is recorded: streams, a person, a clock that only sleep moves. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io, Output } from '../../../../control/cli/io.ts';

/** What a test may set. */
export interface FakeWorld {
  readonly isTty?: boolean;
  readonly columns?: number;
  /** What the person types; nobody is there without it. */
  readonly answers?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly home?: string;
  /** With the clock of the machine, for calls that take real time. */
  readonly isRealTime?: boolean;
}

/** The world and what was written into it. */
export interface FakeIo extends Io {
  out(): string;
  err(): string;
  readonly questions: string[];
  advance(ms: number): void;
  interrupt(): void;
}

/** Makes one. */
export function fakeIo(world: FakeWorld = {}): FakeIo {
  const abort = new AbortController();
  const written = { out: '', err: '' };
  const questions: string[] = [];
  const answers = [...(world.answers ?? [])];
  let nowMs = 1_000_000;
  const output = (name: 'out' | 'err'): Output => ({
    isTty: world.isTty ?? false,
    columns: world.columns ?? 80,
    write: (text) => {
      written[name] += text;
    },
  });
  return {
    stdout: output('out'),
    stderr: output('err'),
    env: world.env ?? {},
    cwd: world.cwd ?? emptyFolder(),
    home: world.home ?? emptyFolder(),
    canAsk: world.answers !== undefined,
    ask: (question) => {
      questions.push(question);
      return Promise.resolve(answers.shift() ?? '');
    },
    wallMs: () => Date.parse('2026-11-30T12:00:00Z'),
    steadyMs: () => (world.isRealTime === true ? performance.now() : nowMs),
    sleep: (ms) => {
      nowMs += ms;
      return new Promise((resolve) => setTimeout(resolve, world.isRealTime === true ? ms : 0));
    },
    signal: abort.signal,
    out: () => written.out,
    err: () => written.err,
    questions,
    advance: (ms) => {
      nowMs += ms;
    },
    interrupt: () => abort.abort(),
  };
}

/** A folder with nothing in it. */
export function emptyFolder(): string {
  return mkdtempSync(join(tmpdir(), 'miroir-cli-'));
}
