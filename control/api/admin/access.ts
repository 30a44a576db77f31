/**
 * Who may use the public API: the bearer of the admin token, or a client with a certificate of the role
 * `cli`. Failures are counted per address: after a few, that address waits, whatever it sends.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Metadata, status } from '@grpc/grpc-js';
import { personOf } from './certificate.ts';
import { AdminError } from './errors.ts';

/** Failures an address may make at once, and how long it takes until one is forgiven. */
const FAILURES_MAX = 10;
const FORGIVE_MS = 6_000;
/** Addresses that are remembered; the oldest goes first. */
const ADDRESSES_MAX = 1_024;
const BEARER = /^bearer +(\S+) *$/i;
/** As the audit names the bearer of the token. */
const TOKEN_NAME = 'admin-token';

/** What is looked at in a call. */
export interface AccessCall {
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): Parameters<typeof personOf>[0];
}

/** A client certificate that was checked by TLS. */
export interface ClientCertificate {
  /** Subject alternative name, for the audit. */
  readonly name: string;
}

/** Who calls. */
export interface Caller {
  readonly name: string;
  readonly peer: string;
}

/** What judging needs. */
export interface AccessOptions {
  /** Read anew for each call; throws with a clear line if there is none. */
  readonly adminToken: () => string;
  readonly steadyMs: () => number;
}

interface Failures {
  count: number;
  sinceMs: number;
}

/** Judges calls. */
export class AdminAccess {
  readonly #options: AccessOptions;
  readonly #failures = new Map<string, Failures>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** The caller. Throws UNAUTHENTICATED, PERMISSION_DENIED or RESOURCE_EXHAUSTED. */
  judge(call: AccessCall): Caller {
    const peer = call.getPeer();
    const person = personOf(call.getAuthContext());
    if (person !== undefined) return { name: person.name, peer };
    const address = addressOf(peer);
    this.#refuseImpatient(address);
    const token = BEARER.exec(String(call.metadata.get('authorization')[0] ?? ''))?.[1];
    if (token === undefined) {
      const words = 'The admin token is needed as metadata `authorization: Bearer <admin token>`.';
      throw this.#failed(address, words);
    }
    if (!isSameSecret(token, this.#adminToken())) {
      throw this.#failed(address, 'The admin token is not the right one.');
    }
    this.#failures.delete(address);
    return { name: TOKEN_NAME, peer };
  }

  #adminToken(): string {
    try {
      return this.#options.adminToken();
    } catch (error) {
      throw new AdminError(
        'miroir_admin_token_required',
        `Control has no admin token, so nobody may use this API: ${(error as Error).message}`,
        { status: status.UNAUTHENTICATED },
      );
    }
  }

  #refuseImpatient(address: string): void {
    const failures = this.#failures.get(address);
    if (failures === undefined) return;
    const forgiven = Math.floor((this.#options.steadyMs() - failures.sinceMs) / FORGIVE_MS);
    failures.count = Math.max(0, failures.count - forgiven);
    failures.sinceMs += forgiven * FORGIVE_MS;
    if (failures.count < FAILURES_MAX) return;
    throw new AdminError(
      'miroir_too_many_attempts',
      'Too many calls without the right admin token came from this address. Try again in a minute.',
      { status: status.RESOURCE_EXHAUSTED },
    );
  }

  #failed(address: string, words: string): AdminError {
    const known = this.#failures.get(address);
    if (known !== undefined) {
      known.count += 1;
    } else {
      this.#failures.set(address, { count: 1, sinceMs: this.#options.steadyMs() });
      for (const oldest of this.#failures.keys()) {
        if (this.#failures.size <= ADDRESSES_MAX) break;
        this.#failures.delete(oldest);
      }
    }
    return new AdminError('miroir_admin_token_required', words, {
      status: status.UNAUTHENTICATED,
    });
  }
}

/** Compares hashes, so that neither length nor content shows in the time it takes. */
function isSameSecret(given: string, wanted: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(wanted));
}

/** Without the port: each connection has another. */
function addressOf(peer: string): string {
  return peer.replace(/:[0-9]+$/, '');
}
