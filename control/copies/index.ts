/** Copies: their states, what they missed, and what is under way to them. */
export { isShrinkConfirmed } from './confirmed.ts';
export {
  type CopyPlace,
  copiesOf,
  copyKey,
  hasOtherCopies,
  inSyncOf,
  isInSync,
  NO_COPY,
  parseCopyKey,
  setCopyState,
  shardsOn,
  slotOf,
  stateOf,
} from './copy.ts';
export {
  type Demotion,
  demote,
  endSuspicion,
  hold,
  release,
} from './demote.ts';
export { hasLateTasks, isLate, rememberLate, takeLate } from './late-on-last.ts';
export {
  abandonFill,
  asMissed,
  forgetNotes,
  type MissedWrite,
  note,
  noteEverything,
  notePassed,
  notesOf,
  noteWhileFilling,
  openNotes,
  placeOf,
  putBackKeys,
  startFill,
} from './notes.ts';
export {
  appliedUpTo,
  headOf,
  isUnanswered,
  isUnfinished,
  lowestOpenUid,
  openOnCopy,
  openOnShard,
  openSendsOn,
  resultOf,
} from './sends.ts';
export { storedViews, takeUpViews } from './shrunk.ts';
export { confirm, hasLapsed, watchOpened } from './sidecars.ts';
export { noteTombstones } from './tombstones.ts';
