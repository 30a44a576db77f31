/**
 * Facet distributions and statistics of several nodes made one (contract 4.7, 4.8).
 *
 * Values are joined under their normalized text, since two shards may show two spellings of one value.
 * Order and cut are applied here: nodes answer with a raised limit in alpha order. Two peculiarities of
 * the engine are kept: with at most 3000 candidates numbers sort as TEXT, and where numbers fill the
 * limit exactly in the other mode, all texts still follow.
 */

import { type ByteWriter, decodeNumber, Members, textOf } from '../json/slice.ts';
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { compareNumbers } from './compare.ts';
import { isNamed } from './filterable.ts';
import { compareUtf8, normalizeFacet } from './normalize.ts';
import { isTextArray } from './projection.ts';
import type { SpelledApart, Spellings } from './spelling.ts';
import type { JsonObject } from './types.ts';

const CANDIDATES_TEXT_MAX = 3000;
const VALUES_DEFAULT = 100;

/** How facets are cut and ordered: the user's settings. */
export interface FacetRules {
  readonly valuesMax: number;
  /** Field or `*` to order. */
  readonly orders: ReadonlyMap<string, 'alpha' | 'count'>;
  /** Patterns of the facets asked for; undefined: each by its own name. */
  readonly asked: readonly string[] | undefined;
}

/** Reads the user's faceting settings, for facets that are asked for by these patterns. */
export function facetRules(settings: JsonObject, asked?: unknown): FacetRules {
  const faceting = (settings['faceting'] ?? {}) as JsonObject;
  const valuesMax = faceting['maxValuesPerFacet'];
  const orders = new Map<string, 'alpha' | 'count'>();
  for (const [field, order] of Object.entries((faceting['sortFacetValuesBy'] ?? {}) as object)) {
    if (order === 'alpha' || order === 'count') orders.set(field, order);
  }
  return {
    valuesMax: typeof valuesMax === 'number' ? valuesMax : VALUES_DEFAULT,
    orders,
    asked: isTextArray(asked) ? asked : undefined,
  };
}

/**
 * In which order a facet's values are shown: its own, or that of all others, also if it shows merely as a
 * part of a field that was asked for.
 */
export function orderOf({ orders, asked }: FacetRules, facet: string): 'alpha' | 'count' {
  const isAsked = asked === undefined || asked.some((pattern) => isNamed(facet, pattern));
  return (isAsked ? orders.get(facet) : undefined) ?? orders.get('*') ?? 'alpha';
}

/** One value of a facet. */
export interface FacetValue {
  /** As shown: the spelling of the first node that has it, unless Spellings know better. */
  shown: string;
  readonly normalized: string;
  count: number;
  /** Whether another node shows another spelling. */
  isSpelledApart?: true;
}

/** Counts of one field, numbers apart from texts. */
export interface FacetField {
  readonly numbers: Map<string, FacetValue>;
  readonly texts: Map<string, FacetValue>;
}

/** Smallest and largest number of a field with the text they came in. */
interface FacetStat {
  min: number;
  minText: string;
  max: number;
  maxText: string;
}

/** Facets of several answers. */
export class FacetTable {
  readonly fields = new Map<string, FacetField>();
  readonly #stats = new Map<string, FacetStat>();
  /** Whether any answer had statistics, be they of no field. */
  hasStats = false;

  /** Adds one answer's facets; either position may be absent (-1). */
  add(bytes: Uint8Array, distributionAt: number, statsAt: number): void {
    if (statsAt >= 0) this.hasStats = true;
    const stats = statsAt < 0 ? new Map<string, FacetStat>() : readStats(bytes, statsAt);
    for (const [field, stat] of stats) this.#addStat(field, { ...stat });
    if (distributionAt < 0) return;
    const members = new Members(bytes, distributionAt);
    while (members.next()) {
      if (members.hasPrefix(RESERVED_PREFIX)) continue;
      const name = members.name();
      let field = this.fields.get(name);
      if (field === undefined) {
        field = { numbers: new Map(), texts: new Map() };
        this.fields.set(name, field);
      }
      addValues(field, bytes, members.valueStart, stats.get(name));
    }
  }

  #addStat(field: string, stat: FacetStat): void {
    const known = this.#stats.get(field);
    if (known === undefined) {
      this.#stats.set(field, stat);
      return;
    }
    if (compareNumbers(stat.min, known.min) < 0) {
      known.min = stat.min;
      known.minText = stat.minText;
    }
    if (compareNumbers(stat.max, known.max) > 0) {
      known.max = stat.max;
      known.maxText = stat.maxText;
    }
  }

  /** Adds another table, of other documents, to this one. */
  join(other: FacetTable): void {
    this.addStats(other);
    for (const [name, field] of other.fields) {
      const own = this.fields.get(name);
      if (own === undefined) {
        this.fields.set(name, field);
        continue;
      }
      joinValues(own.numbers, field.numbers);
      joinValues(own.texts, field.texts);
    }
  }

  /** Forgets values that no document is left of. */
  dropEmpty(): void {
    for (const { numbers, texts } of this.fields.values()) {
      for (const values of [numbers, texts]) {
        for (const [key, { count }] of values) if (count === 0) values.delete(key);
      }
    }
  }

  /** Adds another table's statistics to these. */
  addStats(other: FacetTable): void {
    for (const [field, stat] of other.#stats) this.#addStat(field, { ...stat });
  }

  /** Values of which answers show several spellings. */
  spelledApart(): SpelledApart[] {
    const apart: SpelledApart[] = [];
    for (const [field, { texts }] of this.fields) {
      for (const { normalized, isSpelledApart } of texts.values()) {
        if (isSpelledApart === true) apart.push({ field, normalized });
      }
    }
    return apart;
  }

  /** Shows values as they are spelled there. */
  respell(spellings: Spellings): void {
    for (const [field, { texts }] of this.fields) {
      for (const value of texts.values()) {
        value.shown = spellings.of({ field, normalized: value.normalized }) ?? value.shown;
      }
    }
  }

  /** Fields by name, each ordered and cut: shown text to count. */
  ordered(rules: FacetRules, candidateCount: number): [string, Map<string, number>][] {
    return [...this.fields.keys()].sort(compareUtf8).map((name) => {
      const order = orderOf(rules, name);
      const { valuesMax } = rules;
      const field = this.fields.get(name) as FacetField;
      return [name, orderFacet(field, { order, valuesMax, candidateCount })];
    });
  }

  /** Fields by name with their values as they came: for answers of one node that has the user's rules. */
  asGiven(): [string, Map<string, number>][] {
    return [...this.fields].map(([name, { numbers, texts }]) => {
      const values = [...numbers.values(), ...texts.values()];
      return [name, new Map(values.map(({ shown, count }) => [shown, count]))];
    });
  }

  /** Writes the value of `facetDistribution`. */
  writeDistribution(writer: ByteWriter, rules: FacetRules, candidateCount: number): void {
    writer.text('{');
    for (const [place, [name, values]] of this.ordered(rules, candidateCount).entries()) {
      if (place > 0) writer.text(',');
      writer.text(`${JSON.stringify(name)}:{`);
      let isFirst = true;
      for (const [shown, count] of values) {
        writer.text(`${isFirst ? '' : ','}${JSON.stringify(shown)}:${count}`);
        isFirst = false;
      }
      writer.text('}');
    }
    writer.text('}');
  }

  /** Writes the value of `facetStats`. */
  writeStats(writer: ByteWriter): void {
    writer.text('{');
    for (const [place, name] of [...this.#stats.keys()].sort(compareUtf8).entries()) {
      const stat = this.#stats.get(name) as FacetStat;
      if (place > 0) writer.text(',');
      writer.text(`${JSON.stringify(name)}:{"min":${stat.minText},"max":${stat.maxText}}`);
    }
    writer.text('}');
  }
}

function joinValues(own: Map<string, FacetValue>, other: ReadonlyMap<string, FacetValue>): void {
  for (const [key, value] of other) {
    const known = own.get(key);
    if (known === undefined) own.set(key, value);
    else known.count += value.count;
  }
}

function readStats(bytes: Uint8Array, at: number): Map<string, FacetStat> {
  const stats = new Map<string, FacetStat>();
  const members = new Members(bytes, at);
  const inner = new Members(bytes, at);
  while (members.next()) {
    if (members.hasPrefix(RESERVED_PREFIX)) continue;
    inner.reset(bytes, members.valueStart);
    const stat: FacetStat = { min: 0, minText: '0', max: 0, maxText: '0' };
    while (inner.next()) {
      const value = decodeNumber(bytes, inner.valueStart, inner.valueEnd);
      const text = textOf(bytes, inner.valueStart, inner.valueEnd);
      if (inner.isNamed('min')) Object.assign(stat, { min: value, minText: text });
      else if (inner.isNamed('max')) Object.assign(stat, { max: value, maxText: text });
    }
    stats.set(members.name(), stat);
  }
  return stats;
}

const NUMBER_TEXT = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$/;

/**
 * A node lists numbers first, then texts, and marks neither. Numbers are the leading keys that read as
 * numbers, lie within the field's statistics and keep the order of numbers; the first key that does not
 * begins the texts.
 */
function addValues(
  field: FacetField,
  bytes: Uint8Array,
  at: number,
  stat: FacetStat | undefined,
): void {
  const members = new Members(bytes, at);
  const section = new NumberSection(stat);
  while (members.next()) {
    const shown = members.name();
    const count = decodeNumber(bytes, members.valueStart, members.valueEnd);
    const isNumber = section.accepts(shown);
    const normalized = isNumber ? shown : normalizeFacet(shown);
    const values = isNumber ? field.numbers : field.texts;
    const known = values.get(normalized);
    if (known === undefined) values.set(normalized, { shown, normalized, count });
    else {
      known.count += count;
      if (known.shown !== shown) known.isSpelledApart = true;
    }
  }
}

class NumberSection {
  #isOpen: boolean;
  readonly #stat: FacetStat | undefined;
  #previous: string | undefined = undefined;
  #isTextOrder = true;
  #isNumberOrder = true;

  constructor(stat: FacetStat | undefined) {
    this.#stat = stat;
    this.#isOpen = stat !== undefined;
  }

  accepts(key: string): boolean {
    if (!this.#isOpen || this.#stat === undefined) return false;
    const value = Number(key);
    const fits = NUMBER_TEXT.test(key) && value >= this.#stat.min && value <= this.#stat.max;
    if (fits && this.#previous !== undefined) {
      if (compareUtf8(this.#previous, key) >= 0) this.#isTextOrder = false;
      if (Number(this.#previous) > value) this.#isNumberOrder = false;
    }
    this.#previous = key;
    this.#isOpen = fits && (this.#isTextOrder || this.#isNumberOrder);
    return this.#isOpen;
  }
}

/** What decides a facet's order and length. */
export interface FacetOrder {
  readonly order: 'alpha' | 'count';
  readonly valuesMax: number;
  /** Candidates of the whole search: beyond 3000 numbers sort as numbers. */
  readonly candidateCount: number;
}

/** Orders and cuts one facet as a node would; shown text to count, in order. */
export function orderFacet(field: FacetField, rules: FacetOrder): Map<string, number> {
  const numbers = [...field.numbers.values()];
  const texts = [...field.texts.values()];
  const shown = new Map<string, number>();
  if (rules.order === 'alpha' && rules.candidateCount <= CANDIDATES_TEXT_MAX) {
    numbers.sort((left, right) => compareUtf8(left.shown, right.shown));
    texts.sort((left, right) => compareUtf8(left.normalized, right.normalized));
    for (const value of numbers.slice(0, rules.valuesMax)) shown.set(value.shown, value.count);
    const room = Math.max(0, rules.valuesMax - shown.size);
    for (const value of texts.slice(0, room)) shown.set(value.shown, value.count);
    return shown;
  }
  const isCount = rules.order === 'count';
  const byValue = (left: FacetValue, right: FacetValue) => Number(left.shown) - Number(right.shown);
  const byText = (left: FacetValue, right: FacetValue) =>
    compareUtf8(left.normalized, right.normalized);
  numbers.sort((left, right) =>
    isCount ? right.count - left.count || byValue(right, left) : byValue(left, right),
  );
  texts.sort((left, right) =>
    isCount ? right.count - left.count || byText(right, left) : byText(left, right),
  );
  // The engine stops when the limit is met exactly, tested after each value: one value too many and it
  // never stops.
  for (const values of [numbers, texts]) {
    for (const value of values) {
      shown.set(value.shown, value.count);
      if (shown.size === rules.valuesMax) break;
    }
  }
  return shown;
}
