/**
 * What is noted of a copy: from which place in the lane on it may have missed something, and which documents
 * are to be written anew. Notes only ever grow, until recovery takes them over or the copy is in-sync.
 *
 * A write that begins while a copy is behind is noted by its place alone: every document it writes gets a
 * version of that place, every deletion by id leaves a tombstone, and recovery lists both from `from` on.
 * Primary keys are kept where versions do not tell: late tasks, failed ones, writes while a copy is filled.
 */
import type { CopyNotes, Intent, OpenIntent, State } from '../state/index.ts';
import { type CopyPlace, copyKey } from './copy.ts';

/** Hashes kept per copy; above it everything is compared. */
export const REREAD_MAX = 65_536;

/** What a copy missed, or may have missed. */
export interface MissedWrite {
  readonly seq: number;
  /** 8 bytes each; null if it is not known which documents; of other shards too, which are left out. */
  readonly hashes: Buffer | null;
}

/** The notes of a copy, to read; undefined if there is nothing to say. */
export function notesOf(state: State, copy: CopyPlace): CopyNotes | undefined {
  return state.notes.get(copyKey(copy.index.id, copy.shard, copy.nodeId));
}

/** The notes of a copy, to change; they are written with the current batch. */
export function openNotes(state: State, copy: CopyPlace): CopyNotes {
  const key = copyKey(copy.index.id, copy.shard, copy.nodeId);
  state.touchedNotes.add(key);
  const known = state.notes.get(key);
  if (known !== undefined) return known;
  const made: CopyNotes = {
    from: null,
    isKeyless: false,
    reread: new Set(),
    held: new Set(),
    again: null,
    fill: null,
    since: -1,
    reason: '',
  };
  state.notes.set(key, made);
  return made;
}

/** Forgets what is noted of all copies of an index, which is gone. */
export function forgetNotes(state: State, indexId: string): void {
  for (const key of state.notes.keys()) {
    if (!key.startsWith(`${indexId} `)) continue;
    state.notes.delete(key);
    state.touchedNotes.add(key);
  }
}

/** Whether the copy missed something, or may have. */
export function hasMissed(notes: CopyNotes | undefined): boolean {
  return (
    notes !== undefined &&
    (notes.from !== null || notes.isKeyless || notes.reread.size > 0 || notes.again !== null)
  );
}

/** Notes a write as missed by a copy that is not in-sync (or is just being demoted). */
export function note(state: State, copy: CopyPlace, missed: MissedWrite): void {
  const notes = openNotes(state, copy);
  notes.from = Math.min(notes.from ?? missed.seq, missed.seq);
  if (missed.hashes === null) notes.isKeyless = true;
  else addKeys(notes, copy, missed.hashes);
}

/** Notes that a write begun now does not go to this copy, which is behind or suspect. */
export function notePassed(state: State, copy: CopyPlace, missed: MissedWrite): void {
  const notes = openNotes(state, copy);
  notes.from = Math.min(notes.from ?? missed.seq, missed.seq);
  if (missed.hashes === null) notes.isKeyless = true;
}

/**
 * Notes a write that a copy being filled does not take: its documents are read anew, or, if they are not
 * known, the list of candidates is made anew once it is through.
 */
export function noteWhileFilling(state: State, copy: CopyPlace, missed: MissedWrite): void {
  const notes = openNotes(state, copy);
  notes.from = Math.min(notes.from ?? missed.seq, missed.seq);
  if (missed.hashes !== null) {
    addKeys(notes, copy, missed.hashes);
    return;
  }
  const { low, high } = notes.again ?? { low: missed.seq, high: missed.seq };
  notes.again = { low: Math.min(low, missed.seq), high: Math.max(high, missed.seq) };
}

/** Everything has to be compared, from the first document on. */
export function noteEverything(state: State, copy: CopyPlace): void {
  const notes = openNotes(state, copy);
  notes.from = 0;
  notes.isKeyless = true;
}

/**
 * A copy begins to be filled: what is noted of it is set aside, so that what comes now can be told from it.
 * Its keys to be written anew stay. The caller sets the state.
 */
export function startFill(state: State, copy: CopyPlace): NonNullable<CopyNotes['fill']> {
  const notes = openNotes(state, copy);
  const fill = { from: notes.from, isKeyless: notes.isKeyless, head: state.nextSeq - 1 };
  notes.fill = fill;
  notes.from = null;
  notes.isKeyless = false;
  notes.again = null;
  return fill;
}

/** A copy is not filled any more and not in-sync: all that was set aside is noted again. */
export function abandonFill(state: State, copy: CopyPlace): void {
  const notes = openNotes(state, copy);
  const { fill, again } = notes;
  const places = [notes.from, fill?.from ?? null, again?.low ?? null];
  const known = places.filter((place) => place !== null);
  notes.from = known.length === 0 ? null : Math.min(...known);
  notes.isKeyless ||= fill?.isKeyless === true || again !== null;
  notes.fill = null;
  notes.again = null;
}

/** Puts primary keys back that a fix took and did not write. */
export function putBackKeys(state: State, copy: CopyPlace, hashes: Buffer): void {
  addKeys(openNotes(state, copy), copy, hashes);
}

/** Place in the lane that notes speak of: an internal step stands after a client's write. */
export function placeOf(intent: Intent): number {
  return intent.internal === null ? intent.seq : intent.internal.after + 1;
}

/** An intent as a copy misses it. */
export function asMissed(open: OpenIntent): MissedWrite {
  const isListed = open.intent.scope === 'keys';
  return { seq: placeOf(open.intent), hashes: isListed ? open.hashes : null };
}

function addKeys(notes: CopyNotes, copy: CopyPlace, hashes: Buffer): void {
  const mask = copy.index.shardCount - 1;
  for (let at = 0; at + 8 <= hashes.length; at += 8) {
    if ((hashes.readUInt32LE(at) & mask) !== copy.shard) continue;
    notes.reread.add(hashes.readBigUInt64LE(at));
  }
  if (notes.reread.size <= REREAD_MAX) return;
  notes.reread.clear();
  notes.from = 0;
  notes.isKeyless = true;
}
