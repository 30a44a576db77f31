/** Does the work of one batch: changes indexes and gives every task its end. */
import type { Engine } from './engine.ts';
import { EngineError, indexNotFound } from './errors.ts';
import { matchDocuments } from './filter/match.ts';
import { ingestDocuments, primaryKeyExists } from './ingest.ts';
import { wordIndexOf } from './search/run.ts';
import { changeSettings } from './settings.ts';
import { storedChange, wordSizesMessage } from './settings-decode.ts';
import type { IndexStore } from './store.ts';
import { type Batch, type Task, zeroCounters } from './tasks.ts';
import type { Json, Out } from './value.ts';

/** Does a batch. Errors become the errors of its tasks. */
export function runBatch(engine: Engine, batch: Batch, tasks: readonly Task[]): void {
  const [first] = tasks;
  if (first === undefined) return;
  const last = tasks.at(-1) ?? first;
  const isCleared = tasks.some((task) => isClear(task));
  if (last.work.type === 'indexDeletion') {
    dropIndex(engine, tasks);
  } else if (isCleared) {
    clearIndex(engine, batch, tasks);
  } else {
    const mayCreate = tasks.some(
      (task) => 'mayCreateIndex' in task.work && task.work.mayCreateIndex,
    );
    for (const task of tasks) {
      attempt(task, () => runTask(engine, task, mayCreate));
    }
    const uid = first.indexUid;
    const finishedAt = batch.finishedAt ?? batch.startedAt;
    const isChange = first.work.type.startsWith('document') || first.work.type === 'settingsUpdate';
    const index = uid === null ? undefined : engine.indexes.get(uid);
    if (index !== undefined && isChange) {
      index.endBatch(finishedAt);
      wordIndexOf(index);
    }
  }
  if (first.work.type === 'taskCancelation') cancelTasks(engine, batch, first);
}

function attempt(task: Task, work: () => { [key: string]: Out }): void {
  try {
    task.details = { ...task.details, ...work() };
    task.status = 'succeeded';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    fail(task, error);
  }
}

function fail(task: Task, error: EngineError): void {
  task.status = 'failed';
  task.error = error.body;
  task.details = zeroCounters(task.details);
}

function isClear(task: Task): boolean {
  const { work } = task;
  return work.type === 'documentDeletion' && work.ids === undefined && work.filter === undefined;
}

function dropIndex(engine: Engine, tasks: readonly Task[]): void {
  const uid = tasks[0]?.indexUid ?? '';
  const index = engine.indexes.get(uid);
  for (const task of tasks) {
    const isDrop = task.work.type === 'indexDeletion';
    if (index === undefined && isDrop && tasks.length === 1) {
      fail(task, indexNotFound(uid));
      continue;
    }
    task.status = 'succeeded';
    task.details = isDrop
      ? { deletedDocuments: index?.documentCount ?? 0 }
      : zeroCounters(task.details);
  }
  engine.indexes.delete(uid);
}

function clearIndex(engine: Engine, batch: Batch, tasks: readonly Task[]): void {
  const uid = tasks[0]?.indexUid ?? '';
  const index = engine.indexes.get(uid);
  let count = index?.documentCount ?? 0;
  for (const task of tasks) {
    if (index === undefined) {
      fail(task, indexNotFound(uid));
    } else {
      task.status = 'succeeded';
      task.details = isClear(task) ? { deletedDocuments: count } : zeroCounters(task.details);
      if (isClear(task)) count = 0;
    }
  }
  index?.clear();
  index?.endBatch(batch.finishedAt ?? batch.startedAt);
}

function runTask(engine: Engine, task: Task, mayCreate: boolean): { [key: string]: Out } {
  const { work } = task;
  const uid = task.indexUid ?? '';
  switch (work.type) {
    case 'documentAdditionOrUpdate': {
      const index = mayCreate ? engine.ensureIndex(uid) : engine.index(uid);
      return { indexedDocuments: ingestDocuments(index, work) };
    }
    case 'documentDeletion':
      return { deletedDocuments: deleteDocuments(engine.index(uid), work, engine) };
    case 'settingsUpdate': {
      const index = mayCreate && !work.isDeletion ? engine.ensureIndex(uid) : engine.index(uid);
      applySettings(index, work.change);
      return {};
    }
    case 'indexCreation':
      createIndex(engine, uid, work.primaryKey);
      return {};
    case 'indexUpdate':
      updateIndex(engine, uid, work);
      return {};
    case 'indexSwap':
      swapIndexes(engine, work.swaps);
      return {};
    case 'taskCancelation':
      return {};
    case 'taskDeletion':
      return { deletedTasks: deleteTasks(engine, work.matched) };
    case 'indexCompaction': {
      const size = `${Math.ceil(engine.index(uid).documentCount / 4) * 4} KiB`;
      return { preCompactionSize: size, postCompactionSize: size };
    }
    case 'indexDeletion':
      throw new Error('an index deletion ends its batch');
  }
}

function deleteDocuments(
  index: IndexStore,
  work: { readonly ids?: readonly string[]; readonly filter?: Json },
  engine: Engine,
): number {
  if (work.filter === undefined) {
    return (work.ids ?? []).filter((id) => index.delete(id)).length;
  }
  const matched = matchDocuments(index, work.filter, {
    code: 'invalid_document_filter',
    prefix: `Index \`${index.uid}\`: `,
    hasContains: engine.features.has('containsFilter'),
  });
  for (const document of matched) index.delete(document.id);
  return matched.length;
}

function applySettings(index: IndexStore, change: ReadonlyMap<string, Json>): void {
  const settings = changeSettings(index.settings, storedChange(change));
  const typo = settings.get('typoTolerance');
  const sizes = typo instanceof Map ? typo.get('minWordSizeForTypos') : undefined;
  if (sizes instanceof Map) {
    const one = Number(sizes.get('oneTypo'));
    const two = Number(sizes.get('twoTypos'));
    if (one > two) {
      throw new EngineError(
        'invalid_settings_typo_tolerance',
        `Index \`${index.uid}\`: ${wordSizesMessage(one, two)}`,
      );
    }
  }
  index.settings = settings;
  index.touch();
}

function createIndex(engine: Engine, uid: string, primaryKey: string | null): void {
  if (engine.indexes.has(uid)) {
    throw new EngineError('index_already_exists', `Index \`${uid}\` already exists.`);
  }
  engine.ensureIndex(uid).primaryKey = primaryKey ?? undefined;
}

function updateIndex(
  engine: Engine,
  uid: string,
  work: { readonly primaryKey: string | null; readonly newUid: string | undefined },
): void {
  const index = engine.index(uid);
  const { newUid } = work;
  if (newUid !== undefined && newUid !== uid && engine.indexes.has(newUid)) {
    throw new EngineError('index_already_exists', `Index \`${newUid}\` already exists.`);
  }
  if (work.primaryKey !== null && work.primaryKey !== index.primaryKey) {
    if (index.documentCount > 0 && index.primaryKey !== undefined) {
      const { message, code } = primaryKeyExists(index.primaryKey);
      throw new EngineError(code, `Index \`${uid}\`: ${message}`);
    }
    index.primaryKey = work.primaryKey;
  }
  index.updatedAt = engine.now();
  if (newUid !== undefined) renameIndex(engine, uid, newUid);
}

function renameIndex(engine: Engine, from: string, to: string): void {
  const index = engine.index(from);
  engine.indexes.delete(from);
  index.uid = to;
  engine.indexes.set(to, index);
}

function swapIndexes(
  engine: Engine,
  swaps: readonly { readonly indexes: readonly [string, string]; readonly rename: boolean }[],
): void {
  const missing = new Set<string>();
  for (const { indexes, rename } of swaps) {
    const [left, right] = indexes;
    if (!engine.indexes.has(left)) missing.add(left);
    if (!rename && !engine.indexes.has(right)) missing.add(right);
    if (rename && engine.indexes.has(right)) {
      throw new EngineError(
        'index_already_exists',
        `Cannot rename \`${left}\` to \`${right}\` as the index already exists. Hint: You can remove \`${right}\` first and then do your remove.`,
      );
    }
  }
  if (missing.size > 0) {
    const names = [...missing].sort().map((uid) => `\`${uid}\``);
    throw new EngineError(
      'index_not_found',
      `${names.length > 1 ? 'Indexes' : 'Index'} ${names.join(', ')} not found.`,
    );
  }
  for (const { indexes } of swaps) exchange(engine, indexes);
}

/** Exchanges two indexes; earlier tasks of both follow their index. */
function exchange(engine: Engine, [left, right]: readonly [string, string]): void {
  const a = engine.indexes.get(left);
  const b = engine.indexes.get(right);
  engine.indexes.delete(left);
  engine.indexes.delete(right);
  if (a !== undefined) {
    a.uid = right;
    engine.indexes.set(right, a);
  }
  if (b !== undefined) {
    b.uid = left;
    engine.indexes.set(left, b);
  }
  const swapped = (uid: string) => (uid === left ? right : uid === right ? left : uid);
  for (const task of engine.tasks.values()) {
    if (task.status === 'processing') continue;
    if (task.indexUid !== null) task.indexUid = swapped(task.indexUid);
    if (task.work.type === 'indexSwap' && task.status !== 'enqueued') {
      task.work = {
        ...task.work,
        swaps: task.work.swaps.map((swap) => ({
          ...swap,
          indexes: [swapped(swap.indexes[0]), swapped(swap.indexes[1])],
        })),
      };
      task.details = {
        swaps: task.work.swaps.map((swap) => ({ indexes: swap.indexes, rename: swap.rename })),
      };
    }
  }
}

function cancelTasks(engine: Engine, batch: Batch, task: Task): void {
  if (task.work.type !== 'taskCancelation') return;
  let canceled = 0;
  for (const uid of task.work.matched) {
    const target = engine.tasks.get(uid);
    if (target === undefined || target.status !== 'enqueued') continue;
    target.status = 'canceled';
    target.canceledBy = task.uid;
    target.batchUid = batch.uid;
    target.startedAt = batch.startedAt;
    target.finishedAt = batch.finishedAt;
    target.details = zeroCounters(target.details);
    batch.taskUids.push(uid);
    engine.forget(uid);
    canceled += 1;
  }
  task.details = { ...task.details, canceledTasks: canceled };
}

const UNFINISHED = new Set(['enqueued', 'processing']);

function deleteTasks(engine: Engine, matched: readonly number[]): number {
  let deleted = 0;
  for (const uid of matched) {
    const task = engine.tasks.get(uid);
    if (task === undefined || UNFINISHED.has(task.status)) continue;
    engine.tasks.delete(uid);
    deleted += 1;
    const batch = task.batchUid === null ? undefined : engine.batches.get(task.batchUid);
    if (batch !== undefined) {
      batch.taskUids.splice(batch.taskUids.indexOf(uid), 1);
      if (batch.taskUids.length === 0) engine.batches.delete(batch.uid);
    }
  }
  return deleted;
}
