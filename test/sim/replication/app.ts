/**
 * What a leader does for callers, as small as it can be: a request becomes one entry and gets the next number;
 * the same request again gets the same answer. Lives as long as its replica leads.
 */
import { proposalPlace } from '../../../control/replication/core/index.ts';
import { chainOf } from './payload.ts';
import type { Replica } from './replica.ts';
import type { ReplicaWorld } from './world.ts';

/** What a caller is told. */
export type Answer =
  | { readonly kind: 'done'; readonly uid: number }
  | { readonly kind: 'read'; readonly index: number }
  | { readonly kind: 'refused'; readonly reason: string };

type Answered = (answer: Answer) => void;

/** A leader's work. */
export class LeaderApp {
  readonly #world: ReplicaWorld;
  readonly #replica: Replica;
  /** Number of each request that is done or under way. */
  readonly #uids = new Map<string, number>();
  readonly #waiting: { readonly index: number; readonly requestId: string; callers: Answered[] }[] =
    [];
  readonly #reads = new Map<number, Answered>();
  #ticket = 0;

  constructor(world: ReplicaWorld, replica: Replica) {
    this.#world = world;
    this.#replica = replica;
    for (const [uid, requestId] of replica.disk.content.requests.entries()) {
      this.#uids.set(requestId, uid);
    }
  }

  request(requestId: string, answered: Answered): void {
    const { payloads, coverage } = this.#world;
    const waiting = this.#waiting.find((one) => one.requestId === requestId);
    if (waiting !== undefined) {
      waiting.callers.push(answered);
      return;
    }
    const known = this.#uids.get(requestId);
    if (known !== undefined) {
      coverage.hit('a repeated request was known');
      answered({ kind: 'done', uid: known });
      return;
    }
    const place = proposalPlace(this.#replica.coreState);
    if (place.kind === 'refused') {
      coverage.hit(`proposal refused: ${place.reason}`);
      answered(place);
      return;
    }
    const bytes = payloads.write({ kind: 'request', requestId });
    const { epoch, index } = place;
    const chain = chainOf(epoch, place.previousChain, bytes);
    this.#uids.set(requestId, this.#uids.size);
    this.#waiting.push({ index, requestId, callers: [answered] });
    this.#replica.take({ kind: 'propose', entry: { epoch, index, chain, bytes } });
  }

  read(answered: Answered): void {
    this.#ticket += 1;
    this.#reads.set(this.#ticket, answered);
    this.#replica.take({ kind: 'read', ticket: this.#ticket });
  }

  onRead(ticket: number, index: number | undefined): void {
    const answered = this.#reads.get(ticket);
    this.#reads.delete(ticket);
    answered?.(index === undefined ? CLOSED : { kind: 'read', index });
  }

  onCommitted(index: number): void {
    while ((this.#waiting[0]?.index ?? Number.POSITIVE_INFINITY) <= index) {
      const one = this.#waiting.shift();
      if (one === undefined) return;
      const uid = this.#uids.get(one.requestId) ?? -1;
      for (const answered of one.callers) answered({ kind: 'done', uid });
    }
  }

  close(): void {
    for (const { callers } of this.#waiting) for (const answered of callers) answered(CLOSED);
    for (const answered of this.#reads.values()) answered(CLOSED);
    this.#waiting.length = 0;
    this.#reads.clear();
  }
}

const CLOSED: Answer = { kind: 'refused', reason: 'closed' };
