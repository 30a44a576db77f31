/** What a benchmark gives: one figure, taken in one run, with the target it is held against. */

/** One row of the table. */
export interface Figure {
  readonly value: number;
  /** For instance `ms`, `MB/s`, `x` (a ratio). */
  readonly unit: string;
  /** For instance `<= 1.5`; absent where nothing is promised. */
  readonly target?: string;
  /** Figures that help to read the value, in a few words. */
  readonly note?: string;
}

/** One benchmark. */
export interface Benchmark {
  readonly name: string;
  run(): Promise<Figure>;
}

/** Whether a figure meets its target; undefined if it has none. */
export function meets(figure: Figure): boolean | undefined {
  const match = /^(<=|>=|<|>)\s*([\d.]+)$/.exec(figure.target ?? '');
  if (match === null) return undefined;
  const bound = Number(match[2]);
  switch (match[1]) {
    case '<=':
      return figure.value <= bound;
    case '>=':
      return figure.value >= bound;
    case '<':
      return figure.value < bound;
    default:
      return figure.value > bound;
  }
}

/** Middle value. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Value below which the given share lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
