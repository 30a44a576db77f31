/**
 * Calls to control that bear a change of leader: made again with one replica after the pauses the call names,
 * with several as long as the worker's endpoint has patience, and never where that could do a thing twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { isUnreachable } from './channel.ts';
import { type ControlEndpoint, leaderIn } from './control-endpoint.ts';

const NEVER_SENT = Symbol('never sent');
/** Names that a call without patience follows. */
const NAMES_MAX = 2;

/** What one call bears. */
export interface LeaderTerms {
  /** How long it waits for a leader where several replicas are; 0: it only goes where it is sent. */
  readonly patienceMs: number;
  /** Pauses between tries at the same replica; without them it is asked once. */
  readonly pausesMs?: readonly number[];
  /** Whether it may be made again although it may have been done. */
  readonly isRepeatable: boolean;
  /** Whether UNAVAILABLE may also be an answer of the leader's: then it says nothing about the leader. */
  readonly isUnavailableAnAnswer?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a try that lasted so long was doing: it was taken, and what fails it now is another loss. */
const TAKEN_MS = 3_000;

/** The tries of one call. */
class Tries {
  readonly #endpoint: ControlEndpoint;
  readonly #terms: LeaderTerms;
  #pauses = 0;
  #names = 0;
  #missedAtMs: number | undefined;
  #triedAtMs = 0;

  constructor(endpoint: ControlEndpoint, terms: LeaderTerms) {
    this.#endpoint = endpoint;
    this.#terms = terms;
  }

  /** Resolves with whether the call that failed so is to be made again. Rejects if the signal fires. */
  async again(address: string, error: unknown): Promise<boolean> {
    const { signal, isRepeatable, isUnavailableAnAnswer = false, patienceMs } = this.#terms;
    const wasRefused = isUnconnected(error) || leaderIn(error) !== undefined;
    if (!isUnreachable(error) || (!isRepeatable && !wasRefused)) return false;
    if (this.#endpoint.isAlone || codeOf(error) !== status.UNAVAILABLE) return this.#pause(signal);
    if (isUnavailableAnAnswer && !wasRefused) return false;
    if (patienceMs === 0) return this.#follow(address, error);
    const waitedMs = this.#waitedMs();
    if (waitedMs >= patienceMs || !this.#endpoint.isPatient(waitedMs)) return false;
    const isThere = await this.#endpoint.next({ address, error }, signal);
    this.#triedAtMs = performance.now();
    return isThere;
  }

  #waitedMs(): number {
    const nowMs = performance.now();
    if (nowMs - this.#triedAtMs >= TAKEN_MS) this.#missedAtMs = undefined;
    this.#missedAtMs ??= nowMs;
    return nowMs - this.#missedAtMs;
  }

  async #pause(signal: AbortSignal | undefined): Promise<boolean> {
    const pauseMs = this.#terms.pausesMs?.[this.#pauses];
    if (pauseMs === undefined) return false;
    this.#pauses += 1;
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
    return true;
  }

  /** The next call begins elsewhere, and this one goes there too if it was told where. */
  #follow(address: string, error: unknown): boolean {
    this.#names += 1;
    if (this.#names <= NAMES_MAX && this.#endpoint.follow({ address, error })) return true;
    void this.#endpoint.next({ address, error });
    return false;
  }
}

/** Makes a call where the leader is taken to be; rejects with the ServiceError of its last try. */
export async function callLeader<Answer>(
  endpoint: ControlEndpoint,
  terms: LeaderTerms,
  attempt: (address: string) => Promise<Answer>,
): Promise<Answer> {
  const tries = new Tries(endpoint, terms);
  for (;;) {
    const { address } = endpoint;
    try {
      const answer = await attempt(address);
      endpoint.answered(address);
      return answer;
    } catch (error) {
      const isOver = await tries.again(address, error).then(
        (isToRepeat) => !isToRepeat,
        () => true,
      );
      if (isOver) throw error;
    }
  }
}

/** The end of a call that was never made: there is no connection. */
export function unconnected(address: string): ServiceError {
  const details = `${address} does not answer`;
  const metadata = new Metadata();
  return Object.assign(new Error(details), {
    code: status.UNAVAILABLE,
    details,
    metadata,
    [NEVER_SENT]: true,
  });
}

function isUnconnected(error: unknown): boolean {
  return (error as { readonly [NEVER_SENT]?: boolean })[NEVER_SENT] === true;
}

function codeOf(error: unknown): status | undefined {
  return (error as Partial<ServiceError>).code;
}
