/**
 * A batch as Meilisearch's GET /batches/:uid shows it. What a node tells of its own work inside a batch
 * (progressTrace and the like) is not kept. Pure.
 */
import type { JsonObject, State, TaskRecord } from '../state/index.ts';
import { firstName } from './names.ts';
import { detailsOf } from './render.ts';
import { durationBetween, extremeTime } from './time.ts';

/** Details whose numbers add up. */
const SUMS = new Set([
  'receivedDocuments',
  'indexedDocuments',
  'editedDocuments',
  'providedIds',
  'deletedDocuments',
  'matchedTasks',
  'canceledTasks',
  'deletedTasks',
]);
const STRATEGY = 'batched all enqueued tasks';

/** JSON text of a batch; `tasks` in the order of their uids, at least one. */
export function renderBatch(state: State, uid: number, tasks: readonly TaskRecord[]): string {
  const isOpen = tasks.some((task) => task.status === 'processing');
  const startedAt = extremeTime(
    tasks.map((task) => task.startedAt),
    (a, b) => a < b,
  );
  const finishedAt = isOpen
    ? null
    : extremeTime(
        tasks.map((task) => task.finishedAt),
        (a, b) => a > b,
      );
  const details = foldDetails(
    tasks.map((task) => detailsOf(state, task, firstName) as JsonObject | null),
  );
  return JSON.stringify({
    uid,
    progress: isOpen ? { steps: [], percentage: 0 } : null,
    details: isOpen ? details : withoutNulls(details),
    stats: {
      totalNbTasks: tasks.length,
      status: count(tasks.map((task) => task.status)),
      types: count(tasks.map((task) => task.type)),
      indexUids: count(
        tasks.flatMap((task) => (task.group === null ? [] : [firstName(state, task.group)])),
      ),
    },
    duration: durationBetween(startedAt, finishedAt),
    startedAt,
    finishedAt,
    batchStrategy: STRATEGY,
  });
}

/** One object of the details of all: counts add up, filters are joined, settings merge, else the first wins. */
export function foldDetails(all: readonly (JsonObject | null)[]): JsonObject {
  const folded: Record<string, unknown> = {};
  for (const details of all) {
    for (const [name, value] of Object.entries(details ?? {})) {
      folded[name] = name in folded ? join(name, folded[name], value) : value;
    }
  }
  return folded;
}

/** A node writes the details of a finished batch down without what is null. */
function withoutNulls(details: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== null));
}

function join(name: string, left: unknown, right: unknown): unknown {
  if (left === null || left === undefined) return right;
  if (right === null || right === undefined) return left;
  if (SUMS.has(name)) return Number(left) + Number(right);
  if (name === 'originalFilter') return `${left}&${right}`;
  return FIRST_WINS.has(name) ? left : right;
}

const FIRST_WINS = new Set(['primaryKey', 'dumpUid', 'context', 'function', 'message']);

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
