/**
 * Asking twice: if an answer is late, the same is asked of other copies; the first good answer wins and
 * the rest is cancelled. Late is what the budget and the delay say: after one, two and four delays a
 * hedge is made if it can be paid; after eight of them, but no less than one second and no more than three,
 * the call counts as silent. Where nobody can take a silent call yet, it is tried again after as long.
 */
import { setMaxListeners } from 'node:events';
import type { HedgeBudget } from './hedge-budget.ts';

const PAID_TRIES_FACTORS = [1, 2, 4] as const;
const SILENT_FACTOR = 8;
const SILENT_MS_MIN = 1_000;
const SILENT_MS_MAX = 3_000;

/** How a hedge ended: its answer was used, the first call was faster after all, or nothing came of it. */
export type HedgeOutcome = 'won' | 'lost' | 'failed';

/** One question that may be asked twice. */
export interface Hedged<Answer> {
  /** After how long an answer is late; undefined while nothing is known: only silence is seen then. */
  readonly delayMs: number | undefined;
  readonly budget: HedgeBudget;
  /** The client's; everything ends with it. */
  readonly signal: AbortSignal;
  readonly first: (signal: AbortSignal) => Promise<Answer>;
  /** Calls of the second try, made when it is needed; undefined if there is nobody else. */
  readonly second: () => Second<Answer> | undefined;
  readonly isGood: (answer: Answer) => boolean;
  readonly onHedge: (outcome: HedgeOutcome) => void;
}

/** The second try. */
export interface Second<Answer> {
  /** Calls it makes: what it costs. */
  readonly count: number;
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
}

/** Asks, and asks again if need be. Never rejects unless a try does. */
export async function hedge<Answer>(hedged: Hedged<Answer>): Promise<Answer> {
  const { signal, isGood, onHedge } = hedged;
  const firstStop = linked(signal);
  const first = hedged.first(firstStop.signal);
  const second = await lateSecond(hedged, first);
  if (second === undefined) {
    firstStop.unlink();
    return first;
  }
  const secondStop = linked(signal);
  const again = second.ask(secondStop.signal);
  const winner = await Promise.race([
    first.then((answer) => ({ answer, isSecond: false })),
    again.then((answer) => ({ answer, isSecond: true })),
  ]);
  let { answer, isSecond } = winner;
  if (!isGood(answer)) {
    const other = await (isSecond ? first : again);
    // Neither is good: the first try says what is missing.
    if (isGood(other) || isSecond) {
      answer = other;
      isSecond = !isSecond;
    }
  }
  if (isSecond) firstStop.abort(OVERTAKEN);
  else secondStop.abort(NOT_NEEDED);
  firstStop.unlink();
  secondStop.unlink();
  second.release();
  onHedge(isGood(answer) ? (isSecond ? 'won' : 'lost') : 'failed');
  return answer;
}

interface PaidSecond<Answer> extends Second<Answer> {
  readonly release: () => void;
}

/** Waits until the first answer is late and somebody else may be asked; undefined if it came. */
function lateSecond<Answer>(
  hedged: Hedged<Answer>,
  first: Promise<Answer>,
): Promise<PaidSecond<Answer> | undefined> {
  const { delayMs, budget } = hedged;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let tries = 0;
    const startedAtMs = performance.now();
    const triesMs = lateAfterMs(delayMs);
    const wait = (): void => {
      const atMs = triesMs.paid[tries] ?? triesMs.silent * (1 + tries - triesMs.paid.length);
      timer = setTimeout(late, Math.max(0, atMs - (performance.now() - startedAtMs)));
    };
    const late = (): void => {
      const isSilent = tries >= triesMs.paid.length;
      tries += 1;
      const second = hedged.second();
      const release = second && pay(budget, second.count, isSilent);
      if (second === undefined || release === undefined) wait();
      else resolve({ ...second, release });
    };
    wait();
    first.then(
      () => {
        clearTimeout(timer);
        resolve(undefined);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** When the first call is late enough to be asked again, paying, and when it is silent. */
function lateAfterMs(delayMs: number | undefined): { paid: readonly number[]; silent: number } {
  if (delayMs === undefined) return { paid: [], silent: SILENT_MS_MIN };
  const silent = Math.min(SILENT_MS_MAX, Math.max(SILENT_MS_MIN, SILENT_FACTOR * delayMs));
  const paid = PAID_TRIES_FACTORS.map((factor) => factor * delayMs);
  return { paid: paid.filter((atMs) => atMs < silent), silent };
}

/** Takes what a second try costs; the function gives a place back. Undefined if it cannot be had. */
function pay(budget: HedgeBudget, count: number, isSilent: boolean): (() => void) | undefined {
  if (isSilent) return budget.stall();
  return budget.spend(count) ? () => {} : undefined;
}

interface Stop {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  unlink(): void;
}

/** A signal of its own that also fires with the given one. */
function linked(signal: AbortSignal): Stop {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  const pass = (): void => controller.abort(signal.reason);
  // A search over many indexes has dozens of calls under one signal: that is no leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', pass, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => signal.removeEventListener('abort', pass),
  };
}

/** Reason of a signal whose call another copy was faster than. */
export const OVERTAKEN = new Error('another copy answered first');
const NOT_NEEDED = new Error('the first copy answered after all');
