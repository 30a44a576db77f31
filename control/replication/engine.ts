/**
 * The engine: an existing linearizable store that keeps one small record per cluster. Whatever control
 * replicas must agree on is one compare-and-swap of that record; everything else follows from who holds it.
 * Drivers (own LMDB, etcd, a Kubernetes Lease) keep to these rules, and the protocol relies on them:
 *
 * - `read` is linearizable: it shows every `cas` that ended `ok` before it began;
 * - a version names one record for ever, also after the engine was restored from a backup. Where the engine
 *   counts revisions only, the driver compares what is stored as well: `nonce` makes every record different;
 * - `unknown` says that a `cas` may have been done, may not, or may still be done later;
 * - every call ends soon after its signal aborts, and no call is repeated by the driver.
 */

/** A place in the in-sync set: the same replica with another disk is another member. */
export interface EngineIsrMember {
  readonly id: string;
  /** Id of the LMDB environment that holds the entries; a wiped or restored disk has a new one. */
  readonly storeId: string;
}

/** A control replica that belongs to the cluster. Learners follow and are never in the in-sync set. */
export interface EngineMember {
  readonly id: string;
  /** HOST:PORT under which the other replicas and the sidecars reach it. */
  readonly address: string;
  /** A witness holds no data: it is only asked for the highest position it has seen. */
  readonly role: 'voter' | 'learner' | 'witness';
}

/** The record. */
export interface EngineRecord {
  /** Id of the cluster; `.2`, `.3` … are added to it when an operator accepted the loss of data. */
  readonly clusterId: string;
  /** Raised by every change of leader. */
  readonly epoch: number;
  /** Id of the leader; empty if there is none. */
  readonly leader: string;
  /** Of the leader; empty if there is none. */
  readonly leaderAddress: string;
  /** Who led last and handed over: it leaves the in-sync set when another one takes over. */
  readonly resigned?: string;
  /** Who shall lead next, named by who handed over: others let it go first for a bounded time. */
  readonly successor?: string;
  /** Replicas that hold every committed entry: only they may become leader. */
  readonly isr: readonly EngineIsrMember[];
  readonly members: readonly EngineMember[];
  /** Nothing is committed while fewer replicas than this are in the in-sync set. */
  readonly minIsr: number;
  /** Kinds of entries above this level are not written yet: some replica may not know them. */
  readonly featureLevel: number;
  /** Counted up by a living leader, so that the record changes. */
  readonly renewNo: number;
  /** Different for every attempt to change the record: tells whose attempt won. */
  readonly nonce: string;
}

/** What a reading came to. */
export type EngineReadOutcome =
  | { readonly kind: 'record'; readonly version: string; readonly record: EngineRecord }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string };

/** What a compare-and-swap came to. */
export type EngineCasOutcome =
  | { readonly kind: 'ok'; readonly version: string }
  /** Nothing was changed and nothing will be: the record has another version. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** A driver. */
export interface Engine {
  read(signal: AbortSignal): Promise<EngineReadOutcome>;
  /** Replaces the record if its version is still this one; null: creates it only if there is none. */
  cas(version: string | null, record: EngineRecord, signal: AbortSignal): Promise<EngineCasOutcome>;
  /** Calls back when the record may have changed: a hint, never needed. Returns how to end it. */
  watch(onHint: () => void): () => void;
  close(): Promise<void>;
}
