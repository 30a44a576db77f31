/**
 * From what nodes say about their tasks to the one task a client sees: counts add up over nodes, the
 * beginning is the first one's, the end the last one's, the error the first failing node's. Pure.
 */
import { editPrefix } from '../../core/reserved/index.ts';
import { toClientDetails } from '../../core/settings/index.ts';
import type {
  Intent,
  JsonObject,
  NodeTask,
  TaskError,
  TaskRecord,
  WriteKind,
} from '../state/index.ts';
import { countOnce, type NodeCount } from './copy-counts.ts';
import { addSizes } from './sizes.ts';
import { extremeTime } from './time.ts';

/** Meilisearch's name of the task of each kind of write. */
export const TASK_TYPES: Readonly<Record<WriteKind, string>> = {
  documentsReplace: 'documentAdditionOrUpdate',
  documentsUpdate: 'documentAdditionOrUpdate',
  documentsDeleteById: 'documentDeletion',
  documentsDeleteByFilter: 'documentDeletion',
  documentsDeleteAll: 'documentDeletion',
  documentsEdit: 'documentEdition',
  indexCreate: 'indexCreation',
  indexUpdate: 'indexUpdate',
  indexDelete: 'indexDeletion',
  indexSwap: 'indexSwap',
  settingsUpdate: 'settingsUpdate',
  indexCompact: 'indexCompaction',
  tasksCancel: 'taskCancelation',
  tasksDelete: 'taskDeletion',
};

/** Counts that add up over the nodes and are null until the end. */
const COUNTS = ['indexedDocuments', 'deletedDocuments', 'editedDocuments'] as const;

/** The node tasks that do the write itself, without those that only made the ground. */
export function mainTasks(intent: Intent): NodeTask[] {
  return allTasks(intent, false);
}

function allTasks(intent: Intent, withGround: boolean): NodeTask[] {
  const ofSteps = intent.steps
    .filter((step) => withGround || !step.isGround)
    .map((step) => step.task);
  const ofParts = Object.values(intent.targets).flatMap((target) =>
    Object.values(target.parts).map((part) => part.task),
  );
  return [...ofSteps, ...ofParts].filter((task): task is NodeTask => task !== null);
}

/** Earliest start among the nodes; null if none began. */
export function startOf(intent: Intent): string | null {
  const main = mainTasks(intent);
  return extremeTime(
    (main.length > 0 ? main : allTasks(intent, true)).map((task) => task.startedAt),
    (a, b) => a < b,
  );
}

/** Latest end among the nodes, ground included; null if none. */
export function endOf(intent: Intent): string | null {
  return extremeTime(
    allTasks(intent, true).map((task) => task.finishedAt),
    (a, b) => a > b,
  );
}

/** Shards of the write's index of which a node has a copy. */
export type ShardsOfNode = (nodeId: string) => readonly number[];

/**
 * Details of the finished task. `failed` tasks count nothing that no node did, and what several copies did
 * counts once.
 */
export function finalDetails(
  task: TaskRecord,
  intent: Intent,
  shardsOf: ShardsOfNode = () => [],
): JsonObject | null {
  const tasks = mainTasks(intent);
  if (intent.kind === 'settingsUpdate') {
    const first = tasks.find((item) => item.details !== null);
    return intent.change === null
      ? task.details
      : toClientDetails(first?.details ?? {}, intent.change);
  }
  if (intent.kind === 'indexCompact') return compactionDetails(tasks);
  if (task.details === null) return null;
  const details: Record<string, unknown> = { ...task.details };
  for (const count of COUNTS) {
    if (!(count in details)) continue;
    details[count] = countOnce(nodeCounts(intent, shardsOf), count);
  }
  // Of an edit that failed a node says how many it edited, and not how many it deleted.
  const hasDeleted = Number(details['deletedDocuments'] ?? 0) > 0;
  const isUndone =
    !tasks.some(({ status }) => status === 'succeeded') ||
    (intent.outcomes.includes('out') && !hasDeleted);
  if (intent.kind === 'documentsEdit' && isUndone) details['deletedDocuments'] = null;
  return details;
}

function nodeCounts(intent: Intent, shardsOf: ShardsOfNode): NodeCount[] {
  const ofTargets = Object.values(intent.targets).map(({ shards, parts }) => ({
    shards,
    tasks: Object.values(parts).flatMap(({ task }) => task ?? []),
  }));
  const ofSteps = intent.steps
    .filter((step) => !step.isGround)
    .map(({ nodeId, task }) => ({ shards: shardsOf(nodeId), tasks: task === null ? [] : [task] }));
  return [...ofTargets, ...ofSteps];
}

/** Sizes before and after, of the nodes that told them. */
function compactionDetails(tasks: readonly NodeTask[]): JsonObject {
  const sizes = tasks.flatMap(({ details }) => (details === null ? [] : [details]));
  const before = addSizes(sizes.map((details) => details['preCompactionSize']));
  const after = addSizes(sizes.map((details) => details['postCompactionSize']));
  return {
    ...(before === undefined ? {} : { preCompactionSize: before }),
    ...(after === undefined ? {} : { postCompactionSize: after }),
  };
}

/**
 * A node's error in one node's words: what names internal fields is taken out, and positions in a function
 * are those of the client's own.
 */
export function cleanError(error: TaskError): TaskError {
  const message = cleanWords(error.message);
  if (error.code !== 'edit_documents_by_function_error') return { ...error, message };
  return { ...error, message: message.replaceAll(FIRST_LINE, inClientsFunction) };
}

const FIRST_LINE = /\(line 1, position (\d+)\)/g;
const EDIT_PREFIX_LENGTH = editPrefix(0).length;

function inClientsFunction(_: string, position: string): string {
  return `(line 1, position ${Math.max(1, Number(position) - EDIT_PREFIX_LENGTH)})`;
}

/** Lists of filterable patterns name ours first: `_miroir_*`. */
function cleanWords(message: string): string {
  return message
    .replaceAll(/`_miroir_[^`]*`, /g, '')
    .replaceAll(/, `_miroir_[^`]*`/g, '')
    .replaceAll(
      /Available filterable attribute patterns are: `_miroir_[^`]*`\.?/g,
      () => 'This index does not have configured filterable attributes.',
    );
}
