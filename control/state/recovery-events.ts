/** What may happen to recovery, and what it wants done; a part of the machine's events and effects. */

/** Events of recovery. */
export type RecoveryEvent = never;

/** Effects of recovery. */
export type RecoveryEffect = never;
