/** Waits until nothing is on its way any more: no task is open and every copy is in sync. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JudgedGateway } from './gateway.ts';

const PAUSE_MS = 100;
/** Control looks at an idle node once a second: what it has not seen yet is not settled. */
const STEADY_MS = 2_000;

/** What has to settle: tasks and copies, or copies alone while others go on writing. */
type Drained = 'all' | 'copies';

/** What is still open, in words; empty when all is settled. */
export async function unsettled(world: JudgedGateway, what: Drained = 'all'): Promise<string> {
  const tasks = what === 'all' ? await openTasks(world) : '';
  if (tasks !== '') return tasks;
  const topology = await world.operate('/_miroir/topology');
  if (topology.status !== 200) return `topology: ${topology.status}`;
  if (topology.body.following_control !== true) return 'a worker that does not follow control';
  const lagging = copiesNotInSync(topology.body);
  return lagging.length === 0 ? '' : `copies: ${lagging.join(', ')}`;
}

async function openTasks(world: JudgedGateway): Promise<string> {
  const open = await world.call('GET', '/tasks?statuses=enqueued,processing&limit=5');
  if (open.status !== 200) return `GET /tasks: ${open.status} ${open.text.slice(0, 200)}`;
  if (open.body.total > 0) {
    const uids = (open.body.results as { uid: number; type: string }[]).map(
      ({ uid, type }) => `${uid} ${type}`,
    );
    return `${open.body.total} open tasks: ${uids.join(', ')}`;
  }
  return '';
}

/** Waits; resolves with how long it took, in milliseconds, or with what is still open after the limit. */
export async function drain(
  world: JudgedGateway,
  limitMs: number,
  what: Drained = 'all',
): Promise<{ readonly tookMs: number; readonly left: string }> {
  const startedAtMs = performance.now();
  let left = 'nothing was asked';
  let settledAtMs = startedAtMs;
  while (performance.now() - startedAtMs < limitMs) {
    left = await unsettled(world, what).catch((error: unknown) => String(error));
    const nowMs = performance.now();
    if (left !== '') settledAtMs = nowMs;
    else if (nowMs - settledAtMs >= STEADY_MS) break;
    await sleep(PAUSE_MS);
  }
  return { tookMs: settledAtMs - startedAtMs, left };
}

/** From `copies: {node: {state: count}}` of each index. */
function copiesNotInSync(topology: unknown): string[] {
  const { indexes = [] } = topology as {
    indexes?: { uid: string; copies?: Record<string, Record<string, number>> }[];
  };
  return indexes.flatMap(({ uid, copies = {} }) =>
    Object.entries(copies).flatMap(([node, states]) =>
      Object.entries(states)
        .filter(([state, count]) => state !== 'in-sync' && count > 0)
        .map(([state, count]) => `${uid} on ${node}: ${count} ${state}`),
    ),
  );
}
