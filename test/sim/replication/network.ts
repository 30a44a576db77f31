/**
 * Streams between replicas. Messages of one stream keep their order; a stream breaks now and then, and what
 * was in the old one may arrive after what is sent on the new one. Any way may be cut for itself.
 */
import type { ReplicaMessage } from '../../../control/replication/core/index.ts';
import type { ReplicaWorld } from './world.ts';

/** The network. */
export class ReplicaNetwork {
  /** Ways that are cut, as `from>to`. */
  readonly cut = new Set<string>();
  /** When the last message of a way arrives. */
  readonly #arrivals = new Map<string, number>();
  readonly #world: ReplicaWorld;

  constructor(world: ReplicaWorld) {
    this.#world = world;
  }

  send(from: string, to: string, message: ReplicaMessage): void {
    const { random, rates, coverage, clock } = this.#world;
    const way = `${from}>${to}`;
    if (this.cut.has(way)) return;
    if (random.chance(rates.loss * 0.15)) {
      coverage.hit('message lost');
      if (random.chance(0.3)) this.#world.replica(from).streamReset(to);
      return;
    }
    if (random.chance(rates.duplicate * 0.15)) {
      coverage.hit('message doubled');
      this.#deliver(from, to, { message, atMs: clock.nowMs + random.between(1, 3_000) });
    }
    let atMs = clock.nowMs + this.#travelMs();
    if (random.chance(rates.reorder * 0.2)) {
      coverage.hit('message on another stream');
      atMs += random.between(0, 400);
    } else {
      atMs = Math.max(atMs, this.#arrivals.get(way) ?? 0);
      this.#arrivals.set(way, atMs);
    }
    this.#deliver(from, to, { message, atMs });
  }

  #deliver(
    from: string,
    to: string,
    { message, atMs }: { readonly message: ReplicaMessage; readonly atMs: number },
  ): void {
    const { clock } = this.#world;
    clock.at(atMs, () => {
      if (this.cut.has(`${from}>${to}`)) return;
      this.#world.replica(to).receive(from, message);
    });
  }

  #travelMs(): number {
    const { random, rates } = this.#world;
    if (random.chance(rates.slowNetwork * 0.2)) return random.between(5, 700);
    return 0.3 + random.next() * 2;
  }
}
