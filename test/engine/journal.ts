/**
 * Keeps an engine on disk: a file of lines, one per task that came and per batch that was done. After
 * a restart the lines are played again in the same order and give the same state. Keys and features
 * are a small file of their own, written whole.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Engine, EngineEvent } from './engine.ts';
import type { ApiKey } from './keys.ts';
import { parseJson } from './parse-json.ts';
import type { SentDocument } from './payload.ts';
import { type Batch, firstDetails, type Task, type TaskWork } from './tasks.ts';
import { type Json, type JsonObject, type Out, printJson } from './value.ts';

/** The files of one engine. */
export class Journal {
  private readonly file: string;
  private readonly sideFile: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.file = join(folder, 'engine.ndjson');
    this.sideFile = join(folder, 'engine-keys.json');
  }

  /** Adds what happened. */
  append(event: EngineEvent): void {
    const line =
      event.kind === 'task' ? { task: taskLine(event.task) } : { batch: batchLine(event.batch) };
    appendFileSync(this.file, `${printJson(line as Out)}\n`);
  }

  /** Writes keys and features. */
  saveSide(engine: Engine): void {
    const text = JSON.stringify({ keys: engine.keys.all(), features: engine.features.view() });
    writeFileSync(`${this.sideFile}.new`, text);
    renameSync(`${this.sideFile}.new`, this.sideFile);
  }

  /** Plays everything again. Returns false if there was nothing. */
  restore(engine: Engine): boolean {
    if (existsSync(this.sideFile)) {
      const side = JSON.parse(readFileSync(this.sideFile, 'utf8')) as {
        keys: ApiKey[];
        features: Record<string, boolean>;
      };
      for (const key of side.keys.reverse()) engine.keys.restore(key);
      for (const [name, isOn] of Object.entries(side.features)) engine.features.set(name, isOn);
    }
    if (!existsSync(this.file)) return existsSync(this.sideFile);
    const bytes = readFileSync(this.file);
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) break;
      replay(engine, parseJson(bytes.subarray(at, end)) as JsonObject);
      at = end + 1;
    }
    return true;
  }
}

function replay(engine: Engine, line: JsonObject): void {
  const task = line.get('task');
  if (task instanceof Map) engine.admit(readTask(task));
  const batch = line.get('batch');
  if (batch instanceof Map) {
    engine.replay({
      uid: batch.get('uid') as number,
      taskUids: (batch.get('taskUids') as number[]).filter(
        (uid) => engine.tasks.get(uid)?.status === 'enqueued',
      ),
      indexUids: new Map(),
      details: new Map(),
      startedAt: batch.get('startedAt') as string,
      finishedAt: batch.get('finishedAt') as string,
    } satisfies Batch);
  }
}

function batchLine(batch: Batch): { [key: string]: Out } {
  const { uid, taskUids, startedAt, finishedAt } = batch;
  return { uid, taskUids, startedAt, finishedAt };
}

function taskLine(task: Task): { [key: string]: unknown } {
  const { work } = task;
  return {
    uid: task.uid,
    indexUid: task.indexUid,
    enqueuedAt: task.enqueuedAt,
    customMetadata: task.customMetadata,
    work: {
      ...work,
      ...(work.type === 'documentAdditionOrUpdate'
        ? {
            documents: work.documents.map(({ fields, lateError }) => ({ fields, lateError })),
          }
        : {}),
    },
  };
}

function readTask(line: JsonObject): Task {
  const indexUid = line.get('indexUid') as string | null;
  const work = readWork(line.get('work') as JsonObject);
  return {
    uid: line.get('uid') as number,
    indexUid,
    work,
    status: 'enqueued',
    batchUid: null,
    canceledBy: null,
    details: {
      ...(work.type === 'indexUpdate' && work.newUid !== undefined
        ? { primaryKey: work.primaryKey, oldIndexUid: indexUid }
        : {}),
      ...firstDetails(work),
    },
    error: null,
    enqueuedAt: line.get('enqueuedAt') as string,
    startedAt: null,
    finishedAt: null,
    customMetadata: line.get('customMetadata') as string | undefined,
  };
}

function readWork(members: JsonObject): TaskWork {
  const plain = Object.fromEntries(members) as Record<string, unknown>;
  if (plain['type'] === 'documentAdditionOrUpdate') {
    plain['documents'] = (plain['documents'] as JsonObject[]).map(
      (document): SentDocument => ({
        fields: document.get('fields') as JsonObject,
        lateError: document.get('lateError') as string | undefined,
      }),
    );
  }
  if (plain['type'] === 'indexSwap') {
    plain['swaps'] = (plain['swaps'] as JsonObject[]).map((swap) => Object.fromEntries(swap));
  }
  for (const name of ['primaryKey', 'newUid', 'filter', 'ids'] as const) {
    if (plain['type'] !== 'indexCreation' && plain['type'] !== 'indexUpdate') {
      if (plain[name] === null) delete plain[name];
    }
  }
  return plain as TaskWork & { readonly change?: ReadonlyMap<string, Json> };
}
