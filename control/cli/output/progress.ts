/**
 * Progress on stderr: on a terminal one line that is drawn over itself, elsewhere a plain line now and
 * then, so that a log of it stays short.
 */
import type { Io } from '../io.ts';
import { visible } from './table.ts';
import { grouped, percentOf, sizeOf, spanOf } from './words.ts';

const BAR_CELLS = 24;
const PLAIN_PERCENT_STEP = 10;
const PLAIN_EVERY_MS = 10_000;

/** How far something is. */
export interface ProgressState {
  /** What it is, in a word or two. */
  readonly title: string;
  readonly done: number;
  /** 0 if it is not known. */
  readonly total: number;
  /** What is counted, for instance `documents`. */
  readonly unit: string;
  /** What is being done now. */
  readonly note?: string;
}

/** Draws; `end` leaves the last state standing. */
export class Progress {
  readonly #io: Pick<Io, 'stderr' | 'steadyMs'>;
  #first: { readonly title: string; readonly done: number; readonly atMs: number } | undefined;
  #last = '';
  #lastPercent = -1;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(io: Pick<Io, 'stderr' | 'steadyMs'>) {
    this.#io = io;
  }

  /** Shows a state. */
  show(state: ProgressState): void {
    const text = this.#text(state);
    const { stderr } = this.#io;
    if (stderr.isTty) {
      const fitting = text.slice(0, stderr.columns - 1);
      if (fitting !== this.#last) stderr.write(`\r${fitting}\u001b[K`);
      this.#last = fitting;
      return;
    }
    const percent = state.total > 0 ? Math.floor((state.done * 100) / state.total) : 0;
    const nowMs = this.#io.steadyMs();
    const isStep =
      Math.floor(percent / PLAIN_PERCENT_STEP) > Math.floor(this.#lastPercent / PLAIN_PERCENT_STEP);
    if (text === this.#last || (!isStep && nowMs - this.#lastAtMs < PLAIN_EVERY_MS)) return;
    stderr.write(`${text}\n`);
    this.#last = text;
    this.#lastPercent = percent;
    this.#lastAtMs = nowMs;
  }

  /** Ends the line on a terminal. */
  end(): void {
    if (this.#io.stderr.isTty && this.#last !== '') this.#io.stderr.write('\n');
    this.#last = '';
  }

  #text(state: ProgressState): string {
    const { title, done, total, unit, note } = state;
    const words = [visible(title)];
    const isBytes = unit === 'bytes';
    if (total > 0) {
      const cells = Math.min(BAR_CELLS, Math.floor((done * BAR_CELLS) / total));
      const bar = `[${'='.repeat(cells)}${' '.repeat(BAR_CELLS - cells)}]`;
      const figures = isBytes
        ? `${sizeOf(done)}/${sizeOf(total)}`
        : `${grouped(done)}/${grouped(total)} ${unit}`;
      words.push(bar, percentOf(done, total).padStart(4), figures, this.#left(state));
    } else words.push(isBytes ? sizeOf(done) : `${grouped(done)} ${unit}`);
    if (note !== undefined && note !== '') words.push(visible(note));
    return words.filter((word) => word !== '').join('  ');
  }

  /** Time left at the pace since this program looks at it. */
  #left({ title, done, total }: ProgressState): string {
    const nowMs = this.#io.steadyMs();
    if (this.#first?.title !== title) this.#first = { title, done, atMs: nowMs };
    const gained = done - this.#first.done;
    if (gained <= 0 || done >= total) return '';
    return `${spanOf(((total - done) * (nowMs - this.#first.atMs)) / gained)} left`;
  }
}
