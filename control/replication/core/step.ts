/**
 * The core's one function: an event changes the state and leaves effects in it. Deterministic. After each
 * event everything that has become possible is done: commits, opening, a call of the engine, a write, messages.
 */
import { assertNever } from '../../../core/assert.ts';
import { acknowledge, takeAppend } from './follower.ts';
import { continueHandover, startHandover, stopForOthers } from './handover.ts';
import { isShortTooLong, readyPeers, releasedRecord, wantedRecord } from './in-sync.ts';
import { isAlone, propose, takeAck, takeMismatch, tryCommit, tryOpen } from './leader.ts';
import { noteWritten, startWrite } from './log.ts';
import { takeMembersChange } from './members.ts';
import { endSnapshot, resetStream, sendToPeers, syncPeers, tellCommits } from './peers.ts';
import { moveReads, takeStrongRead } from './reads.ts';
import { isEngineFree, readEngine, takeCas, takeRead, tryCas } from './record.ts';
import { type Attempt, type CoreState, isForeign, roleOf, stopLeading } from './state.ts';
import { adoptLead, considerTakeover, isToLead, takeAsk, takeOrder, takeTell } from './takeover.ts';
import type { CoreEvent, ReplicaMessage } from './types.ts';
import { checkCluster, checkEngine, checkLevel, takeClaim, witness } from './witness.ts';

/** Applies one event. What is to be done is collected in `state.effects`. */
export function step(state: CoreState, event: CoreEvent): void {
  state.nowMs = Math.max(state.nowMs, event.nowMs);
  apply(state, event);
  settle(state);
}

function apply(state: CoreState, event: CoreEvent): void {
  switch (event.kind) {
    case 'tick':
      state.isLookDue = true;
      tellCommits(state);
      return;
    case 'engineRead':
      adopt(state, takeRead(state, event.outcome));
      if (event.outcome.kind === 'record') checkEngine(state);
      return;
    case 'engineCas':
      adopt(state, takeCas(state, event.outcome));
      return;
    case 'engineHint':
      state.engine.isReadWanted = true;
      return;
    case 'written':
      noteWritten(state);
      if (state.following?.isAckOwed === true) acknowledge(state);
      return;
    case 'message':
      takeMessage(state, event.from, event.message);
      return;
    case 'streamReset':
      resetStream(state, event.peer);
      return;
    case 'propose':
      propose(state, event.entry);
      return;
    case 'read':
      takeStrongRead(state, event.ticket);
      return;
    case 'witnessed':
      takeClaim(state, event.position);
      return;
    case 'resign':
      startHandover(state, event.successor);
      return;
    case 'changeMembers':
      takeMembersChange(state, event.ticket, event.change);
      return;
    case 'forceLeader':
      takeOrder(state);
      return;
    case 'snapshotEnded':
      endSnapshot(state, event);
      return;
    default:
      assertNever(event);
  }
}

function takeMessage(state: CoreState, from: string, message: ReplicaMessage): void {
  switch (message.kind) {
    case 'append':
      takeAppend(state, from, message);
      return;
    case 'ack':
      takeAck(state, from, message);
      witness(state, message.committed);
      return;
    case 'mismatch':
      takeMismatch(state, from, message);
      witness(state, message.committed);
      return;
    case 'refuse':
      takeRefuse(state, message);
      return;
    case 'ask':
      takeAsk(state, from, message.askNo);
      return;
    case 'tell':
      takeTell(state, from, message);
      witness(state, message.committed);
      return;
    case 'released':
      state.engine.isReadWanted = true;
      return;
    default:
      assertNever(message);
  }
}

/** Somebody obeys a higher epoch. If the record still names us, a higher one is taken. */
function takeRefuse(state: CoreState, message: Extract<ReplicaMessage, { kind: 'refuse' }>): void {
  state.seenFence = Math.max(state.seenFence, message.fence);
  if (state.leading !== undefined && message.fence > state.leading.epoch) {
    stopLeading(state, 'deposed');
    state.engine.isReadWanted = true;
  }
  witness(state, message.committed);
}

/** Draws what follows from the record as it is known now, and from an attempt that is known to be done. */
function adopt(state: CoreState, attempt: Attempt | undefined): void {
  const { engine, options } = state;
  const record = engine.known?.record;
  if (record === undefined) return;
  checkCluster(state, isForeign(state) && !isToLead(attempt));
  checkLevel(state);
  if (isToLead(attempt)) {
    adoptLead(state, record, attempt);
    return;
  }
  const { leading } = state;
  if (leading === undefined) return;
  if (record.leader !== options.id || record.epoch !== leading.epoch) {
    if (attempt?.kind === 'release') stopForOthers(state, leading);
    else stopLeading(state, 'deposed');
    return;
  }
  syncPeers(state, leading);
  if (attempt === undefined) return;
  leading.renewedAtMs = state.nowMs;
  if (attempt.ticket !== undefined) {
    leading.change = undefined;
    const { ticket } = attempt;
    state.effects.push({ kind: 'membersChanged', ticket, outcome: 'done' });
  }
}

function settle(state: CoreState): void {
  const { leading } = state;
  tryCommit(state);
  if (leading !== undefined) {
    const isShort = state.isLookDue && isShortTooLong(state, leading);
    continueHandover(state, leading, isShort);
  }
  callEngine(state);
  state.isLookDue = false;
  startWrite(state, writeOptions(state));
  tryOpen(state);
  moveReads(state);
  sendToPeers(state);
  show(state);
}

function writeOptions(state: CoreState): { commitsItself: boolean; mustApply: boolean } {
  const { leading } = state;
  if (leading === undefined) return { commitsItself: false, mustApply: false };
  return {
    commitsItself: isAlone(state) && readyPeers(state, leading).length === 0,
    mustApply: leading.phase === 'barrier' && state.log.commit.index >= leading.barrierIndex,
  };
}

function callEngine(state: CoreState): void {
  const { engine, leading, nowMs } = state;
  if (!isEngineFree(state)) return;
  if (engine.isReadWanted) {
    readEngine(state);
    return;
  }
  if (leading !== undefined) {
    const record = engine.known?.record;
    if (record === undefined) return;
    if (leading.phase === 'stopped') {
      tryCas(state, { kind: 'release', record: releasedRecord(state, leading, record) });
      return;
    }
    const wanted = state.isLookDue ? wantedRecord(state, leading) : undefined;
    if (wanted !== undefined) tryCas(state, { kind: 'change', ...wanted });
    return;
  }
  considerTakeover(state);
  if (engine.busy === 'none' && nowMs >= engine.nextReadAtMs) readEngine(state);
}

/** Tells once of each change of role or record. */
function show(state: CoreState): void {
  const role = roleOf(state);
  const version = state.engine.known?.version ?? '';
  if (role === state.shown.role && version === state.shown.version) return;
  state.shown = { role, version };
  state.effects.push({ kind: 'changed' });
}
