/** Time of the made-up world: things happen one after another at moments that were set before. */

/** Something that will happen. */
interface Planned {
  readonly atMs: number;
  /** Of two at the same moment the one that was set first goes first. */
  readonly order: number;
  readonly run: () => void;
}

/** The clock, a binary heap of what is to come. */
export class Clock {
  nowMs = 1;
  #order = 0;
  readonly #heap: Planned[] = [];

  /** Lets `run` happen after `delayMs`. */
  in(delayMs: number, run: () => void): void {
    this.#order += 1;
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, run });
  }

  /** Lets `run` happen at a moment that is not over. */
  at(atMs: number, run: () => void): void {
    this.#order += 1;
    this.#push({ atMs: Math.max(this.nowMs, atMs), order: this.#order, run });
  }

  /** Lets the next thing happen; false if there is none before `untilMs`. */
  step(untilMs: number): boolean {
    const [first] = this.#heap;
    if (first === undefined || first.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = Math.max(this.nowMs, first.atMs);
    first.run();
    return true;
  }

  #push(item: Planned): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(item, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Planned;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && isBefore(heap[right] as Planned, heap[child] as Planned)) child = right;
      const below = heap[child] as Planned;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Planned, right: Planned): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
