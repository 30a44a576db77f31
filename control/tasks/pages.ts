/**
 * Summaries of finished tasks, many in one value: a start reads these instead of every task's record. A page
 * is written when the last of its tasks is final, and again if one of them still changes; tasks whose page
 * is not written are read from their records. Pure.
 *
 *   page = length of the words u32 · words (JSON) · for each task:
 *     type u8 (place in the words) · status u8 · flags u8 · 0 · group u32 · batch u32 · canceled by u32
 *     · enqueued f64 · started f64 · finished f64 (milliseconds)
 *
 * All numbers little endian, none is 0xffffffff. Groups beyond the first stand in the words.
 */
import { assert } from '../../core/assert.ts';
import type { State, TaskSummary } from '../state/index.ts';

/** Tasks of a page. */
export const PAGE_TASKS = 32;

const STATUSES = ['succeeded', 'failed', 'canceled'] as const;
const TASK_BYTES = 40;
const NONE = 0xffffffff;
const GIVEN_UP = 1;
const NO_GROUPS: readonly number[] = [];

interface Words {
  readonly types: string[];
  /** Place in the page -> further groups. */
  readonly groups: Record<number, readonly number[]>;
}

/** Whether all tasks of the page are there and final. */
export function isPageFinal(state: State, page: number): boolean {
  for (let uid = page * PAGE_TASKS; uid < (page + 1) * PAGE_TASKS; uid += 1) {
    const status = state.summaries[uid]?.status;
    if (status === undefined || status === 'enqueued' || status === 'processing') return false;
  }
  return true;
}

/** Bytes of a page that is final. */
export function encodePage(state: State, page: number): Buffer {
  const summaries = state.summaries.slice(page * PAGE_TASKS, (page + 1) * PAGE_TASKS);
  const words: Words = { types: [], groups: {} };
  const body = Buffer.alloc(PAGE_TASKS * TASK_BYTES);
  for (const [place, summary] of summaries.entries()) {
    let type = words.types.indexOf(summary.type);
    if (type < 0) type = words.types.push(summary.type) - 1;
    if (summary.otherGroups.length > 0) words.groups[place] = summary.otherGroups;
    const status = STATUSES.indexOf(summary.status as (typeof STATUSES)[number]);
    assert(status >= 0, 'tasks of a page are final');
    const at = place * TASK_BYTES;
    body.writeUInt8(type, at);
    body.writeUInt8(status, at + 1);
    body.writeUInt8(state.givenUp.has(summary.uid) ? GIVEN_UP : 0, at + 2);
    body.writeUInt32LE(summary.group ?? NONE, at + 4);
    body.writeUInt32LE(summary.batchUid ?? NONE, at + 8);
    body.writeUInt32LE(summary.canceledBy ?? NONE, at + 12);
    body.writeDoubleLE(summary.enqueuedMs, at + 16);
    body.writeDoubleLE(summary.startedMs, at + 24);
    body.writeDoubleLE(summary.finishedMs, at + 32);
  }
  const json = Buffer.from(JSON.stringify(words));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(json.length, 0);
  return Buffer.concat([head, json, body]);
}

/** Adds the tasks of a page to the state; they are the next ones. */
export function addPage(state: State, bytes: Buffer): void {
  const start = 4 + bytes.readUInt32LE(0);
  const words = JSON.parse(bytes.toString('utf8', 4, start)) as Words;
  const firstUid = state.summaries.length;
  for (let place = 0; place < PAGE_TASKS; place += 1) {
    const at = start + place * TASK_BYTES;
    const summary: TaskSummary = {
      uid: firstUid + place,
      type: words.types[bytes.readUInt8(at)] as string,
      status: STATUSES[bytes.readUInt8(at + 1)] as TaskSummary['status'],
      group: orNull(bytes.readUInt32LE(at + 4)),
      otherGroups: words.groups[place] ?? NO_GROUPS,
      batchUid: orNull(bytes.readUInt32LE(at + 8)),
      canceledBy: orNull(bytes.readUInt32LE(at + 12)),
      enqueuedMs: bytes.readDoubleLE(at + 16),
      startedMs: bytes.readDoubleLE(at + 24),
      finishedMs: bytes.readDoubleLE(at + 32),
      isDeleted: false,
    };
    state.summaries.push(summary);
    if ((bytes.readUInt8(at + 2) & GIVEN_UP) !== 0) state.givenUp.add(summary.uid);
    if (summary.batchUid !== null && summary.batchUid >= state.nextBatchUid) {
      state.nextBatchUid = summary.batchUid + 1;
    }
  }
}

function orNull(number: number): number | null {
  return number === NONE ? null : number;
}
