/** Lines of a run for people. */
import type { ControlCycle } from './run.ts';

/** Heads of the table. */
export const CONTROL_HEAD =
  'cycle  seconds  drain s  writes   acked   reads  moved  longest gap ms  fault';

/** One row. */
export function controlRow(result: ControlCycle): string {
  const cells = [
    String(result.cycle).padStart(5),
    seconds(result.totalMs).padStart(8),
    seconds(result.drainMs).padStart(8),
    String(result.writeCount).padStart(7),
    String(result.acknowledgedCount).padStart(7),
    String(result.readCount).padStart(7),
    (result.hasMoved ? 'yes' : 'no').padStart(6),
    result.gapMs.toFixed(0).padStart(15),
  ];
  return `${cells.join(' ')}  ${result.fault}`;
}

/** What came of all cycles: how long writes stood still, by what should have become of the leader. */
export function controlSummary(results: readonly ControlCycle[]): string[] {
  const sum = (pick: (result: ControlCycle) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const lines = (['planned', 'unplanned', 'none'] as const).flatMap((change) => {
    const gaps = results.filter((result) => result.change === change).map(({ gapMs }) => gapMs);
    if (gaps.length === 0) return [];
    const name = change === 'none' ? 'no change of leader meant' : `${change} change of leader`;
    return [
      `${name}: ${gaps.length} cycles, writes stood still p50 ${at(gaps, 0.5)} ms, p99 ${at(gaps, 0.99)} ms`,
    ];
  });
  return [
    ...lines,
    `${sum(({ writeCount }) => writeCount)} writes, ${sum(({ acknowledgedCount }) => acknowledgedCount)} acknowledged, ${sum(({ readCount }) => readCount)} reads`,
    `${results.length} cycles in ${(sum(({ totalMs }) => totalMs) / 60_000).toFixed(1)} minutes, ${sum(({ violations }) => violations.length)} violations`,
  ];
}

function at(values: readonly number[], share: number): string {
  const sorted = [...values].sort((one, other) => one - other);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
