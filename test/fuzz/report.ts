/** Counts outcomes and prints them: per class, per kind of request, and the first failing cases. */
import type { Difference } from './compare.ts';
import { describe } from './requests/request.ts';
import type { Outcome } from './run.ts';
import { CLASSES, type VerdictClass } from './verdict/verdict.ts';

const SHOWN_CHARS = 200;
const SHOWN_DIFFERENCES = 6;

/** A failing case kept for the end. */
export interface Failure {
  readonly scenario: number;
  readonly outcome: Outcome;
}

/** Running counts. */
export class Tally {
  readonly failures: Failure[] = [];
  /** One example of each class and kind, for the record. */
  readonly examples = new Map<string, Failure>();
  requestCount = 0;
  private readonly counts = new Map<string, Map<VerdictClass, number>>();

  /** Adds the outcomes of a scenario. */
  add(scenario: number, outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      if (outcome.kind !== 'write') this.requestCount += 1;
      const name = outcome.verdict.class;
      const row = this.counts.get(outcome.kind) ?? new Map<VerdictClass, number>();
      row.set(name, (row.get(name) ?? 0) + 1);
      this.counts.set(outcome.kind, row);
      if (name === 'difference') this.failures.push({ scenario, outcome });
      const key = `${name} ${outcome.kind}`;
      if (name !== 'equal' && !this.examples.has(key))
        this.examples.set(key, { scenario, outcome });
    }
  }

  /** How many outcomes of a class there are, of one kind or of all. */
  count(name: VerdictClass, kind?: string): number {
    const rows = kind === undefined ? [...this.counts.values()] : [this.counts.get(kind)];
    return rows.reduce((sum, row) => sum + (row?.get(name) ?? 0), 0);
  }

  /** Kinds that came up. */
  kinds(): string[] {
    return [...this.counts.keys()];
  }

  /** Counts as a plain value. */
  toJson(): Record<string, Record<string, number>> {
    const rows = [...this.counts].map(([kind, row]) => [kind, Object.fromEntries(row)] as const);
    return Object.fromEntries(rows);
  }

  /** A table, a line per kind and one for all. */
  table(): string[] {
    const used = CLASSES.filter((name) => name === 'difference' || this.count(name) > 0);
    const line = (title: string, cells: readonly (string | number)[]) =>
      `${title.padEnd(16)}${cells.map((cell) => String(cell).padStart(12)).join('')}`;
    const kinds = this.kinds().sort();
    return [
      line('kind', used),
      ...kinds.map((kind) =>
        line(
          kind,
          used.map((name) => this.count(name, kind)),
        ),
      ),
      line(
        'all',
        used.map((name) => this.count(name)),
      ),
    ];
  }
}

/** A failing case for people: the request and where the answers differ. */
export function failureLines(failure: Failure): string[] {
  const { outcome } = failure;
  return [
    `scenario ${failure.scenario} ${outcome.kind}: ${outcome.verdict.why}`,
    `  ${shorten(describe(outcome.request), 3 * SHOWN_CHARS)}`,
    ...outcome.differences.slice(0, SHOWN_DIFFERENCES).map(differenceLine),
    ...(outcome.differences.length > SHOWN_DIFFERENCES
      ? [`    … ${outcome.differences.length} differences`]
      : []),
  ];
}

/** What makes two failures likely to have one cause: kind and the places that differ. */
export function signature(outcome: Outcome): string {
  const places = outcome.differences.map(({ pointer }) => pointer.replace(/\/\d+/g, '/n'));
  const short = new Set(places.map((place) => place.split('/').slice(0, 4).join('/')));
  return `${outcome.kind} ${outcome.target.status} ${[...short].sort().slice(0, 3).join(' ')}`;
}

function differenceLine(difference: Difference): string {
  const show = (text: string | undefined) =>
    text === undefined ? 'nothing' : shorten(text, SHOWN_CHARS);
  return `    ${difference.pointer}\n      node    ${show(difference.reference)}\n      gateway ${show(difference.target)}`;
}

function shorten(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars)}… (${text.length})`;
}
