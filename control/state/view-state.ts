/**
 * What is known of the views that sidecars may still read from. Places are indexes of commits in control's
 * log. A view that is older than a commit which took a readable copy away may lead to that copy.
 */

/** The part of it that is on disk, as the next leader takes it up. */
export interface StoredViews {
  /** Of the leader that wrote it: it says nothing of what others did after. */
  readonly epoch: number;
  readonly confirmedIndex: number;
  readonly floor: number;
  readonly outstanding: readonly (readonly [string, number])[];
}

/** In memory. */
export class ViewState {
  /** Of the leader whose state this is. */
  epoch = 0;
  /**
   * No sidecar reads from a view of before this commit without saying that it may be old, or will again:
   * leases are granted to newer views only. Never falls, whoever leads.
   */
  confirmedIndex = 0;
  /** Stands for what is not known of earlier leaders: any shard may have lost a copy up to this commit. */
  floor = 0;
  /** `index shard` -> commit that last took a readable copy of it away. */
  readonly shrunk = new Map<string, number>();
  /** The same of leaders before this one, by index id alone. */
  readonly inherited = new Map<string, number>();
  /** Index id -> the last of all of them, as long as it is above `confirmedIndex`. */
  readonly outstanding = new Map<string, number>();
  /** What is stored of this has to be written with the current batch. */
  isTouched = false;
}
