/**
 * Until when leaders before this one may still have calls to nodes under way. A leader that lets go of the
 * record has closed its connections first; one that was replaced may live on without knowing it, but not for
 * longer than it goes without a proof that it leads.
 */
import type { EngineRecord } from './engine.ts';

/** What a leader that has to stop needs for closing its connections. */
const CLOSING_MS = 2_000;

/** Watches the record for leaders that were replaced. */
export class EarlierLeaders {
  readonly #proofMs: number;
  #known: EngineRecord | undefined;
  #replacedAtMs: number;

  /**
   * `proofMs`: how long a leader goes on without proof. What happened before `startedMs` is not known; nothing
   * is assumed of it.
   */
  constructor(proofMs: number, startedMs: number) {
    this.#proofMs = proofMs;
    this.#replacedAtMs = startedMs;
  }

  /** The record is this now. */
  note(record: EngineRecord, nowMs: number): void {
    const before = this.#known;
    this.#known = record;
    if (before === undefined || before.leader === '' || before.epoch === record.epoch) return;
    // A replica that replaces itself was started anew.
    if (before.leader !== record.leader) this.#replacedAtMs = nowMs;
  }

  /** On the same clock. */
  get callUntilMs(): number {
    return this.#replacedAtMs + this.#proofMs + CLOSING_MS;
  }
}
