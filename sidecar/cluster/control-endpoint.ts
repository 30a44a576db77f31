/**
 * Which replica of control a worker's calls go to. Only the leader answers most of them; whoever is not the
 * leader refuses with UNAVAILABLE and names it in the trailing metadata (`miroir-leader: host:port`, empty if
 * it knows none). So a call follows the name it was given, and without one asks the next replica in turn,
 * after a pause that all calls of the worker share. A leader may be missing for as long as a takeover takes:
 * calls wait for the next one, but at most ten seconds from when it was missed first.
 *
 * Every call carries the highest position this worker has seen (`miroir-seen: epoch.index`): a leader that is
 * behind it has lost what was committed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ChannelCredentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { assert } from '../../core/assert.ts';
import type { Position } from '../../core/topology.ts';
import { comparePositions } from './view.ts';

/** How long a missing leader is waited for: a takeover takes at most nine. */
export const PATIENCE_MS = 10_000;
/** What a call waits at least, however long the leader has been missing. */
const PATIENCE_MS_MIN = 2_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 400;
/** Until it has been missing for so long another leader is expected any moment: pauses stay short. */
const SOON_MS = 1_500;
const SOON_PAUSE_MS = 100;
/** Names in a row that are followed without a pause: two replicas may name each other. */
const NAMES_MAX = 2;
/** Calls that may wait for a leader at once. */
const WAITING_MAX = 8_192;
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$/;

/** Where a call went and how it ended there. */
interface Failure {
  readonly address: string;
  readonly error: unknown;
}

/** What an endpoint is made of. */
export interface EndpointOptions {
  /** host:port of each replica; at least one. */
  readonly addresses: readonly string[];
  /** Of every connection; default: not encrypted. */
  readonly credentials?: ChannelCredentials | undefined;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

/** The replicas of control as one worker knows them. */
export class ControlEndpoint {
  readonly addresses: readonly string[];
  readonly credentials: ChannelCredentials;
  readonly #options: EndpointOptions;
  #address: string;
  #seen: Position = { epoch: 0n, index: 0n };
  #missingSinceMs: number | undefined;
  #pause: Promise<void> | undefined;
  #pauseMs = PAUSE_MS_MIN;
  #namesInARow = 0;
  #waiting = 0;
  /** Of the replica that was asked last without having been named. */
  #turn: number;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.addresses = options.addresses;
    this.credentials = options.credentials ?? ChannelCredentials.createInsecure();
    this.#turn = Math.floor(options.random() * options.addresses.length);
    const first = options.addresses[this.#turn];
    assert(first !== undefined, 'control has an address');
    this.#address = first;
  }

  /** Whether there is only one replica: nobody else to ask, and nobody who takes over. */
  get isAlone(): boolean {
    return this.addresses.length === 1;
  }

  /** Where calls go now. */
  get address(): string {
    return this.#address;
  }

  /** What every call carries. */
  metadata(): Metadata {
    const metadata = new Metadata();
    const { epoch, index } = this.#seen;
    metadata.set('miroir-seen', `${epoch}.${index}`);
    return metadata;
  }

  /** A position that control named. */
  see(position: Position | undefined): void {
    if (position !== undefined && comparePositions(position, this.#seen) > 0) this.#seen = position;
  }

  /** A call was answered there: it is the leader. */
  answered(address: string): void {
    if (address !== this.#address) return;
    this.#missingSinceMs = undefined;
    this.#pauseMs = PAUSE_MS_MIN;
    this.#namesInARow = 0;
  }

  /** Whether a call that has waited so long for a leader should go on: late comers wait less. */
  isPatient(waitedMs: number): boolean {
    const sinceMs = this.#missingSinceMs;
    const missingMs = sinceMs === undefined ? 0 : this.#options.nowMs() - sinceMs;
    return waitedMs < PATIENCE_MS_MIN || Math.max(missingMs, waitedMs) < PATIENCE_MS;
  }

  /** Goes where a refusal points to; false if it points nowhere new. */
  follow({ address, error }: Failure): boolean {
    const name = leaderIn(error);
    if (name === undefined || !ADDRESS.test(name)) return false;
    // Somebody went on before.
    if (address !== this.#address) return true;
    if (name === address || this.#namesInARow >= NAMES_MAX) return false;
    this.#missingSinceMs ??= this.#options.nowMs();
    this.#namesInARow += 1;
    this.#address = name;
    return true;
  }

  /**
   * Resolves with true when a call that found no leader may be made again, at `address`. Calls that fail
   * meanwhile wait for the same pause. Rejects if `signal` fires.
   */
  async next(failure: Failure, signal?: AbortSignal): Promise<boolean> {
    this.#missingSinceMs ??= this.#options.nowMs();
    if (this.follow(failure)) return true;
    if (failure.address !== this.#address && this.#pause === undefined) return true;
    if (this.#waiting >= WAITING_MAX) return false;
    this.#pause ??= this.#goOn();
    this.#waiting += 1;
    try {
      await abortable(this.#pause, signal);
      return true;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** The next replica in turn, so that two that name each other for ever do not hide a third. */
  async #goOn(): Promise<void> {
    const missingMs = this.#options.nowMs() - (this.#missingSinceMs ?? this.#options.nowMs());
    const maxMs = missingMs < SOON_MS ? SOON_PAUSE_MS : PAUSE_MS_MAX;
    const pauseMs = this.#pauseMs * (0.5 + this.#options.random());
    this.#pauseMs = Math.min(this.#pauseMs * 1.5, maxMs);
    await delay(pauseMs);
    const { addresses } = this;
    do this.#turn = (this.#turn + 1) % addresses.length;
    while (addresses[this.#turn] === this.#address && addresses.length > 1);
    this.#address = addresses[this.#turn] ?? this.#address;
    this.#namesInARow = 0;
    this.#pause = undefined;
  }
}

/** The endpoint of a process, with its own clock and randomness. */
export function endpointOf(
  addresses: readonly string[],
  credentials?: ChannelCredentials,
): ControlEndpoint {
  const nowMs = () => performance.now();
  return new ControlEndpoint({ addresses, credentials, random: Math.random, nowMs });
}

/** The leader that a refusal names; empty if whoever refused knows none, undefined if it is no such refusal. */
export function leaderIn(error: unknown): string | undefined {
  const { code, metadata } = error as Partial<ServiceError>;
  if (code !== status.UNAVAILABLE) return undefined;
  const [name] = metadata?.get('miroir-leader') ?? [];
  return name?.toString();
}

/** Waits for `promise`; an abort ends the wait, not what is waited for. */
function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
