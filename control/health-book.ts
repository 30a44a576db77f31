/** How each node was found last, and why it is not used: in memory, for operators. */
import { formatTime } from './tasks/index.ts';

/** What is known of a node's health. */
export interface KnownHealth {
  readonly state: 'up' | 'down' | 'refused' | 'unknown';
  /** Why it is not up; empty if it is, or if nothing is known. */
  readonly reason: string;
  /** RFC 3339, since when; empty if nothing is known. */
  readonly since: string;
}

const UNKNOWN: KnownHealth = { state: 'unknown', reason: '', since: '' };

/** Keeps it. */
export class HealthBook {
  readonly #known = new Map<string, KnownHealth>();
  readonly #refusals = new Map<string, string>();

  of(nodeId: string): KnownHealth {
    return this.#known.get(nodeId) ?? UNKNOWN;
  }

  /** A person has to look: to be told before the note that the node is down. */
  refuse(nodeId: string, words: string): void {
    this.#refusals.set(nodeId, words);
    const known = this.#known.get(nodeId);
    if (known !== undefined) this.#known.set(nodeId, { ...known, state: 'refused', reason: words });
  }

  note(
    nodeId: string,
    health: { readonly isUp: boolean; readonly reason: string; readonly wallNs: bigint },
  ): void {
    if (health.isUp) this.#refusals.delete(nodeId);
    const isRefused = this.#refusals.get(nodeId) === health.reason;
    const state = health.isUp ? 'up' : isRefused ? 'refused' : 'down';
    const since = formatTime(health.wallNs);
    this.#known.set(nodeId, { state, reason: health.isUp ? '' : health.reason, since });
  }

  forget(nodeId: string): void {
    this.#known.delete(nodeId);
    this.#refusals.delete(nodeId);
  }
}
