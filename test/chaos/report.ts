/** Lines of a run for people. */
import { describeFault } from './nemesis.ts';
import type { CycleResult } from './run.ts';

/** Heads of the table. */
export const HEAD =
  'cycle  seconds  drain s  writes   acked  degraded   reads  failed  documents  faults';

/** One row. */
export function row(result: CycleResult): string {
  const faults = result.faults.map(describeFault).join('; ');
  const cells = [
    String(result.cycle).padStart(5),
    seconds(result.totalMs).padStart(8),
    seconds(result.drainMs).padStart(8),
    String(result.writeCount).padStart(7),
    String(result.acknowledgedCount).padStart(7),
    String(result.degradedCount).padStart(9),
    String(result.readCount).padStart(7),
    String(result.failedReadCount).padStart(7),
    String(result.documentCount).padStart(10),
  ];
  return `${cells.join(' ')}  ${faults}`;
}

/** What came of all cycles. */
export function summary(results: readonly CycleResult[]): string[] {
  const sum = (pick: (result: CycleResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const kinds = new Map<string, number>();
  for (const { kind } of results.flatMap((result) => result.faults)) {
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const faults = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `faults: ${faults.map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
    `${sum(({ writeCount }) => writeCount)} writes, ${sum(({ acknowledgedCount }) => acknowledgedCount)} acknowledged, ${sum(({ degradedCount }) => degradedCount)} degraded`,
    `${sum(({ readCount }) => readCount)} reads, ${sum(({ failedReadCount }) => failedReadCount)} refused`,
    `${results.length} cycles in ${(sum(({ totalMs }) => totalMs) / 60_000).toFixed(1)} minutes, ${sum(({ violations }) => violations.length)} violations`,
  ];
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
