/**
 * Takes a copy out of those that count. The last in-sync copy of a shard is never demoted, by anything. In
 * the same commit everything is noted that the copy may lack: open sends, and writes in its queue that were
 * not yet seen to succeed, held failures included.
 */
import type { State } from '../state/index.ts';
import { type CopyPlace, inSyncOf, isInSync, setCopyState, stateOf } from './copy.ts';
import { noteLate, takeLate } from './late-on-last.ts';
import {
  abandonFill,
  asMissed,
  hasMissed,
  type MissedWrite,
  note,
  notesOf,
  openNotes,
} from './notes.ts';
import {
  hasFailedPart,
  hasUnknownSend,
  openOnCopy,
  openOnShard,
  openSendsOn,
  resultOf,
} from './sends.ts';

/** Why, and what it missed by that; null if nothing is known to be missed. */
export interface Demotion {
  readonly to: 'suspect' | 'behind';
  readonly reason: string;
  readonly missed: MissedWrite | null;
}

/**
 * Demotes a copy, or notes more about one that does not count anyhow. False only if it is the last in-sync
 * copy of its shard: nothing is changed then.
 */
export function demote(state: State, copy: CopyPlace, demotion: Demotion): boolean {
  const { index, shard, nodeId } = copy;
  const before = stateOf(index, shard, nodeId);
  if (before === undefined || before === 'leaving') return true;
  if (isInSync(index, shard, nodeId)) {
    if (inSyncOf(index, shard).length === 1) return false;
    noteUnseen(state, copy);
  }
  const isStillSuspect = before === 'suspect' && hasUnknownSend(state, copy);
  const to = demotion.to === 'suspect' && before === 'behind' ? 'behind' : demotion.to;
  const notes = openNotes(state, copy);
  notes.reason = demotion.reason;
  if (demotion.missed !== null) note(state, copy, demotion.missed);
  if (before === 'filling') abandonFill(state, copy);
  if (to === 'behind') noteOpenSends(state, copy);
  setCopyState(state, copy, { to: isStillSuspect ? 'suspect' : to, reason: demotion.reason });
  return true;
}

/** Notes every send to the copy that is not accounted for. */
export function noteOpenSends(state: State, copy: CopyPlace): void {
  for (const open of openSendsOn(state, copy)) note(state, copy, asMissed(open));
}

function noteUnseen(state: State, copy: CopyPlace): void {
  const notes = openNotes(state, copy);
  notes.held.clear();
  for (const { open, target } of openOnCopy(state, copy)) {
    const { intent } = open;
    const isOut = intent.outcomes[intent.shards.indexOf(copy.shard)] === 'out';
    const isQueued = target.state === 'enqueued' || target.state === 'partial' || target.isLost;
    const isUnseen = isQueued && resultOf(target) !== 'ok';
    if (!isOut && (isUnseen || hasFailedPart(target))) note(state, copy, asMissed(open));
  }
}

/**
 * A suspect copy of which no send is unknown any more: in-sync again if it missed nothing and every write
 * that counts is applied there, else behind; until the queue tells, it stays.
 */
export function endSuspicion(state: State, copy: CopyPlace): void {
  const { index, shard, nodeId } = copy;
  if (stateOf(index, shard, nodeId) !== 'suspect' || hasUnknownSend(state, copy)) return;
  if (!hasMissed(notesOf(state, copy))) {
    const verdict = judgeQueue(state, copy);
    if (verdict === 'wait') return;
    if (verdict === 'clean') {
      openNotes(state, copy).reason = '';
      setCopyState(state, copy, { to: 'in-sync', reason: 'nothing was missed' });
      for (const { copy: touched, missed } of takeLate(state, { index, shard })) {
        const reason = 'a task came late to it';
        if (touched.nodeId !== nodeId) demote(state, touched, { to: 'behind', reason, missed });
      }
      return;
    }
  }
  noteOpenSends(state, copy);
  noteLate(state, copy);
  setCopyState(state, copy, { to: 'behind', reason: notesOf(state, copy)?.reason ?? '' });
}

function judgeQueue(state: State, copy: CopyPlace): 'clean' | 'missed' | 'wait' {
  const since = notesOf(state, copy)?.since ?? -1;
  for (const open of openOnShard(state, copy.index, copy.shard)) {
    const { intent } = open;
    if (intent.internal !== null || intent.seq <= since) continue;
    const outcome = intent.outcomes[intent.shards.indexOf(copy.shard)];
    const target = intent.targets[copy.nodeId];
    if (outcome !== 'in' || !target?.shards.includes(copy.shard)) continue;
    const result = resultOf(target);
    if (result === 'ok') continue;
    if (result === 'open') return 'wait';
    note(state, copy, asMissed(open));
    return 'missed';
  }
  return 'clean';
}

/** Holds a copy on which a write failed that may have succeeded elsewhere; not the last one. */
export function hold(state: State, copy: CopyPlace, seq: number): void {
  const { index, shard, nodeId } = copy;
  if (!isInSync(index, shard, nodeId) || inSyncOf(index, shard).length === 1) return;
  openNotes(state, copy).held.add(seq);
  setCopyState(state, copy, { to: 'held', reason: `write ${seq} failed on it` });
}

/** The write is decided: its failure holds the copy no more. */
export function release(state: State, copy: CopyPlace, seq: number): void {
  const held = notesOf(state, copy)?.held;
  if (held?.has(seq) !== true) return;
  const notes = openNotes(state, copy);
  notes.held.delete(seq);
  if (notes.held.size > 0 || stateOf(copy.index, copy.shard, copy.nodeId) !== 'held') return;
  setCopyState(state, copy, { to: 'in-sync', reason: 'the failed write counts nowhere' });
}
