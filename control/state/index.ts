/** The state as plain data, its events and effects. Knows nobody. */
export type * from './admin-events.ts';
export type * from './admin-records.ts';
export {
  ANY_MARK,
  LOST_MARK,
  markOf,
  type NameGroup,
  type OpenIntent,
  type PlacementRules,
  type SidecarLease,
  State,
  type TaskReference,
  type TaskSummary,
  type WaitingReader,
} from './cluster-state.ts';
export type * from './events.ts';
export { pairKey } from './job-state.ts';
export type * from './now.ts';
export type * from './records.ts';
export type * from './recovery-events.ts';
export type {
  Recovery,
  RecoveryHold,
  RecoveryPage,
  RecoveryPause,
  RecoveryPhase,
  WriteWatch,
} from './recovery-state.ts';
export type { StoredViews } from './view-state.ts';
