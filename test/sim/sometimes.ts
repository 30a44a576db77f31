/** What must have happened often enough for a run to prove anything. */
import type { Coverage } from './coverage.ts';

/** Seeds after which everything must have been met. */
export const SEEDS_FOR_ALL = 20_000;
const HITS_MIN = 100;

/** Faults and rare branches, by the names they are counted under. */
export const SOMETIMES: readonly string[] = [
  'sidecar died',
  'sidecar paused',
  'sidecar paused while sending',
  'control died before a commit',
  'control died after a commit',
  'control died among the effects of a commit',
  'control died between commits',
  'control died while readers had older views',
  'control paused',
  'control restarted',
  'node died',
  'node stalled',
  'node wiped',
  'node rolled back',
  'node failed a task',
  'node refused a send',
  'request lost',
  'answer lost',
  'slow request',
  'send cut',
  'send in parts',
  'a request arrived twice',
  'a request arrived after its connection was closed',
  'late request seen by the tail',
  'request came between a reading and what it led to',
  'task canceled',
  'a write that was to make an index was cancelled',
  'a write to an index that a cancelled one was to make',
  'limit: an index whose first write was cancelled stays for a rename',
  'limit: acknowledged, then cancelled in part',
  'call to control lost',
  'answer of control lost',
  'Begin repeated',
  'Report repeated',
  'poll delayed',
  'reading handed in late',
  'view delayed',
  'watch broken',
  'client went away',
  'lease lost',
  '202 before the report was answered',
  'sidecar died between a 202 and its report',
  'node lost data between a 202 and its report',
  'view says a target counts no more',
  'copy in-sync -> suspect',
  'copy in-sync -> behind',
  'copy in-sync -> held',
  'copy held -> in-sync',
  'copy held -> behind',
  'copy suspect -> in-sync',
  'copy suspect -> behind',
  'copy behind -> filling',
  'copy filling -> in-sync',
  'copy filling -> behind',
  'copy filling -> suspect',
];

/** What was met too rarely, of these names. */
export function missing(coverage: Coverage, names: readonly string[]): string[] {
  return names
    .filter((name) => coverage.get(name) < HITS_MIN)
    .map((name) => `${name}: ${coverage.get(name)} of ${HITS_MIN}`);
}
