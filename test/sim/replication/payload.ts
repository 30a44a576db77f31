/** What entries of the made-up world hold: a number that names a payload kept here. */
import type { LogPoint } from '../../../control/replication/core/index.ts';

/** What an entry says. */
export type Payload =
  | { readonly kind: 'barrier'; readonly clusterId: string }
  | { readonly kind: 'request'; readonly requestId: string };

/** Before the first entry. */
export const FIRST_POINT: LogPoint = { epoch: 0, index: 0, chain: '-' };

/** All payloads of a seed. */
export class Payloads {
  readonly #all: Payload[] = [];

  /** As bytes; never twice the same. */
  write(payload: Payload): Uint8Array {
    const number = this.#all.push(payload) - 1;
    // Lengths differ, so that bounds of bytes mean something.
    const bytes = new Uint8Array(4 + (number % 7) * 8);
    new DataView(bytes.buffer).setUint32(0, number);
    return bytes;
  }

  read(bytes: Uint8Array): Payload {
    return this.#all[new DataView(bytes.buffer).getUint32(0)] as Payload;
  }
}

/** The chain after an entry: two rounds of a multiplying hash of all that it covers. */
export function chainOf(epoch: number, previous: string, bytes: Uint8Array): string {
  let high = 0x9e3779b9 ^ epoch;
  let low = 0x85ebca6b ^ Math.imul(epoch, 0x1b873593);
  for (let at = 0; at < previous.length; at += 1) {
    const code = previous.charCodeAt(at);
    high = Math.imul(high ^ code, 0x5bd1e995);
    low = Math.imul(low ^ code, 0x27d4eb2f);
  }
  for (let at = 0; at < 4; at += 1) {
    const code = bytes[at] ?? 0;
    high = Math.imul(high ^ code, 0x5bd1e995);
    low = Math.imul(low ^ code, 0x27d4eb2f);
  }
  high ^= low >>> 15;
  low ^= high >>> 13;
  return `${(high >>> 0).toString(36)}.${(low >>> 0).toString(36)}`;
}
