/**
 * Makes an index on a node what the catalog says, for a node that was away or lost its data: all settings,
 * or the whole index anew. No copy of the index on that node counts meanwhile, so nobody else is disturbed.
 * Also lists and removes indexes that a node brought back from an older copy of its data.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { replacingChange, type Settings, toNodeSettings } from '../../core/settings/index.ts';
import type { RecoveryEffect } from '../state/index.ts';
import type { ControlCall, ControlNode } from './node.ts';
import type { RawTask } from './task-list.ts';

const POLL_MS = 50;
/** Longest wait for one task of a node: deleting a large index takes a while. */
const TASK_LIMIT_MS = 240_000;
const PAGE = 1_000;
const INDEXES_MAX = 100_000;

/** What mending came to. */
export interface Mended {
  readonly isDone: boolean;
  /** Why not. */
  readonly reason: string;
  /** The last task the node took for it. */
  readonly lastTask: Pick<RawTask, 'uid' | 'enqueuedAt'> | null;
}

const DONE: Mended = { isDone: true, reason: '', lastTask: null };

/** Applies all settings, or deletes the index and makes it anew. */
export async function mendIndex(
  node: ControlNode,
  wanted: Extract<RecoveryEffect, { kind: 'mendIndex' }>,
  signal: AbortSignal,
): Promise<Mended> {
  const path = `/indexes/${encodeURIComponent(wanted.indexUid)}`;
  const owners = { hasSeveralOwners: wanted.hasSeveralOwners };
  const settings = toNodeSettings(wanted.settings, owners);
  if (wanted.need === 'settings') {
    const current = await node.read<Settings>(`${path}/settings`, signal);
    if (current === undefined) return failed('its settings cannot be read');
    return await run(node, patch(path, replacingChange(settings, current)), signal);
  }
  const { indexUid: uid, primaryKey } = wanted;
  const body = JSON.stringify(primaryKey === null ? { uid } : { uid, primaryKey });
  const calls: readonly ControlCall[] = [
    { method: 'DELETE', path },
    { method: 'POST', path: '/indexes', body },
    patch(path, settings),
  ];
  let mended = DONE;
  for (const call of calls) {
    mended = await run(node, call, signal, ['index_not_found']);
    if (!mended.isDone) break;
  }
  return mended;
}

/** Uids of the indexes on a node; undefined if it did not answer. */
export async function listIndexes(
  node: ControlNode,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const found: string[] = [];
  for (let offset = 0; offset < INDEXES_MAX; offset += PAGE) {
    const path = `/indexes?limit=${PAGE}&offset=${offset}`;
    const page = await node.read<{ results: readonly { uid: string }[] }>(path, signal);
    if (page === undefined) return undefined;
    found.push(...page.results.map(({ uid }) => uid));
    if (page.results.length < PAGE) break;
  }
  return found;
}

/** Removes an index from a node. One that is not there is as good as removed. */
export function removeIndex(node: ControlNode, uid: string, signal: AbortSignal): Promise<Mended> {
  const call = { method: 'DELETE', path: `/indexes/${encodeURIComponent(uid)}` } as const;
  return run(node, call, signal, ['index_not_found']);
}

function patch(path: string, settings: Settings): ControlCall {
  return { method: 'PATCH', path: `${path}/settings`, body: JSON.stringify(settings) };
}

async function run(
  node: ControlNode,
  call: ControlCall,
  signal: AbortSignal,
  tolerates: readonly string[] = [],
): Promise<Mended> {
  const answer = await node.call({ ...call, signal });
  if (answer.kind !== 'answer') return failed(answer.reason);
  if (answer.status !== 202) return failed(`${call.method} ${call.path}: ${answer.status}`);
  const { taskUid } = JSON.parse(answer.text) as { taskUid: number };
  for (let waitedMs = 0; waitedMs < TASK_LIMIT_MS && !signal.aborted; waitedMs += POLL_MS) {
    const task = await node.read<RawTask>(`/tasks/${taskUid}`, signal);
    const done = { ...DONE, lastTask: task ?? null };
    if (task?.status === 'succeeded') return done;
    if (task?.status === 'failed') {
      const code = task.error?.code ?? '';
      return tolerates.includes(code) ? done : failed(task.error?.message ?? 'it failed');
    }
    if (task?.status === 'canceled') return failed('its task was cancelled');
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
  return failed('its task does not end');
}

function failed(reason: string): Mended {
  return { isDone: false, reason, lastTask: null };
}
