/**
 * The key table that sidecars judge by: read from one node with the master key, hashed, and read again on
 * demand at most once a second; callers in between share one reading. A new or removed key is also brought
 * to the other nodes, so that the nodes, which judge again, agree.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlNode } from '../nodes/index.ts';
import type { KeyRecord } from '../state/index.ts';
import { hashHex, INTERNAL_KEY_UID } from './internal-key.ts';
import { type NodeKey, readKeys } from './node-keys.ts';
import { unifyKeys } from './unify.ts';

const REFRESH_PERIOD_MS = 1_000;

/** What the table needs. */
export interface KeyTableOptions {
  /** Nodes that answer, in the cluster's order. */
  readonly usableNodes: () => readonly ControlNode[];
  readonly nodeCount: () => number;
  readonly steadyMs: () => number;
  readonly onKeys: (keys: readonly KeyRecord[]) => void;
  readonly signal: AbortSignal;
}

/** Keeps the table. */
export class KeyTable {
  readonly #options: KeyTableOptions;
  #reading: Promise<boolean> | undefined;
  #lastReadMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyTableOptions) {
    this.#options = options;
  }

  /** Reads the keys again, unless that was done less than a second ago; false if no node answered. */
  refresh(): Promise<boolean> {
    this.#reading ??= this.#readSoon().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Reads at once: keys were just changed through us. */
  async refreshNow(): Promise<boolean> {
    await this.#reading;
    this.#lastReadMs = Number.NEGATIVE_INFINITY;
    return this.refresh();
  }

  async #readSoon(): Promise<boolean> {
    const { signal, steadyMs, usableNodes, nodeCount, onKeys } = this.#options;
    const waitMs = this.#lastReadMs + REFRESH_PERIOD_MS - steadyMs();
    if (waitMs > 0) await delay(waitMs, undefined, { signal, ref: false }).catch(() => {});
    const nodes = usableNodes();
    const [first] = nodes;
    if (first === undefined || signal.aborted) return false;
    this.#lastReadMs = steadyMs();
    // Only with all nodes there is the first one's word the truth for the others.
    const isWhole = nodes.length === nodeCount();
    const keys =
      (isWhole ? await unifyKeys(nodes, signal) : undefined) ?? (await readKeys(first, signal));
    if (keys === undefined) return false;
    onKeys(toRecords(keys));
    return true;
  }
}

function toRecords(keys: readonly NodeKey[]): KeyRecord[] {
  return keys
    .filter((key) => key.uid !== INTERNAL_KEY_UID)
    .map((key) => ({
      hashHex: hashHex(key.key),
      uid: key.uid,
      actions: key.actions,
      indexes: key.indexes,
      expiresAt: key.expiresAt,
    }));
}
