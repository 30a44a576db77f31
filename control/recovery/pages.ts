/**
 * Pages of a copy being filled (write-protocol rules 18 and 19). A page is read from the source, takes its
 * place in the lane as a step, and is sent once every earlier write to its documents is enqueued. What was
 * written to them between the reading and the step is read again; then the source's tasks are looked at
 * once more, for what was read while a failure was on its way is worth nothing.
 */
import {
  headOf,
  isUnfinished,
  notesOf,
  openNotes,
  openOnCopy,
  openOnShard,
} from '../copies/index.ts';
import type { RecoveryHold, RecoveryPage, RecoveryPhase } from '../state/index.ts';
import { isHeld } from './hold.ts';
import { beginWatch, hashesOfShard, isTouched, updateWatch } from './watch.ts';
import {
  appliedOnSource,
  enter,
  giveUp,
  isSourceSettled,
  type Turn,
  targetOf,
  toBuffer,
} from './worker.ts';

/** Documents of a page at most, and of the first page of an index of which nothing is known. */
const PAGE = 1_000;
const FIRST_PAGE = 100;
/** A page is meant to be about this large: it is kept in memory until it is sent. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Pages of what clients wrote meanwhile before a hold is asked for. */
const LATER_PAGES = 3;
/** The same for lists, and for the wait until nodes are through with what asks for one. */
const LISTS = 3;
const LATE_MS = 1_000;
/** Steps of one worker that the target may still work on. */
const STEPS_MAX = 3;
/** Readings of a page before its step begins, if clients keep writing to it. */
const READINGS_MAX = 3;
/** Longest time a page may stand in the lane, sent or not: later writes to its documents wait meanwhile. */
const STEP_LIMIT_MS = 5_000;

type PhaseOf<Kind> = Extract<RecoveryPhase, { kind: Kind }>;

/** Takes the next documents, or says what else there is to do: false if nothing is left to write. */
export function choosePage(turn: Turn): 'page' | 'wait' | 'list' | 'none' {
  const { state, worker } = turn;
  dropEndedSteps(turn);
  if (worker.steps.size >= STEPS_MAX || !isSourceSettled(turn)) return 'wait';
  // The nodes are never through with what asks for a list: there is always more of it.
  if (state.nowMs - worker.phaseMs >= LATE_MS) worker.lists = Math.max(worker.lists, LISTS);
  if (pressedBy(turn) !== undefined) return worker.steps.size > 0 ? 'wait' : 'none';
  // What may bring a document are clients' writes, and pages of our own.
  if (worker.drainSeq >= 0) {
    if (worker.steps.size > 0 || !isWorkedOff(turn, worker.drainSeq)) return 'wait';
    worker.drainSeq = -1;
  }
  const hashes = nextHashes(turn);
  if (hashes.size > 0) {
    if (worker.todo.size === 0) worker.laterPages += 1;
    readPage(turn, { hashes, watch: watchNow(turn), readings: 0, coming: new Set() });
    return 'page';
  }
  if (worker.steps.size > 0) return 'wait';
  const again = notesOf(state, targetOf(turn))?.again ?? null;
  if (again === null) return 'none';
  return isThrough(turn, again.high) ? 'list' : 'wait';
}

/**
 * Whether clients bring new work faster than it is done, so that the last of it has to be done under a hold:
 * documents to write, or writes without a list of documents, for which both nodes are listed anew.
 */
export function pressedBy(turn: Turn): 'documents' | 'lists' | undefined {
  const { worker, state } = turn;
  const notes = notesOf(state, targetOf(turn));
  if (notes === undefined || worker.todo.size > 0 || notes.reread.size > PAGE) return undefined;
  if (notes.again !== null) return worker.lists >= LISTS ? 'lists' : undefined;
  if (worker.laterPages < LATER_PAGES || notes.reread.size === 0) return undefined;
  return 'documents';
}

/** Writes what is left while the hold stands; every write before it is applied on the source. */
export function writeUnderHold(turn: Turn, hold: RecoveryHold): boolean {
  if (hold.isWritten && turn.worker.todo.size === 0) return false;
  const hashes = nextHashes(turn, PAGE);
  hold.isWritten = true;
  if (hashes.size === 0) return false;
  const scannedTo = Number.POSITIVE_INFINITY;
  const watch = { hashes: new Set<bigint>(), isAll: false, highest: -1, scannedTo };
  readPage(turn, { hashes, watch, readings: READINGS_MAX, coming: new Set() });
  return true;
}

/** Whether the source applied, and the target worked off, everything up to a place in the lane. */
function isThrough(turn: Turn, seq: number): boolean {
  return appliedOnSource(turn) >= seq && isWorkedOff(turn, seq);
}

/** Whether the target worked off every client's write up to a place in the lane. */
function isWorkedOff(turn: Turn, seq: number): boolean {
  for (const { open, target } of openOnCopy(turn.state, targetOf(turn))) {
    if (open.intent.internal !== null || open.intent.seq > seq) continue;
    if (isUnfinished(target)) return false;
  }
  return true;
}

/** The page's documents are there. */
export function pageRead(turn: Turn, phase: PhaseOf<'reading'>, nowhere: readonly bigint[]): void {
  const { page } = phase;
  const waiting = waitingKeys(turn);
  for (const hash of nowhere) {
    if (isTouched(page.watch, hash)) continue;
    page.hashes.delete(hash);
    if (page.coming.has(hash)) {
      // What the target has yet to work on may bring it: it is looked for again then.
      turn.worker.drainSeq = headOf(turn.state);
      continue;
    }
    if (waiting.has(hash)) turn.worker.todo.delete(hash);
    else forget(turn, hash);
  }
  const { hold } = turn.worker;
  if (hold !== null && !isHeld(turn, hold)) return;
  const isHot = [...page.hashes].some((hash) => isTouched(page.watch, hash));
  if (isHot && page.readings < READINGS_MAX) {
    enter(turn, { kind: 'cooling', page });
  } else if (page.hashes.size === 0) {
    enter(turn, { kind: turn.worker.hold === null ? 'choosing' : 'holding' });
  } else {
    beginStep(turn, page);
  }
}

/** Reads a page again once the source has applied what was written to it meanwhile. */
export function cool(turn: Turn, { page }: PhaseOf<'cooling'>): void {
  if (appliedOnSource(turn) < page.watch.highest || !isSourceSettled(turn)) return;
  readPage(turn, { ...page, watch: watchNow(turn) });
}

/** The step may have its permission. */
export function awaitPermission(turn: Turn, phase: PhaseOf<'queued'>): void {
  const { state, worker } = turn;
  const intent = state.open.get(phase.seq)?.intent;
  if (intent === undefined) {
    giveUp(turn, 'a page waited too long for its place in the lane');
    return;
  }
  if (intent.phase !== 'granted') return;
  const hot = [...phase.page.hashes].filter((hash) => isTouched(phase.page.watch, hash));
  if (hot.length === 0) {
    check(turn, phase);
    return;
  }
  if (appliedOnSource(turn) < phase.page.watch.highest || !isSourceSettled(turn)) return;
  state.emit({
    kind: 'recoveryRead',
    recovery: worker.id,
    place: worker.place,
    hashes: hot,
    isNewPage: false,
  });
  enter(turn, { kind: 'rereading', page: phase.page, seq: phase.seq });
}

/** What was touched is read again: look at the source's tasks. */
export function check(
  turn: Turn,
  phase: { readonly page: RecoveryPage; readonly seq: number },
): void {
  const { state, worker } = turn;
  state.emit({ kind: 'readNode', nodeId: worker.place.sourceId });
  const { page, seq } = phase;
  enter(turn, { kind: 'checking', page, seq, sinceMs: state.nowMs });
}

/** Sends the page if the source was read since and still counts. */
export function sendPage(turn: Turn, phase: PhaseOf<'checking'>): void {
  const { state, worker, lane } = turn;
  const intent = state.open.get(phase.seq)?.intent;
  if (intent === undefined) {
    giveUp(turn, 'a page was not sent in time');
    return;
  }
  const readMs = state.recovery.readings.get(worker.place.sourceId) ?? -1;
  if (readMs < phase.sinceMs || !isSourceSettled(turn)) return;
  const tag = `m1.${state.cluster.clusterId}.${intent.internal?.number ?? 0}`;
  lane.send(state, phase.seq);
  state.emit({
    kind: 'recoveryWrite',
    recovery: worker.id,
    place: worker.place,
    seq: phase.seq,
    tag,
  });
  worker.steps.add(phase.seq);
  enter(turn, { kind: 'sending', page: phase.page, seq: phase.seq });
}

/** The next page can be read as soon as this one is in the target's queue. */
export function awaitSend(turn: Turn, phase: PhaseOf<'sending'>): void {
  const target = turn.state.open.get(phase.seq)?.intent.targets[turn.worker.place.targetId];
  if (target?.state === 'pending') return;
  enter(turn, { kind: turn.worker.hold === null ? 'choosing' : 'holding' });
}

function pageSize({ state, worker }: Turn): number {
  const bytes = state.recovery.documentBytes.get(worker.indexId);
  if (bytes === undefined) return FIRST_PAGE;
  return Math.max(1, Math.min(PAGE, Math.floor(PAGE_BYTES / bytes)));
}

function nextHashes(turn: Turn, size = pageSize(turn)): Set<bigint> {
  const hashes = new Set<bigint>();
  const { worker, state } = turn;
  for (const hash of notesOf(state, targetOf(turn))?.reread ?? []) {
    if (hashes.size >= size) return hashes;
    hashes.add(hash);
  }
  for (const hash of worker.todo) {
    if (hashes.size >= size) return hashes;
    hashes.add(hash);
  }
  return hashes;
}

function readPage(turn: Turn, page: RecoveryPage): void {
  const { state, worker } = turn;
  page.readings += 1;
  page.coming = comingKeys(turn, page.hashes);
  state.emit({
    kind: 'recoveryRead',
    recovery: worker.id,
    place: worker.place,
    hashes: [...page.hashes],
    isNewPage: true,
  });
  enter(turn, { kind: 'reading', page });
}

/** Documents that tasks in the target's queue, or on their way to it, may bring or take. */
function comingKeys(turn: Turn, hashes: ReadonlySet<bigint>): Set<bigint> {
  const { state, index, worker } = turn;
  const coming = new Set<bigint>();
  for (const { open, target } of openOnCopy(state, targetOf(turn))) {
    if (!isUnfinished(target)) continue;
    if (open.intent.scope !== 'keys') return new Set(hashes);
    for (const hash of hashesOfShard(open.hashes, index, worker.place.shard)) {
      if (hashes.has(hash)) coming.add(hash);
    }
  }
  return coming;
}

function watchNow(turn: Turn): RecoveryPage['watch'] {
  const { state, index, worker } = turn;
  return beginWatch(state, index, worker.place.shard, appliedOnSource(turn));
}

function beginStep(turn: Turn, page: RecoveryPage): void {
  const { state, lane, worker, now, index } = turn;
  updateWatch(state, index, worker.place.shard, page.watch);
  const waiting = waitingKeys(turn);
  for (const hash of page.hashes) {
    // The copy lacks what waits if the hold ends before it counts.
    if (waiting.has(hash)) worker.todo.delete(hash);
    else forget(turn, hash);
    worker.recheck?.add(hash);
  }
  const seq = lane.begin(
    state,
    {
      kind: 'fix',
      indexId: worker.indexId,
      shard: worker.place.shard,
      keyHashes: toBuffer(page.hashes),
      nodeId: worker.place.targetId,
      limitMs: STEP_LIMIT_MS,
      under: worker.hold?.seq ?? null,
    },
    now,
  );
  enter(turn, { kind: 'queued', page, seq });
}

/** Documents of the writes that wait for the end of the hold. */
function waitingKeys({ state, index, worker }: Turn): Set<bigint> {
  const { hold, place } = worker;
  const keys = new Set<bigint>();
  if (hold === null) return keys;
  for (const open of openOnShard(state, index, place.shard)) {
    if (open.intent.internal !== null || open.intent.seq <= hold.after) continue;
    for (const hash of hashesOfShard(open.hashes, index, place.shard)) keys.add(hash);
  }
  return keys;
}

/** The document needs no writing any more, unless something new says so. */
function forget(turn: Turn, hash: bigint): void {
  turn.worker.todo.delete(hash);
  const copy = targetOf(turn);
  if (notesOf(turn.state, copy)?.reread.has(hash) === true) {
    openNotes(turn.state, copy).reread.delete(hash);
  }
}

function dropEndedSteps({ state, worker }: Turn): void {
  for (const seq of worker.steps) if (!state.open.has(seq)) worker.steps.delete(seq);
}
