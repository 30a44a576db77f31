/**
 * Moves workers on after an event. A worker looks at the state and does the next thing it can; what it waits
 * for is in its phase. It ends at once when its copy is no longer being filled, its source no longer counts,
 * a node is away, or the index itself is about to change.
 */
import { assertNever } from '../../core/assert.ts';
import { hasLateTasks, isInSync, notesOf, stateOf } from '../copies/index.ts';
import { isHeldBack } from '../jobs/index.ts';
import type { MachineEvent, Now, Recovery, RecoveryPhase, State } from '../state/index.ts';
import {
  awaitGap,
  awaitHold,
  beginComparison,
  compared,
  confirmFlip,
  follow,
  judged,
} from './flip.ts';
import { listAgain, listed, settle } from './listing.ts';
import {
  awaitPermission,
  awaitSend,
  check,
  choosePage,
  cool,
  pageRead,
  sendPage,
} from './pages.ts';
import { isChanging } from './usable.ts';
import { giveUp, type LaneSteps, type Turn, workerKey } from './worker.ts';

/** An answer of a node that takes longer never comes. */
const ANSWER_LIMIT_MS = 180_000;
/** Longest wait for nodes to work off what is in their queues, or for a gap between writes. */
const WAIT_LIMIT_MS = 900_000;
const WAITS: readonly RecoveryPhase['kind'][] = ['settling', 'choosing', 'cooling', 'ready'];
/** Steps a worker may take at one event: every phase of a page, a few times over. */
const MOVES_MAX = 32;

/** What recovery is told by those that talk to nodes. */
export type WorkerEvent = Extract<
  MachineEvent,
  { kind: 'recoveryListed' | 'recoveryRead' | 'recoveryCompared' | 'recoveryFailed' }
>;

/** Lets every worker do what it can. */
export function moveWorkers(state: State, lane: LaneSteps, now: Now): void {
  for (const worker of [...state.recovery.workers.values()]) {
    const turn = turnOf(state, lane, { worker, now });
    // Its index is gone, and all copies with it.
    if (turn === undefined) forget(state, worker);
    else move(turn);
  }
}

/** A node's answer to a worker. */
export function answerWorker(state: State, lane: LaneSteps, event: WorkerEvent): void {
  for (const worker of state.recovery.workers.values()) {
    if (worker.id !== event.recovery) continue;
    const turn = turnOf(state, lane, { worker, now: event.now });
    if (turn === undefined || endIfBroken(turn)) return;
    follow(turn);
    take(turn, event);
    return;
  }
}

function take(turn: Turn, event: WorkerEvent): void {
  const { worker } = turn;
  const { phase } = worker;
  switch (event.kind) {
    case 'recoveryFailed':
      giveUp(turn, event.reason);
      return;
    case 'recoveryListed':
      if (phase.kind === 'listing') listed(turn, event.source, event.target);
      return;
    case 'recoveryRead':
      if (phase.kind === 'reading') pageRead(turn, phase, event.nowhere);
      else if (phase.kind === 'rereading') check(turn, phase);
      else return;
      noteSize(turn, event);
      worker.documentCount += event.documentCount;
      worker.documentBytes += event.documentBytes;
      return;
    case 'recoveryCompared':
      if (phase.kind === 'comparing') compared(turn, event.different);
      else if (phase.kind === 'judging') judged(turn, phase, event.different);
      return;
    default:
      assertNever(event);
  }
}

function noteSize(
  { state, worker }: Turn,
  { documentCount, documentBytes }: Extract<WorkerEvent, { kind: 'recoveryRead' }>,
): void {
  if (documentCount === 0 || documentBytes === 0) return;
  state.recovery.documentBytes.set(worker.indexId, Math.ceil(documentBytes / documentCount));
}

function move(turn: Turn): void {
  const { worker, state } = turn;
  if (endIfBroken(turn)) return;
  follow(turn);
  for (let moves = 0; moves < MOVES_MAX; moves += 1) {
    const { phase } = worker;
    advance(turn);
    if (worker.phase === phase || !isAlive(state, worker)) return;
  }
}

function isAlive(state: State, worker: Recovery): boolean {
  for (const other of state.recovery.workers.values()) if (other === worker) return true;
  return false;
}

function advance(turn: Turn): void {
  const { phase } = turn.worker;
  switch (phase.kind) {
    case 'settling':
      settle(turn);
      return;
    case 'choosing':
      choose(turn);
      return;
    case 'cooling':
      cool(turn, phase);
      return;
    case 'queued':
      awaitPermission(turn, phase);
      return;
    case 'checking':
      sendPage(turn, phase);
      return;
    case 'sending':
      awaitSend(turn, phase);
      return;
    case 'ready':
      awaitGap(turn);
      return;
    case 'holding':
      awaitHold(turn);
      return;
    case 'confirming':
      confirmFlip(turn, phase);
      return;
    // These wait for an answer.
    case 'listing':
    case 'reading':
    case 'rereading':
    case 'comparing':
    case 'judging':
      return;
    default:
      assertNever(phase);
  }
}

function choose(turn: Turn): void {
  const choice = choosePage(turn);
  if (choice === 'list') listAgain(turn);
  else if (choice === 'none') beginComparison(turn);
}

/** Ends a worker that cannot go on; true if it did. */
function endIfBroken(turn: Turn): boolean {
  const words = brokenWords(turn);
  if (words === undefined) return false;
  giveUp(turn, words);
  return true;
}

function brokenWords(turn: Turn): string | undefined {
  const { state, worker, index } = turn;
  const { shard, sourceId, targetId } = worker.place;
  const own = stateOf(index, shard, targetId);
  if (own !== 'filling') return `the copy is ${own ?? 'gone'}`;
  if (isHeldBack(state, index.id, targetId)) return 'stopped by an operator';
  if (notesOf(state, { index, shard, nodeId: targetId })?.isKeyless === true) {
    return 'deletions it missed are not known any more';
  }
  if (!isInSync(index, shard, sourceId)) return `the copy on ${sourceId} does not count any more`;
  for (const id of [sourceId, targetId]) {
    if (state.downNodes.has(id)) return `node ${id} does not answer`;
  }
  if (hasLateTasks(state, sourceId)) return `a task came late to ${sourceId}`;
  if (isChanging(state, index)) return 'the index itself is being changed';
  if (index.headUid !== worker.place.indexUid) return 'the index was renamed';
  const limitMs = WAITS.includes(worker.phase.kind) ? WAIT_LIMIT_MS : ANSWER_LIMIT_MS;
  if (state.nowMs - worker.phaseMs <= limitMs) return undefined;
  return `nothing moved for ${limitMs / 1_000} s (${worker.phase.kind})`;
}

function turnOf(
  state: State,
  lane: LaneSteps,
  of: { readonly worker: Recovery; readonly now: Now },
): Turn | undefined {
  const index = state.indexes.get(of.worker.indexId);
  return index === undefined ? undefined : { state, lane, index, ...of };
}

function forget(state: State, worker: Recovery): void {
  state.recovery.workers.delete(workerKey(worker));
  state.emit({
    kind: 'recoveryEnded',
    recovery: worker.id,
    place: worker.place,
    isInSync: false,
    reason: 'the index was deleted',
    documentCount: worker.documentCount,
    documentBytes: worker.documentBytes,
    tookMs: state.nowMs - worker.startedMs,
  });
}
