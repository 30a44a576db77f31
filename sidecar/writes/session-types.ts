/**
 * What goes into and comes out of the life of one write (session.ts). Plain data, free of sockets, clocks
 * and wire types: the worker and the simulation both drive the same session with these.
 *
 * Times are milliseconds of any clock that never goes back. Bytes of bodies are counted, never held.
 */

/** What one node is to be sent: so many bodies, one after another. */
export interface ShareSpec {
  readonly nodeId: string;
  /** Length of each body; at least one. */
  readonly partBytes: readonly number[];
  /** Shards of the documents in it, ascending: who else holds them decides how long it is waited for. */
  readonly shards: readonly number[];
}

/** What became of one body. */
export type PartOutcome =
  /** In the node's queue as this task. */
  | { readonly kind: 'enqueued'; readonly uid: number }
  /** Surely not in the queue. `status` 0: no request was made, and `body` is a reason in words. */
  | { readonly kind: 'refused'; readonly status: number; readonly body: Uint8Array }
  /** Reset, timeout, silence. Its connection is closed by now. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** What became of one body, and whose it was. */
export interface PartResult {
  readonly nodeId: string;
  readonly part: number;
  readonly partCount: number;
  readonly outcome: PartOutcome;
}

/** What a node missed of a write that stands. */
export interface MissedCopies {
  readonly nodeId: string;
  readonly shardCount: number;
  /** `timeout`, `refused`, `down`, `behind`. */
  readonly reason: string;
}

/** A refusal in words of the error table. */
export interface SessionRefusal {
  readonly code: string;
  readonly message: string;
}

/** What Begin came to. */
export type BeginOutcome =
  | {
      readonly kind: 'granted';
      readonly seq: number;
      readonly enqueuedAt: string;
      /** Nodes with something to send; none for an empty payload. */
      readonly shares: readonly ShareSpec[];
      /** Nodes that the permission names. */
      readonly targetCount: number;
      /** The client may be answered before the report is, if all of them take all of it. */
      readonly standsWhenTaken: boolean;
    }
  /** Has its place and needs no send. */
  | { readonly kind: 'settled'; readonly seq: number; readonly enqueuedAt: string }
  /** Split again with this primary key; no place was taken. */
  | { readonly kind: 'otherPrimaryKey'; readonly primaryKey: string }
  /** Refused without a place. */
  | ({ readonly kind: 'refused' } & SessionRefusal)
  /** No answer; a place that was taken is given up by control, as nothing was sent. */
  | { readonly kind: 'unreachable' };

/** What a report came to. */
export type ReportOutcome =
  | {
      readonly kind: 'answered';
      readonly stands: boolean;
      readonly refusal: SessionRefusal | undefined;
      readonly missed: readonly MissedCopies[];
    }
  | { readonly kind: 'unreachable' };

/** What happens to a write. Every event carries the time at which it is taken in. */
export type SessionEvent = { readonly nowMs: number } & (
  | { readonly kind: 'start' }
  | { readonly kind: 'begun'; readonly outcome: BeginOutcome }
  /** The body was judged with the other primary key. */
  | { readonly kind: 'splitAgain' }
  | {
      readonly kind: 'sendAnswered';
      readonly nodeId: string;
      readonly part: number;
      readonly outcome: PartOutcome;
      /** The newest view says that one of the copies it went to counts no more. */
      readonly isDoubted: boolean;
    }
  /** Every 250 ms (LOOK_INTERVAL_MS) from the grant to the end. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'renewAnswered'; readonly outcome: 'held' | 'lost' | 'unreachable' }
  | { readonly kind: 'reportAnswered'; readonly outcome: ReportOutcome }
  /** Nobody waits for the reply any more. */
  | { readonly kind: 'clientGone' }
);

/** What the client is told. */
export type SessionReply =
  | {
      readonly kind: 'accepted';
      readonly seq: number;
      readonly enqueuedAt: string;
      /** Copies that are not read until they caught up; the write stands without them. */
      readonly missed: readonly MissedCopies[];
    }
  /** Every node that was asked gave this same refusal; it is the client's to see. */
  | { readonly kind: 'relayed'; readonly status: number; readonly body: Uint8Array }
  /** Control's refusal. `mayBeIn`: some node has, or may have, part of the write in its queue. */
  | ({ readonly kind: 'refused'; readonly mayBeIn: boolean } & SessionRefusal)
  /** Nothing was begun. */
  | { readonly kind: 'notBegun' }
  /** The sends are over, but control did not say what they came to. */
  | { readonly kind: 'unreported'; readonly mayBeIn: boolean }
  /** The lease was over before the write was confirmed. */
  | { readonly kind: 'abandoned'; readonly mayBeIn: boolean }
  /** Control named another primary key each time the body was split. */
  | { readonly kind: 'keyKeepsChanging' };

/** What is to be done. Each is answered by one event, except `reply` and `end`. */
export type SessionEffect =
  | { readonly kind: 'begin' }
  | { readonly kind: 'splitAgain'; readonly primaryKey: string }
  /** At most one per node at a time. */
  | { readonly kind: 'send'; readonly nodeId: string; readonly part: number }
  /**
   * Destroy the connection of the send that is under way to this node. The send is answered once the
   * connection is closed, `unknown` unless an answer was faster.
   */
  | { readonly kind: 'cut'; readonly nodeId: string; readonly reason: string }
  | { readonly kind: 'renew'; readonly seq: number }
  /** No send is under way any more. */
  | { readonly kind: 'report'; readonly seq: number; readonly results: readonly PartResult[] }
  /** At most once. */
  | { readonly kind: 'reply'; readonly reply: SessionReply }
  /** The last effect: no timer and no call is needed any more. */
  | { readonly kind: 'end' };

/** Bounds of one write. */
export interface SessionLimits {
  /** `writes.copy_timeout_ms`: how long a copy may hold the reply that others could already give. */
  readonly copyTimeoutMs: number;
}
