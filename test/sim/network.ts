/**
 * Calls to nodes as they go over a real network: they take time, get lost on either way, arrive twice, or
 * arrive after the one who sent them closed the connection or died.
 */
import type { Clock } from './clock.ts';
import type { Coverage } from './coverage.ts';
import type { ModelNode } from './node.ts';
import type { FaultRates } from './profile.ts';
import type { Random } from './random.ts';

/** What the caller learns. `refused`: it surely did not arrive. `reset`: it may have, or may still. */
export type CallOutcome<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'refused' }
  | { readonly kind: 'reset' };

/** One call. */
export interface CallRequest<Answer> {
  readonly node: ModelNode;
  /** What the node does when it arrives. */
  readonly perform: (isRepeated: boolean) => Answer;
  /** Exactly once, unless the caller dies first. */
  readonly done: (outcome: CallOutcome<Answer>) => void;
  /** Writes may arrive late or twice; reads of that kind change nothing. */
  readonly isWrite: boolean;
}

/** A call on its way. */
export interface Call {
  /** The caller closes the connection; it learns `reset` unless it learned something before. */
  cut(): void;
  /** The caller is dead: it learns nothing more, but the call may arrive still. */
  orphan(): void;
}

/** What the network needs of the world. */
export interface NetworkOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly rates: FaultRates;
  readonly coverage: Coverage;
}

const SLOW_MS = 9_000;

/** The network. */
export class Network {
  readonly #options: NetworkOptions;
  /** Calls that have not arrived and whose caller does not wait any more, and where they go. */
  readonly #strays = new Map<() => void, ModelNode>();
  /** The same of requests that will arrive a second time. */
  #repeats = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** How many requests are still to come of which nobody waits for the answer. */
  get strays(): number {
    return this.#strays.size + this.#repeats;
  }

  /** Whether some such call is on its way to the node. */
  hasStrays(node: ModelNode): boolean {
    return [...this.#strays.values()].includes(node);
  }

  /** Those calls come now, if the node takes anything in. */
  hurryStrays(node: ModelNode): void {
    if (this.#options.clock.nowMs < node.stalledUntilMs) return;
    for (const [arrive, to] of [...this.#strays]) if (to === node) arrive();
  }

  call<Answer>(request: CallRequest<Answer>): Call {
    const { clock, random, rates, coverage } = this.#options;
    const { node, isWrite } = request;
    const from = node.incarnation;
    let isOver = false;
    let isGone = false;
    let isStray = false;
    const finish = (outcome: CallOutcome<Answer>, delayMs: number): void => {
      clock.in(delayMs, () => {
        if (isOver) return;
        isOver = true;
        request.done(outcome);
      });
    };
    const arrive = (): void => {
      // It may have been hurried.
      if (isStray && !this.#strays.delete(arrive)) return;
      if (isGone) return;
      if (!node.isUp || (node.incarnation !== from && !isStray)) {
        finish({ kind: 'reset' }, 1);
        return;
      }
      if (clock.nowMs < node.stalledUntilMs) {
        if (isStray) this.#strays.set(arrive, node);
        node.waiting.push(arrive);
        return;
      }
      isGone = true;
      const answer = request.perform(false);
      if (isStray) coverage.hit('a request arrived after its connection was closed');
      if (isWrite && random.chance(rates.duplicate * 0.012)) this.#repeat(request);
      if (random.chance(rates.answerLoss * 0.12)) {
        coverage.hit('answer lost');
        finish({ kind: 'reset' }, random.between(1, 40));
        return;
      }
      clock.in(this.#travelMs(), () => {
        if (isOver) return;
        isOver = true;
        if (node.incarnation === from) request.done({ kind: 'answered', answer });
        else request.done({ kind: 'reset' });
      });
    };
    if (!node.isUp) finish({ kind: 'refused' }, 1);
    else if (random.chance(rates.requestLoss * 0.12)) {
      coverage.hit('request lost');
      isGone = true;
      finish({ kind: 'reset' }, random.between(1, 40));
    } else clock.in(this.#requestMs(isWrite), arrive);
    const letGo = (keepShare: number): void => {
      if (isGone) return;
      if (random.chance(keepShare)) {
        this.#strays.set(arrive, node);
        isStray = true;
      } else isGone = true;
    };
    return {
      cut: () => {
        if (isOver) return;
        letGo(isWrite ? rates.lateRequest * 0.3 : 0);
        finish({ kind: 'reset' }, random.between(1, 20));
      },
      orphan: () => {
        if (isOver) return;
        isOver = true;
        letGo(isWrite ? 0.5 : 0);
      },
    };
  }

  #repeat<Answer>(request: CallRequest<Answer>): void {
    const { clock, random, coverage } = this.#options;
    this.#repeats += 1;
    clock.in(random.between(1, 3_000), () => {
      this.#repeats -= 1;
      if (!request.node.isUp) return;
      coverage.hit('a request arrived twice');
      request.perform(true);
    });
  }

  #travelMs(): number {
    return 1 + this.#options.random.next() * 4;
  }

  #requestMs(isWrite: boolean): number {
    const { random, rates, coverage } = this.#options;
    if (!isWrite || !random.chance(rates.slowRequest * 0.12)) return this.#travelMs();
    coverage.hit('slow request');
    return random.next() * SLOW_MS;
  }
}
