/**
 * Callers: requests and strong reads, one after another, each tried at one replica after another until it is
 * answered. The same request keeps its name, so that it is done once. They share what they have seen.
 */
import type { Answer } from './app.ts';
import type { Replica } from './replica.ts';
import type { ReplicaWorld, Seen } from './world.ts';

type Judge = (answer: Answer, replica: Replica, seen: Seen | undefined) => boolean;

const PATIENCE_MS = 1_500;

/** One caller. */
export class Client {
  isIdle = true;
  isStopped = false;
  readonly #world: ReplicaWorld;
  readonly #name: string;
  #guess: Replica;
  #count = 0;

  constructor(world: ReplicaWorld, name: string) {
    this.#world = world;
    this.#name = name;
    this.#guess = world.random.pick(world.replicas);
  }

  /** Calls until it is stopped. */
  run(): void {
    const { clock, random, profile } = this.#world;
    this.isIdle = true;
    if (this.isStopped) return;
    clock.in(random.next() * 2 * profile.clientPauseMs, () => this.#next());
  }

  #next(): void {
    const { random, checker } = this.#world;
    if (this.isStopped) return;
    this.isIdle = false;
    if (random.chance(0.3)) {
      this.#read();
      return;
    }
    this.#count += 1;
    const requestId = `${this.#name}.${this.#count}`;
    this.#try(requestId, (answer, replica, seen) => {
      if (answer.kind !== 'done') return false;
      checker.onAnswered(replica, { requestId, uid: answer.uid, seen });
      return true;
    });
  }

  #read(): void {
    const { checker } = this.#world;
    this.#try(undefined, (answer, replica, seen) => {
      if (answer.kind !== 'read') return false;
      checker.onRead(replica, answer.index, seen);
      return true;
    });
  }

  /** `take` judges an answer at the moment it is given; false: try again. */
  #try(requestId: string | undefined, take: Judge): void {
    const { clock, random, rates, coverage } = this.#world;
    const replica = this.#guess;
    let isOver = false;
    const end = (isDone: boolean, isKnown: boolean): void => {
      if (isOver) return;
      isOver = true;
      if (isDone) {
        this.run();
        return;
      }
      if (!isKnown) coverage.hit('call without an answer');
      // Some do not notice soon that somebody else leads now.
      if (!random.chance(0.2)) this.#guess = this.#otherThan(replica);
      clock.in(random.between(10, 200), () => this.#try(requestId, take));
    };
    clock.in(PATIENCE_MS, () => end(false, false));
    if (random.chance(rates.clientLoss * 0.2)) return;
    clock.in(0.3 + random.next() * 2, () =>
      replica.call(requestId, (answer, seen) => {
        // Whether it reaches the caller or not, this is what the system says.
        const isDone = take(answer, replica, seen);
        if (isDone) this.#world.noteSeen(replica);
        if (random.chance(rates.clientLoss * 0.2)) return;
        clock.in(0.3 + random.next() * 2, () => end(isDone, true));
      }),
    );
  }

  #otherThan(replica: Replica): Replica {
    const { random, replicas } = this.#world;
    const { following, engine } = replica.coreState;
    const hinted = random.chance(0.7) ? (following?.leader ?? engine.known?.record.leader) : '';
    return replicas.find(({ id }) => id === hinted && id !== replica.id) ?? random.pick(replicas);
  }
}
