/** Copies: their states, what they missed, and what is under way to them. */
export {
  isConfirmed,
  isShrinkConfirmed,
  shrunkAt,
  TOPOLOGY_LEASE_MS,
} from './confirmed.ts';
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
  noteOpenSends,
  release,
} from './demote.ts';
export { hasLateTasks, rememberLate, takeLate } from './late-on-last.ts';
export {
  abandonFill,
  asMissed,
  forgetNotes,
  hasMissed,
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
  hasUnfinished,
  hasUnknownSend,
  headOf,
  isUnanswered,
  isUnfinished,
  lowestOpenUid,
  openOnCopy,
  openOnShard,
  openSendsOn,
  resultOf,
} from './sends.ts';
export { confirm, hasLapsed, watchOpened } from './sidecars.ts';
export { noteTombstones } from './tombstones.ts';
