/**
 * Records <-> bytes, and the keys they lie under:
 *
 *   c            cluster            u/<node>   highest task uid     i/<id>    index
 *   n/<seq>      open intent        h/<seq>    its primary keys     t/<seq>   task
 *   g/<number>   name group         d/<caller> place of a Begin     x/<seq>   uids of deleted tasks
 *   m/<copy>     notes of a copy    y/<seq>    documents deleted by id
 *   j/<number>   job                a/<number> entry of the audit
 *   p/<page>     summaries of tasks     o   numbers that must never come twice
 *   v            which views may be read from   r/<seq> answer to a report on a write that is over
 *   f/<uid>      name that an index had, and when that was
 *
 * Numbers in keys have twelve digits, so that keys sort as the numbers do.
 */

import { storedViews } from '../copies/index.ts';
import { settleJobs } from '../jobs/index.ts';
import type { IndexRecord, State } from '../state/index.ts';
import type { Change } from '../store/index.ts';
import { encodePage, isPageFinal, PAGE_TASKS } from '../tasks/index.ts';
import { encodeIntent, encodeNotes, encodeTombstones } from './encode-copies.ts';

/** Key of the cluster's record. */
export const CLUSTER_KEY = 'c';
/** Key of the record of numbers. */
export const NUMBERS_KEY = 'o';
/** Key of what is known of the views of sidecars. */
export const VIEWS_KEY = 'v';
/** Beginnings of the keys of each kind. */
export const PREFIX = {
  nodeUid: 'u/',
  index: 'i/',
  intent: 'n/',
  hashes: 'h/',
  task: 't/',
  page: 'p/',
  group: 'g/',
  caller: 'd/',
  deletion: 'x/',
  notes: 'm/',
  tombstones: 'y/',
  job: 'j/',
  audit: 'a/',
  reply: 'r/',
  formerName: 'f/',
} as const;

const DIGITS = 12;
/** Pages of older data that one commit writes. */
const MISSING_PAGES_MAX = 64;

/** Key of a numbered record. */
export function numberedKey(prefix: string, number: number): string {
  return prefix + String(number).padStart(DIGITS, '0');
}

/** Key of an intent's record; those of internal steps stand behind the clients'. */
export function intentKeyOf(prefix: string, seq: number): string {
  return seq >= 0 ? numberedKey(prefix, seq) : numberedKey(`${prefix}~`, -seq);
}

/** Number in a key made by numberedKey. */
export function numberOfKey(key: string): number {
  return Number(key.slice(2));
}

/** JSON bytes of a record. */
export function encodeJson(record: unknown): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** A record from its bytes, which were written by encodeJson. */
export function decodeJson<Kind>(bytes: Buffer): Kind {
  return JSON.parse(bytes.toString('utf8')) as Kind;
}

/** Bytes of an index. */
export function encodeIndex(index: IndexRecord): Buffer {
  return encodeJson({
    ...index,
    owners: index.owners.toString('base64'),
    copyStates: index.copyStates.toString('base64'),
  });
}

/** An index from its bytes. */
export function decodeIndex(bytes: Buffer): IndexRecord {
  const record = decodeJson<IndexRecord & { owners: unknown; copyStates: unknown }>(bytes);
  return {
    ...record,
    owners: Buffer.from(String(record.owners), 'base64'),
    copyStates: Buffer.from(String(record.copyStates), 'base64'),
  };
}

/** All that the events since the last call changed, as writes; the state forgets that it changed. */
export function takeChanges(state: State): Change[] {
  settleJobs(state, state.touchedIndexes);
  const changes: Change[] = [];
  const put = (key: string, value: Uint8Array | undefined): void => {
    changes.push({ key, value });
  };
  if (state.isClusterTouched) put(CLUSTER_KEY, encodeJson(state.cluster));
  state.isClusterTouched = false;
  for (const id of drain(state.touchedNodes)) {
    const node = state.cluster.nodes.find((item) => item.id === id);
    if (node === undefined) {
      put(PREFIX.nodeUid + id, undefined);
      continue;
    }
    const { lastTaskUid, lastMark, seenUid } = node;
    put(PREFIX.nodeUid + id, encodeJson({ lastTaskUid, lastMark, seenUid }));
  }
  for (const id of drain(state.touchedIndexes)) {
    const index = state.indexes.get(id);
    put(PREFIX.index + id, index === undefined ? undefined : encodeIndex(index));
  }
  for (const seq of drain(state.touchedIntents)) putIntent(state, seq, put);
  putTasks(state, put);
  for (const [seq, ranges] of state.touchedDeletions) {
    put(numberedKey(PREFIX.deletion, seq), encodeJson(ranges));
  }
  state.touchedDeletions.clear();
  putCopies(state, put);
  putJobs(state, put);
  for (const id of drain(state.touchedGroups)) {
    put(numberedKey(PREFIX.group, id), encodeJson(state.groups[id]));
  }
  for (const caller of drain(state.touchedCallers)) {
    const seq = state.callers.get(caller);
    put(PREFIX.caller + caller, seq === undefined ? undefined : encodeJson(seq));
  }
  for (const seq of drain(state.touchedReplies)) {
    const reply = state.lastReplies.get(seq);
    put(numberedKey(PREFIX.reply, seq), reply === undefined ? undefined : encodeJson(reply));
  }
  return changes;
}

type Put = (key: string, value: Uint8Array | undefined) => void;

function putTasks(state: State, put: Put): void {
  const pages = new Set<number>();
  for (const uid of drain(state.touchedTasks)) {
    const task = state.tasks.get(uid);
    if (task !== undefined) put(numberedKey(PREFIX.task, uid), encodeJson(task));
    if (!state.open.has(uid)) state.tasks.delete(uid);
    pages.add(Math.floor(uid / PAGE_TASKS));
  }
  const limit = pages.size + MISSING_PAGES_MAX;
  for (const page of state.missingPages) {
    if (pages.size >= limit) break;
    pages.add(page);
    state.missingPages.delete(page);
  }
  for (const page of pages) {
    if (isPageFinal(state, page)) put(numberedKey(PREFIX.page, page), encodePage(state, page));
  }
}

function putCopies(state: State, put: Put): void {
  if (state.isInternalTouched) put(NUMBERS_KEY, encodeJson({ nextInternal: state.nextInternal }));
  state.isInternalTouched = false;
  if (state.views.isTouched) put(VIEWS_KEY, encodeJson(storedViews(state)));
  state.views.isTouched = false;
  for (const key of drain(state.touchedNotes)) {
    const notes = state.notes.get(key);
    put(PREFIX.notes + key, notes === undefined ? undefined : encodeNotes(notes));
  }
  for (const uid of drain(state.touchedFormerNames)) {
    const seq = state.formerNames.get(uid);
    put(PREFIX.formerName + uid, seq === undefined ? undefined : encodeJson(seq));
  }
  for (const seq of drain(state.touchedTombstones)) {
    const dead = state.tombstones.get(seq);
    const key = numberedKey(PREFIX.tombstones, seq);
    put(key, dead === undefined ? undefined : encodeTombstones(dead));
  }
}

function putJobs({ jobs }: State, put: Put): void {
  for (const number of drain(jobs.touchedJobs)) {
    const job = jobs.records.get(number);
    put(numberedKey(PREFIX.job, number), job === undefined ? undefined : encodeJson(job));
  }
  for (const entry of jobs.newAudits)
    put(numberedKey(PREFIX.audit, entry.number), encodeJson(entry));
  for (const number of jobs.droppedAudits) put(numberedKey(PREFIX.audit, number), undefined);
  jobs.newAudits = [];
  jobs.droppedAudits = [];
}

function putIntent(state: State, seq: number, put: Put): void {
  const open = state.open.get(seq);
  const intentKey = intentKeyOf(PREFIX.intent, seq);
  const hashesKey = intentKeyOf(PREFIX.hashes, seq);
  if (open === undefined) {
    // An intent that began and ended within one batch was never written: there is nothing to remove.
    if (!state.writtenIntents.delete(seq)) return;
    put(intentKey, undefined);
    put(hashesKey, undefined);
    return;
  }
  put(intentKey, encodeIntent(open.intent));
  if (!state.writtenIntents.has(seq) && open.hashes.length > 0) put(hashesKey, open.hashes);
  state.writtenIntents.add(seq);
}

function drain<Item>(set: Set<Item>): Item[] {
  const items = [...set];
  set.clear();
  return items;
}
