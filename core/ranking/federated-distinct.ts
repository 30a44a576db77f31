/**
 * Distinct over the queries and indexes of a federation, and by a field that a search names itself. There a
 * node compares the values of documents, not those it has filed: an empty text is a value, 1 and 1.0 are
 * two, 0.0 and -0.0 one.
 */
import { decodeString } from '../json/slice.ts';
import type { Hit } from './hits.ts';
import { normalizeFacet } from './normalize.ts';
import { visitLeaves } from './select.ts';

/** A value as a node compares it: text normalized, a number as it is written. */
export interface LeafValue {
  readonly kind: 'text' | 'number';
  readonly text: string;
}

const QUOTE = 0x22;
const SMALL_T = 0x74;
const SMALL_F = 0x66;
const SMALL_N = 0x6e;
const OPEN_BRACE = 0x7b;

/** All values of a field, doubles too; nulls and objects are none. */
export function leafValues(hit: Hit, field: string): LeafValue[] {
  const values: LeafValue[] = [];
  visitLeaves(hit.bytes, hit.start, field, (start, end) => {
    const first = hit.bytes[start] as number;
    if (first === QUOTE) {
      const text = normalizeFacet(decodeString(hit.bytes, start, end));
      values.push({ kind: 'text', text });
    } else if (first === SMALL_T || first === SMALL_F) {
      values.push({ kind: 'text', text: first === SMALL_T ? 'true' : 'false' });
    } else if (first !== SMALL_N && first !== OPEN_BRACE) {
      values.push({ kind: 'number', text: hit.bytes.toString('latin1', start, end) });
    }
  });
  return values;
}

/** Lets a hit pass unless one of its values was seen before. */
export class FederatedDistinct {
  /** True once a hit came by with a value that a node files apart from its equals, or not at all. */
  hasTwins = false;
  readonly #field: string;
  readonly #seen = new Set<string>();

  constructor(field: string) {
    this.#field = field;
  }

  accepts(hit: Hit): boolean {
    const values = leafValues(hit, this.#field);
    this.hasTwins ||= values.some(isFiledApart);
    const keys = values.map(({ kind, text }) =>
      kind === 'text' ? `s${text}` : `n${text === '-0.0' ? '0.0' : text}`,
    );
    if (keys.some((key) => this.#seen.has(key))) return false;
    for (const key of keys) this.#seen.add(key);
    return true;
  }
}

/** Empty texts are not filed; zeros of either sign are two there. */
function isFiledApart({ kind, text }: LeafValue): boolean {
  return kind === 'text' ? text === '' : Number(text) === 0;
}
