/** Cycles of load and one fault of control each; what is left is judged as in every other chaos run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { History } from '../history.ts';
import { readTasks } from '../judge.ts';
import { startLoad } from '../load.ts';
import { Model } from '../model.ts';
import { Rng } from '../rng.ts';
import { judge, prepare } from '../run.ts';
import {
  type Change,
  CONTROL_FAULTS,
  type ControlFault,
  changeBy,
  runControlFault,
} from './faults.ts';
import type { ControlWorld } from './world.ts';

const STEADY_MS = 1_500;
const LEADER_LIMIT_MS = 30_000;
/** After a fault has ended. */
const ACK_LIMIT_MS = 30_000;
const LOOK_MS = 20;

/** What one cycle came to. */
export interface ControlCycle {
  readonly cycle: number;
  readonly fault: ControlFault;
  readonly change: Change;
  /** Whether another replica leads than before. */
  readonly hasMoved: boolean;
  /** Longest time without an acknowledged write from the fault on. */
  readonly gapMs: number;
  readonly writeCount: number;
  readonly acknowledgedCount: number;
  readonly readCount: number;
  readonly drainMs: number;
  readonly totalMs: number;
  /** Empty if everything held. */
  readonly violations: readonly string[];
}

/** A plan of cycles. */
export interface ControlPlan {
  readonly seed: number;
  readonly cycles: number;
  /** No cycle begins later. */
  readonly limitMs: number;
  readonly factor: number;
  readonly expiryMs: number;
  /** Those to draw from; all unless named. */
  readonly faults?: readonly ControlFault[];
  readonly onCycle: (cycle: ControlCycle) => void;
}

/** Runs the cycles; ends at the first violation, for what comes after one proves nothing. */
export async function runControlCycles(
  world: ControlWorld,
  plan: ControlPlan,
): Promise<readonly ControlCycle[]> {
  await prepare(world);
  const model = new Model();
  const rng = new Rng(plan.seed);
  const results: ControlCycle[] = [];
  const startedAtMs = performance.now();
  let nextUid = (await readTasks(world, 0)).length;
  let left: ControlFault[] = [];
  for (let cycle = 0; cycle < plan.cycles; cycle += 1) {
    if (performance.now() - startedAtMs > plan.limitMs) break;
    // Each kind once before any comes again.
    if (left.length === 0) left = rng.some(plan.faults ?? CONTROL_FAULTS, CONTROL_FAULTS.length);
    const fault = left.pop();
    if (fault === undefined) break;
    const { result, taskCount } = await runCycle(world, model, {
      ...plan,
      cycle,
      fault,
      rng,
      nextUid,
    });
    nextUid += taskCount;
    results.push(result);
    plan.onCycle(result);
    if (result.violations.length > 0) break;
  }
  return results;
}

async function runCycle(
  world: ControlWorld,
  model: Model,
  plan: ControlPlan & {
    readonly cycle: number;
    readonly fault: ControlFault;
    readonly rng: Rng;
    readonly nextUid: number;
  },
): Promise<{ readonly result: ControlCycle; readonly taskCount: number }> {
  const startedAtMs = performance.now();
  const { cycle, fault, expiryMs, rng } = plan;
  const history = new History();
  const violations: string[] = [];
  const load = startLoad(world, history, plan);
  await sleep(STEADY_MS);
  const leader = await world.leader(LEADER_LIMIT_MS);
  if (leader === undefined) throw new Error('no replica leads');
  const followers = world.replicas.filter((replica) => replica !== leader);
  const faultAtMs = performance.now();
  await runControlFault(fault, {
    ...{ world, leader, followers, expiryMs },
    follower: followers.length === 0 ? leader : rng.pick(followers),
  });
  await world.heal();
  const isBack = await acknowledgedAfter(history, performance.now());
  if (!isBack) violations.push(`no write was acknowledged within ${ACK_LIMIT_MS} ms after it`);
  await sleep(STEADY_MS);
  const endMs = performance.now();
  const last = await world.leader(LEADER_LIMIT_MS);
  await load.stop();
  const judged = await judge(world, model, { ...plan, history });
  if (history.failedReads > 0) violations.push(`${history.failedReads} reads failed`);
  const writes = [...history.writes.values()];
  const result: ControlCycle = {
    ...{ cycle, fault },
    change: changeBy(fault),
    hasMoved: last !== leader,
    gapMs: longestGapMs(history, faultAtMs, endMs),
    writeCount: writes.length,
    acknowledgedCount: writes.filter((event) => event.taskUid !== undefined).length,
    readCount: history.reads.length + history.searchCount,
    drainMs: judged.drainMs,
    totalMs: performance.now() - startedAtMs,
    violations: [...violations, ...judged.violations],
  };
  return { result, taskCount: judged.taskCount };
}

/** Waits until a write that began after a moment was acknowledged. */
async function acknowledgedAfter(history: History, momentMs: number): Promise<boolean> {
  const giveUpAtMs = momentMs + ACK_LIMIT_MS;
  while (performance.now() < giveUpAtMs) {
    for (const { taskUid, begunAtMs } of history.writes.values()) {
      if (taskUid !== undefined && begunAtMs > momentMs) return true;
    }
    await sleep(LOOK_MS);
  }
  return false;
}

function longestGapMs(history: History, fromMs: number, toMs: number): number {
  const times = [...history.writes.values()]
    .flatMap(({ taskUid, answeredAtMs }) => (taskUid === undefined ? [] : (answeredAtMs ?? [])))
    .filter((atMs) => atMs > fromMs && atMs < toMs)
    .sort((one, other) => one - other);
  let longestMs = 0;
  let beforeMs = fromMs;
  for (const atMs of [...times, toMs]) {
    longestMs = Math.max(longestMs, atMs - beforeMs);
    beforeMs = atMs;
  }
  return longestMs;
}
