/**
 * The ranking rules of one query of a federated search as a node lays them out before it compares
 * queries: rules that say nothing for this query are taken away, `words` is put first where it is
 * implied, and what was done is noted, for the error that names two queries which cannot be compared
 * (Meilisearch's search/ranking_rules.rs).
 */

/** How a query ranks at all. */
export type RankedBy = 'placeholder' | 'keyword' | 'vector';

/** One rule of `sort`. */
export interface SortRule {
  /** Undefined for a distance. */
  readonly field: string | undefined;
  readonly direction: 'asc' | 'desc';
}

/** What the rules of a query are made from. */
export interface QueryRules {
  /** The index's ranking rules. */
  readonly criteria: readonly string[];
  /** The query's `sort`; undefined if it has none. */
  readonly sort: readonly SortRule[] | undefined;
  /** matchingStrategy `all`: then `words` ranks nothing. */
  readonly matchesAll: boolean;
  readonly rankedBy: RankedBy;
}

/** The rules as they are compared. */
export interface CanonicalRules {
  readonly criteria: readonly string[];
  readonly sort: readonly SortRule[];
  /** Lines of the notes, numbered. */
  readonly notes: readonly string[];
}

const RELEVANCY = new Set([
  'words',
  'typo',
  'proximity',
  'attribute',
  'attributeRank',
  'wordPosition',
  'exactness',
]);

/** Whether a ranking rule weighs words. */
export function isRelevancy(criterion: string): boolean {
  return RELEVANCY.has(criterion);
}

/** Field and direction of a rule such as `price:asc`. */
export function readDirected(rule: string): SortRule {
  const colon = rule.lastIndexOf(':');
  const direction = rule.slice(colon + 1) === 'desc' ? 'desc' : 'asc';
  return { field: rule.slice(0, colon), direction };
}

/** A rule of `sort` as errors name it. */
export function sortRuleText({ field, direction }: SortRule): string {
  return `${field ?? '_geo(..)'}:${direction}`;
}

/** Lays the rules of a query out. */
export function canonicalRules(query: QueryRules): CanonicalRules {
  return new Canonicalization(query).run();
}

/** Where a rule stood: its words in a note. */
interface Place {
  readonly name: string;
  readonly position: string;
}

class Canonicalization {
  readonly #query: QueryRules;
  readonly #criteria: string[] = [];
  readonly #sort: SortRule[] = [];
  readonly #notes: string[] = [];
  /** Where each relevancy rule, `sort` and each field were met first. */
  readonly #seen = new Map<string, Place>();
  readonly #sorted = new Map<string, Place>();
  #isPrepended = false;

  constructor(query: QueryRules) {
    this.#query = query;
  }

  run(): CanonicalRules {
    for (const [at, criterion] of this.#query.criteria.entries()) {
      const place = { name: criterion, position: `#${at} in ranking rules` };
      if (criterion === 'sort') this.#addSort(place, at);
      else if (!isRelevancy(criterion)) this.#addDirected(place);
      else if (this.#query.rankedBy === 'keyword') this.#addRelevancy(place);
      else if (this.#query.rankedBy === 'placeholder') this.#dropRelevancy(place);
      else if (!this.#addVector(place)) break;
    }
    return { criteria: this.#criteria, sort: this.#sort, notes: this.#notes };
  }

  #note(text: string, indent = '    '): void {
    this.#notes.push(`${indent}${this.#notes.length + 1}. ${text}`);
  }

  #noteDouble(earlier: Place, removed: Place): void {
    this.#note(
      `Removed duplicate rule \`${earlier.name}\` at position ${removed.position} as it already appears at position ${earlier.position}`,
    );
  }

  #addRelevancy(place: Place): void {
    const { name, position } = place;
    if (name === 'words') {
      this.#addWords(place);
      return;
    }
    if (!this.#query.matchesAll && !this.#seen.has('words') && !this.#isPrepended) {
      this.#note(
        `Prepended rule \`words\` before first relevancy rule \`${name}\` at position ${position}`,
      );
      this.#criteria.push('words');
      this.#isPrepended = true;
    }
    const earlier = this.#seen.get(name);
    if (earlier !== undefined) {
      this.#noteDouble(earlier, place);
      return;
    }
    this.#seen.set(name, place);
    this.#criteria.push(name);
  }

  #addWords(place: Place): void {
    const { position } = place;
    if (this.#query.matchesAll) {
      this.#note(
        `Removed rule \`words\` at position ${position} because \`query.matchingWords\` is set to \`all\``,
      );
      return;
    }
    const earlier = this.#seen.get('words');
    if (earlier !== undefined) {
      this.#noteDouble(earlier, place);
      return;
    }
    if (this.#isPrepended) {
      // The note says so, yet the engine keeps the rule.
      this.#note(
        `Removed rule \`words\` at position ${position} because it was previously prepended`,
      );
    }
    this.#seen.set('words', place);
    this.#criteria.push('words');
  }

  #dropRelevancy({ name, position }: Place): void {
    this.#note(
      `Removed relevancy rule \`${name}\` at position ${position} because the query is a placeholder search (\`q\`: "")`,
    );
  }

  /** The first relevancy rule stands for the vector. False if all that follows is cut off. */
  #addVector(place: Place): boolean {
    const { name, position } = place;
    const vector = this.#seen.get('vector');
    if (vector === undefined) {
      this.#criteria.push(name);
      this.#seen.set('vector', place);
      return true;
    }
    if (this.#sorted.size === 0) {
      this.#note(
        `Removed relevancy rule \`${name}\` at position ${position} because the query is a vector search and \`vector\` was already inserted at position ${vector.position}`,
      );
      return true;
    }
    this.#note(
      `Truncated relevancy rule \`${name}\` at position ${position} and later rules because the query is a vector search and \`vector\` was inserted at position ${vector.position}`,
    );
    return false;
  }

  #addSort(place: Place, at: number): void {
    const earlier = this.#seen.get('sort');
    const { sort } = this.#query;
    if (earlier !== undefined) {
      this.#noteDouble(earlier, place);
    } else if (sort === undefined) {
      this.#note(
        `Removed rule \`sort\` at position ${place.position} because \`query.sort\` is empty`,
        '   ',
      );
    } else {
      this.#seen.set('sort', place);
      this.#criteria.push('sort');
      for (const [nested, rule] of sort.entries()) {
        const position = `#${nested} in \`query.sort\` (as \`sort\` is #${at} in ranking rules)`;
        this.#addSortRule(rule, { name: sortRuleText(rule), position });
      }
    }
  }

  #addSortRule(rule: SortRule, place: Place): void {
    const { field } = rule;
    const earlier = field === undefined ? this.#seen.get('geo') : this.#sorted.get(field);
    if (earlier !== undefined) {
      this.#noteDouble(earlier, place);
      return;
    }
    if (field === undefined) this.#seen.set('geo', place);
    else this.#sorted.set(field, place);
    this.#sort.push(rule);
  }

  #addDirected(place: Place): void {
    const { name } = place;
    const { field = '' } = readDirected(name);
    const earlier = this.#sorted.get(field);
    if (earlier !== undefined) {
      this.#noteDouble(earlier, place);
      return;
    }
    this.#sorted.set(field, place);
    this.#criteria.push(name);
  }
}
