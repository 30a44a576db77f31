/** Spreads seeds over processes and gathers what they found. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildRoot } from '../kit/paths.ts';
import { Coverage } from './coverage.ts';
import type { JobOrder, JobWord } from './job/main.ts';

/** A seed that broke a rule. */
export interface FailedSeed {
  readonly seed: number;
  readonly rule: string;
  readonly words: string;
}

/** What all seeds together came to. */
export interface JobsResult {
  readonly count: number;
  readonly failures: readonly FailedSeed[];
  readonly coverage: Coverage;
  readonly seconds: number;
  /** What a job wrote to its standard error, if it could not run. */
  readonly errors: string;
}

/** Seeds, and how they are played. */
export interface JobsOrder extends Omit<JobOrder, 'stride'> {
  readonly jobCount: number;
}

/** Plays seeds `from` to `from + count`, alternately in each job; all end with the first failure unless told. */
export async function runJobs(order: JobsOrder): Promise<JobsResult> {
  const startedMs = performance.now();
  const coverage = new Coverage();
  const failures: FailedSeed[] = [];
  const children: ChildProcess[] = [];
  let count = 0;
  let errors = '';
  const { jobCount } = order;
  await Promise.all(
    Array.from({ length: jobCount }, async (_, place) => {
      const own: JobOrder = {
        ...order,
        from: order.from + place,
        stride: jobCount,
        count: Math.ceil((order.count - place) / jobCount),
      };
      const program = join(buildRoot, 'test', 'sim', 'job', 'main.js');
      const child = spawn(process.execPath, [program, JSON.stringify(own)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      child.stderr.on('data', (chunk: Buffer) => {
        if (errors.length < 10_000) errors += chunk.toString();
      });
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
      for await (const line of createInterface({ input: child.stdout })) {
        const word = JSON.parse(line) as JobWord;
        if (word.kind === 'done') {
          count += word.count;
          coverage.add(word.coverage);
          continue;
        }
        failures.push({ seed: word.seed, rule: word.rule, words: word.words });
        if (!order.keepsGoing) for (const other of children) if (other !== child) other.kill();
      }
      await ended;
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  return { count, failures, coverage, seconds, errors };
}
