/**
 * Plays some seeds in a process of its own, with planted bugs if there are any, and prints one line of JSON
 * per failing seed and one at the end.
 *
 *   node main.js '{"from":1,"count":1000,"stride":2,…}'
 */
import { register } from 'node:module';
import type { Patch } from '../../kit/patch-hook.ts';
import { SMALL_BOUNDS } from '../bounds.ts';

/** What is simulated: sidecars, control and recovery with model nodes, or control replicas with an engine. */
export type WorldName = 'lanes' | 'replicas';

/** What a job is to do. */
export interface JobOrder {
  readonly world: WorldName;
  readonly from: number;
  /** How many seeds, at most. */
  readonly count: number;
  /** From one seed to the next. */
  readonly stride: number;
  readonly turns: number;
  readonly limitMs: number;
  readonly patches: readonly Patch[];
  /** Go on after a seed that failed. */
  readonly keepsGoing: boolean;
}

/** What a job says. */
export type JobWord =
  | {
      readonly kind: 'failed';
      readonly seed: number;
      readonly rule: string;
      readonly words: string;
    }
  | {
      readonly kind: 'done';
      readonly count: number;
      readonly coverage: readonly (readonly [name: string, hits: number])[];
    };

const order = JSON.parse(process.argv[2] ?? '{}') as JobOrder;
register('../../kit/patch-hook.js', import.meta.url, {
  data: [...SMALL_BOUNDS, ...order.patches],
});
const { Coverage } = await import('../coverage.ts');
const runSeed =
  order.world === 'lanes'
    ? (await import('../run-seed.ts')).runSeed
    : (await import('../replication/run-seed.ts')).runReplicaSeed;

const coverage = new Coverage();
const startedMs = performance.now();
let done = 0;
for (let at = 0; at < order.count; at += 1) {
  if (performance.now() - startedMs > order.limitMs) break;
  const seed = order.from + at * order.stride;
  const { rule, words } = runSeed(seed, { coverage, turns: order.turns, isTraced: false });
  done += 1;
  if (rule === null) continue;
  say({ kind: 'failed', seed, rule, words });
  if (!order.keepsGoing) break;
}
say({ kind: 'done', count: done, coverage: [...coverage.counts] });

function say(word: JobWord): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}
