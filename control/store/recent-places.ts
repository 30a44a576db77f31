/**
 * Epoch, chain and length of the entries written last by this process, so that the log's beginning can move on
 * without reading what goes: entries are large where many changes share a flush.
 */
import type { LogPlace } from './meta.ts';

const CHAIN_BYTES = 16;
/** Where entries are so small that the log keeps more of them, reading them costs little. */
const PLACES = 16_384;

/** The places, in a ring. */
export class RecentPlaces {
  readonly #indexes = new BigInt64Array(PLACES);
  readonly #epochs = new BigUint64Array(PLACES);
  readonly #lengths = new Uint32Array(PLACES);
  readonly #chains = Buffer.alloc(PLACES * CHAIN_BYTES);

  /** An entry is written; it replaces an earlier one of the same index. */
  note({ epoch, index, chain }: LogPlace, length: number): void {
    const slot = Number(index) % PLACES;
    this.#indexes[slot] = index;
    this.#epochs[slot] = epoch;
    this.#lengths[slot] = length;
    this.#chains.set(chain, slot * CHAIN_BYTES);
  }

  /** Place and length of an entry that is in the log; undefined if it was not written lately. */
  get(index: bigint): { readonly place: LogPlace; readonly length: number } | undefined {
    const slot = Number(index) % PLACES;
    if (this.#indexes[slot] !== index) return undefined;
    const at = slot * CHAIN_BYTES;
    const chain = Uint8Array.from(this.#chains.subarray(at, at + CHAIN_BYTES));
    return {
      place: { epoch: this.#epochs[slot] ?? 0n, index, chain },
      length: this.#lengths[slot] ?? 0,
    };
  }
}
