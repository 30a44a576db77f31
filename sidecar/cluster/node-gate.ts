/**
 * Whether a node may be used. A node that lost its connection may have come back with other data (rolled
 * back, wiped, another one): so it is used again only after control looked at it while a connection
 * lived, and the view that says what control found is held (write protocol, rules 3 and 11e). The first
 * connection is no exception.
 *
 * While control is away nobody can look. Reads then go on as before, labelled, since a read that may be
 * old beats none; writes do not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NodeWitness, type WitnessEvents } from '../../core/meilisearch/witness.ts';
import type { CertificateFiles } from '../../core/tls/certificate-files.ts';
import type { Position } from '../../core/topology.ts';
import { comparePositions } from './view.ts';

/** Pauses between questions to control, from the first to the last. */
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 1_000;
/** Longest a call waits for a node that is being looked at. */
export const GATE_WAIT_MS_MAX = 2_000;

/** What a gate needs of the cluster. */
export interface GateOptions {
  /**
   * Has control look at the node. The position of the view that says what it found; undefined if it did
   * not, for now.
   */
  readonly confirm: () => Promise<Position | undefined>;
  /** Resolves once the view is as new, or a bounded time has passed. */
  readonly reach: (position: Position) => Promise<void>;
  /** Of the view held. */
  readonly position: () => Position | undefined;
  /** Whether control's word is current: the topology lease is held. */
  readonly isCurrent: () => boolean;
  /** Told whenever the node becomes usable or stops being so. */
  readonly onChange?: (isConfirmed: boolean) => void;
  readonly certificates?: CertificateFiles | undefined;
  readonly makeWitness?: (url: string, events: WitnessEvents) => Witness;
}

/** What a gate uses of a NodeWitness. */
export interface Witness {
  readonly isUp: boolean;
  hurry(): void;
  close(): Promise<void>;
}

/** One node's gate. */
export class NodeGate {
  readonly #options: GateOptions;
  readonly #witness: Witness;
  readonly #waiting = new Set<() => void>();
  readonly #closed = new AbortController();
  /** Counts losses: what was begun under another number says nothing. */
  #incarnation = 0;
  #confirmedAt: Position | undefined;
  #isAsking = false;

  constructor(url: string, options: GateOptions) {
    this.#options = options;
    const make =
      options.makeWitness ?? ((at, events) => new NodeWitness(at, events, options.certificates));
    this.#witness = make(url, {
      onUp: () => void this.#ask(),
      onLost: () => this.#lose(),
      onRefused: () => this.#wake(),
    });
  }

  /** Counts the connection losses: an answer counts only if it is the same before and after the call. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Whether control looked at the node since its last connection was lost: what writes need. */
  get isConfirmed(): boolean {
    return this.#confirmedAt !== undefined;
  }

  /** Whether the node may be read with a view of this position. */
  isReadable(position: Position | undefined): boolean {
    const at = this.#confirmedAt;
    if (at === undefined) return !this.#options.isCurrent();
    return position === undefined || comparePositions(position, at) >= 0;
  }

  /** Waits until control has looked at a node that is there; at most `waitMs`, and not for a dead one. */
  async settled(waitMs: number): Promise<void> {
    if (this.isConfirmed || !this.#options.isCurrent()) return;
    if (!this.#witness.isUp) {
      this.#witness.hurry();
      await this.#next(waitMs);
    }
    const untilMs = performance.now() + waitMs;
    while (!this.isConfirmed && this.#witness.isUp && this.#options.isCurrent()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.#closed.signal.aborted) return;
      await this.#next(leftMs);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#wake();
    await this.#witness.close();
  }

  #lose(): void {
    this.#incarnation += 1;
    const wasConfirmed = this.isConfirmed;
    this.#confirmedAt = undefined;
    if (wasConfirmed) this.#options.onChange?.(false);
    this.#wake();
  }

  /** Asks control until it has looked at this incarnation. One question at a time. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    let pauseMs = PAUSE_MIN_MS;
    while (this.#witness.isUp && !this.isConfirmed && !this.#closed.signal.aborted) {
      const { incarnation } = this;
      const position = await this.#options.confirm();
      if (position !== undefined) await this.#options.reach(position);
      if (incarnation !== this.#incarnation) continue;
      if (position !== undefined && this.#holds(position)) {
        this.#confirmedAt = position;
        this.#options.onChange?.(true);
        this.#wake();
        break;
      }
      const { signal } = this.#closed;
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
    }
    this.#isAsking = false;
  }

  #holds(position: Position): boolean {
    const held = this.#options.position();
    return held !== undefined && comparePositions(held, position) >= 0;
  }

  /** The next thing that happens to the node, or the end of the time. */
  #next(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.#waiting.add(end);
    });
  }

  #wake(): void {
    for (const end of [...this.#waiting]) end();
  }
}
