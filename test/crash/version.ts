/** What a store holds after one write, in a form that can be compared. */
import { createHash } from 'node:crypto';

/** One version of the data; the next write makes the next one. */
export interface Version {
  readonly index: number;
  readonly applied: number;
  readonly fence: number;
  /** Of the last entry, hex. */
  readonly chain: string;
  /** hashOf the whole state. */
  readonly state: string;
}

/** SHA-256 of all keys and values, whatever order they come in. */
export function hashOf(
  pairs: readonly { readonly key: string; readonly value: Uint8Array }[],
): string {
  const hash = createHash('sha256');
  for (const { key, value } of [...pairs].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    hash.update(`${key.length} ${key} ${value.length} `).update(value);
  }
  return hash.digest('hex');
}
