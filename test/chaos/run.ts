/** One run: cycles of load and faults, each healed, drained and judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { drain } from './drain.ts';
import type { JudgedGateway } from './gateway.ts';
import { History } from './history.ts';
import { judgeCopies, judgeReads, judgeWrites, readTasks, replay } from './judge.ts';
import { type Load, startLoad } from './load.ts';
import { Model } from './model.ts';
import { drawFaults, type Fault, heal, runFaults } from './nemesis.ts';
import { INDEXES } from './operation.ts';
import { Rng } from './rng.ts';
import type { World } from './world.ts';

const LOAD_MS = 5_000;
const DRAIN_LIMIT_MS = 90_000;
const TASK_LIMIT_MS = 60_000;

/** What one cycle came to. */
export interface CycleResult {
  readonly cycle: number;
  readonly faults: readonly Fault[];
  readonly writeCount: number;
  readonly acknowledgedCount: number;
  readonly degradedCount: number;
  readonly readCount: number;
  readonly failedReadCount: number;
  readonly documentCount: number;
  readonly drainMs: number;
  readonly totalMs: number;
  /** Empty if everything held. */
  readonly violations: readonly string[];
}

/** A plan of cycles. */
export interface RunPlan {
  readonly seed: number;
  readonly cycles: number;
  /** No cycle begins later. */
  readonly limitMs: number;
  /** Copies of each document over all groups. */
  readonly factor: number;
  readonly groups: number;
  readonly onCycle: (result: CycleResult) => void;
}

/** Runs the cycles; ends at the first violation, for what comes after one proves nothing. */
export async function runCycles(world: World, plan: RunPlan): Promise<readonly CycleResult[]> {
  await prepare(world);
  const model = new Model();
  const rng = new Rng(plan.seed);
  const results: CycleResult[] = [];
  const startedAtMs = performance.now();
  let nextUid = (await readTasks(world, 0)).length;
  for (let cycle = 0; cycle < plan.cycles; cycle += 1) {
    if (performance.now() - startedAtMs > plan.limitMs) break;
    const { result, taskCount } = await runCycle(world, model, { ...plan, cycle, rng, nextUid });
    nextUid += taskCount;
    results.push(result);
    plan.onCycle(result);
    if (result.violations.length > 0) break;
  }
  return results;
}

async function runCycle(
  world: World,
  model: Model,
  plan: RunPlan & { readonly cycle: number; readonly rng: Rng; readonly nextUid: number },
): Promise<{ readonly result: CycleResult; readonly taskCount: number }> {
  const startedAtMs = performance.now();
  const history = new History();
  const faults = drawFaults(plan.rng, LOAD_MS, plan.factor * plan.groups);
  const load: Load = startLoad(world, history, plan);
  await Promise.all([sleep(LOAD_MS), runFaults(world, faults)]);
  await heal(world);
  await load.stop();
  const { violations, documentCount, taskCount, drainMs } = await judge(world, model, {
    ...plan,
    history,
  });
  const writes = [...history.writes.values()];
  const result: CycleResult = {
    cycle: plan.cycle,
    faults,
    writeCount: writes.length,
    acknowledgedCount: writes.filter((event) => event.taskUid !== undefined).length,
    degradedCount: writes.filter((event) => event.isDegraded).length,
    readCount: history.reads.length + history.searchCount,
    failedReadCount: history.failedReads,
    documentCount,
    drainMs,
    totalMs: performance.now() - startedAtMs,
    violations,
  };
  return { result, taskCount };
}

/** What is left of a cycle whose load has ended. */
export async function judge(
  world: JudgedGateway,
  model: Model,
  plan: { readonly history: History; readonly nextUid: number; readonly factor: number },
): Promise<{
  readonly violations: readonly string[];
  readonly documentCount: number;
  readonly taskCount: number;
  readonly drainMs: number;
}> {
  const { history } = plan;
  const { tookMs, left } = await drain(world, DRAIN_LIMIT_MS);
  const violations: string[] = left === '' ? [] : [`not drained: ${left}`];
  const tasks = await readTasks(world, plan.nextUid).catch((error: unknown) => {
    violations.push(String(error));
    return [];
  });
  violations.push(
    ...replay(history, model, tasks),
    ...judgeWrites(history),
    ...judgeReads(history),
  );
  const { faults: differences, documentCount } = await judgeCopies(world, model, plan.factor).catch(
    (error: unknown) => ({ faults: [`copies cannot be read: ${error}`], documentCount: 0 }),
  );
  violations.push(...differences);
  return { violations, documentCount, taskCount: tasks.length, drainMs: tookMs };
}

/** Indexes with the settings that filters need, and the switch that edits need. */
export async function prepare(world: JudgedGateway): Promise<void> {
  await world.call('PATCH', '/experimental-features', { editDocumentsByFunction: true });
  for (const index of INDEXES) {
    const path = `/indexes/${index}/settings`;
    const answer = await world.call('PATCH', path, { filterableAttributes: ['color'] });
    if (answer.status !== 202) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  }
  const { left } = await drain(world, TASK_LIMIT_MS);
  if (left !== '') throw new Error(`the indexes are not made: ${left}`);
}
