/**
 * What happened how often, over all seeds. A fault that is never drawn and a branch that is never reached
 * prove nothing, so each name listed in SOMETIMES has a least number of hits.
 */

/** Counts by name. */
export class Coverage {
  readonly counts = new Map<string, number>();

  hit(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  add(other: Iterable<readonly [name: string, count: number]>): void {
    for (const [name, count] of other) this.hit(name, count);
  }

  get(name: string): number {
    return this.counts.get(name) ?? 0;
  }
}
