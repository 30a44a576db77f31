/**
 * GET /tasks: filters, page and totals over the summaries of all tasks. As on a node, `total` counts what
 * the filters leave and knows nothing of `from`, of `limit` and of what the caller's key may see; a page is
 * cut first, and then loses what may not be seen, so that it may be short and seem the last. Pure.
 */
import type { State, TaskSummary } from '../state/index.ts';
import { groupName } from './names.ts';

/** What is asked for; empty lists do not filter. Times in milliseconds, compared strictly. */
export interface TaskQuery {
  readonly limit: number;
  readonly from: number | undefined;
  readonly isReverse: boolean;
  readonly uids: readonly number[];
  readonly batchUids: readonly number[];
  readonly canceledBy: readonly number[];
  readonly types: readonly string[];
  readonly statuses: readonly string[];
  readonly indexUids: readonly string[];
  readonly beforeEnqueuedMs: number | undefined;
  readonly afterEnqueuedMs: number | undefined;
  readonly beforeStartedMs: number | undefined;
  readonly afterStartedMs: number | undefined;
  readonly beforeFinishedMs: number | undefined;
  readonly afterFinishedMs: number | undefined;
  /** Patterns of the caller's key; empty for all. */
  readonly allowedIndexes: readonly string[];
}

/** One page. */
export interface TaskPage {
  readonly uids: readonly number[];
  readonly total: number;
  readonly from: number | null;
  readonly next: number | null;
}

/** Finds the page. */
export function listTasks(state: State, query: TaskQuery): TaskPage {
  const matches = matcher(state, query);
  const isShown = visibility(state, query);
  const page: number[] = [];
  let total = 0;
  let cutCount = 0;
  for (const summary of inOrder(state.summaries, query)) {
    if (summary === undefined || summary.isDeleted || !matches(summary)) continue;
    total += 1;
    // One more than the page holds tells whether another follows.
    if (!isFrom(summary.uid, query) || cutCount > query.limit) continue;
    cutCount += 1;
    if (isShown(summary)) page.push(summary.uid);
  }
  const next = page.length > query.limit ? (page.pop() ?? null) : null;
  return { uids: page, total, from: page[0] ?? null, next };
}

/** What may stand on a page: under names or a restricted key, only tasks of one index that is allowed. */
function visibility(state: State, query: TaskQuery): (summary: TaskSummary) => boolean {
  const { indexUids, allowedIndexes } = query;
  if (allowedIndexes.length === 0) {
    return (summary) => summary.group !== null || indexUids.length === 0;
  }
  const allowed = groupsOf(state, (name) => isAllowed(name, allowedIndexes));
  return (summary) => summary.group !== null && allowed.has(summary.group);
}

/** Whether a key with these patterns may see a task of this index. */
export function isAllowed(name: string | null, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  if (name === null) return false;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
}

function* inOrder(
  summaries: readonly TaskSummary[],
  query: TaskQuery,
): Generator<TaskSummary | undefined> {
  if (query.uids.length > 0) {
    const wanted = [...new Set(query.uids)].sort((a, b) => (query.isReverse ? a - b : b - a));
    for (const uid of wanted) yield summaries[uid];
    return;
  }
  const { length } = summaries;
  for (let at = 0; at < length; at += 1) yield summaries[query.isReverse ? at : length - 1 - at];
}

function isFrom(uid: number, query: TaskQuery): boolean {
  if (query.from === undefined) return true;
  return query.isReverse ? uid >= query.from : uid <= query.from;
}

function matcher(state: State, query: TaskQuery): (summary: TaskSummary) => boolean {
  const types = new Set(query.types);
  const statuses = new Set(query.statuses);
  const batches = new Set(query.batchUids);
  const cancelers = new Set(query.canceledBy);
  const { indexUids } = query;
  const wanted =
    indexUids.length === 0 ? undefined : groupsOf(state, (name) => indexUids.includes(name));
  return (summary) =>
    (types.size === 0 || types.has(summary.type)) &&
    (statuses.size === 0 || statuses.has(summary.status)) &&
    (batches.size === 0 || (summary.batchUid !== null && batches.has(summary.batchUid))) &&
    (cancelers.size === 0 || (summary.canceledBy !== null && cancelers.has(summary.canceledBy))) &&
    (wanted === undefined || isListedUnder(summary, wanted)) &&
    isBetween(summary.enqueuedMs, query.afterEnqueuedMs, query.beforeEnqueuedMs) &&
    isBetween(summary.startedMs, query.afterStartedMs, query.beforeStartedMs) &&
    isBetween(summary.finishedMs, query.afterFinishedMs, query.beforeFinishedMs);
}

function groupsOf(state: State, isWanted: (name: string) => boolean): Set<number> {
  return new Set(
    state.groups.filter(({ id }) => isWanted(groupName(state, id))).map(({ id }) => id),
  );
}

function isListedUnder(summary: TaskSummary, groups: ReadonlySet<number>): boolean {
  if (summary.group !== null && groups.has(summary.group)) return true;
  return summary.otherGroups.some((group) => groups.has(group));
}

/** Comparisons with NaN (no such time yet) are false, as on a node. */
function isBetween(value: number, after: number | undefined, before: number | undefined): boolean {
  return (after === undefined || value > after) && (before === undefined || value < before);
}
