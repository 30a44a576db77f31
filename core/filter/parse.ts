/**
 * Reads Meilisearch's filter grammar far enough to know which fields a filter names and which documents
 * it can match at all. A node judges the filter itself: what cannot be read here is simply not used.
 *
 * Long chains of AND and OR are read in a loop; nesting is bounded.
 */
import { lexFilter, type Token } from './lex.ts';

/** A filter as a tree. `other` is a condition of which only the fields are of interest. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'equal'; readonly field: string; readonly values: readonly string[] }
  | { readonly kind: 'other'; readonly fields: readonly string[] };

/** A condition `field != value`, and where in the text it and its operator begin. */
export interface Inequality {
  readonly field: string;
  readonly start: number;
  readonly operatorStart: number;
}

/** A node allows far less (about 37 nested parentheses). */
const DEPTH_MAX = 200;

/**
 * Reads the `filter` of a request: a text, or an array whose items are joined by AND and are texts or
 * arrays of texts joined by OR. Undefined if it is none, or is empty.
 */
export function parseFilter(filter: unknown): Filter | undefined {
  if (typeof filter === 'string') return parseExpression(filter);
  if (!Array.isArray(filter)) return undefined;
  const parts: Filter[] = [];
  for (const item of filter as unknown[]) {
    const part = Array.isArray(item) ? parseAny(item) : parseExpression(item);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : { kind: 'and', parts };
}

function parseAny(items: readonly unknown[]): Filter | undefined {
  const parts: Filter[] = [];
  for (const item of items) {
    const part = parseExpression(item);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : { kind: 'or', parts };
}

function parseExpression(text: unknown): Filter | undefined {
  if (typeof text !== 'string') return undefined;
  const tokens = lexFilter(text);
  if (tokens === undefined || tokens.length === 0) return undefined;
  const parser = new Parser(tokens);
  const filter = parser.or(0);
  return parser.isAtEnd ? filter : undefined;
}

/** Every `field != value` of a text, in their order; none if it cannot be read. */
export function inequalitiesOf(text: string): readonly Inequality[] {
  const tokens = lexFilter(text);
  if (tokens === undefined || tokens.length === 0) return [];
  const parser = new Parser(tokens);
  const filter = parser.or(0);
  return filter !== undefined && parser.isAtEnd ? parser.inequalities : [];
}

const COMPARISONS = new Set(['=', '!=', '>', '>=', '<', '<=']);

class Parser {
  readonly inequalities: Inequality[] = [];
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  or(depth: number): Filter | undefined {
    return this.#chain('OR', 'or', () => this.#and(depth));
  }

  #and(depth: number): Filter | undefined {
    return this.#chain('AND', 'and', () => this.#not(depth));
  }

  #chain(keyword: string, kind: 'and' | 'or', next: () => Filter | undefined): Filter | undefined {
    const first = next();
    if (first === undefined) return undefined;
    const parts = [first];
    while (this.#takeWord(keyword)) {
      const part = next();
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return parts.length === 1 ? first : { kind, parts };
  }

  #not(depth: number): Filter | undefined {
    if (depth > DEPTH_MAX) return undefined;
    if (this.#takeWord('NOT')) {
      const part = this.#not(depth + 1);
      return part === undefined ? undefined : { kind: 'not', part };
    }
    return this.#primary(depth);
  }

  #primary(depth: number): Filter | undefined {
    if (this.#takeMark('(')) {
      const inner = this.or(depth + 1);
      return inner !== undefined && this.#takeMark(')') ? inner : undefined;
    }
    const name = this.#tokens[this.#at];
    if (name === undefined || name.kind === 'mark') return undefined;
    this.#at += 1;
    if (name.kind === 'word' && this.#isMark('(')) return this.#call();
    if (name.kind === 'word' && name.text.startsWith('_vectors')) return this.#vectors();
    return this.#condition(name);
  }

  #condition(name: Token): Filter | undefined {
    const field = name.text;
    const operator = this.#tokens[this.#at];
    if (operator?.kind === 'mark' && COMPARISONS.has(operator.text)) {
      this.#at += 1;
      const value = this.#value();
      if (value === undefined) return undefined;
      if (operator.text === '!=') {
        this.inequalities.push({ field, start: name.start, operatorStart: operator.start });
      }
      return operator.text === '=' ? { kind: 'equal', field, values: [value] } : other(field);
    }
    if (this.#takeWord('IN')) {
      const values = this.#list();
      return values === undefined ? undefined : { kind: 'equal', field, values };
    }
    if (this.#takeWord('NOT')) return this.#negated(field);
    if (this.#takeWord('EXISTS')) return other(field);
    if (this.#takeWord('IS')) {
      this.#takeWord('NOT');
      return this.#takeWord('NULL') || this.#takeWord('EMPTY') ? other(field) : undefined;
    }
    return this.#textual(field);
  }

  #negated(field: string): Filter | undefined {
    if (this.#takeWord('EXISTS')) return other(field);
    if (this.#takeWord('IN')) return this.#list() === undefined ? undefined : other(field);
    return this.#textual(field);
  }

  /** CONTAINS, STARTS WITH, and `field a TO b`. */
  #textual(field: string): Filter | undefined {
    if (this.#takeWord('CONTAINS')) return this.#value() === undefined ? undefined : other(field);
    if (this.#takeWord('STARTS')) {
      if (!this.#takeWord('WITH')) return undefined;
      return this.#value() === undefined ? undefined : other(field);
    }
    const isRange =
      this.#value() !== undefined && this.#takeWord('TO') && this.#value() !== undefined;
    return isRange ? other(field) : undefined;
  }

  #value(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === 'mark') return undefined;
    this.#at += 1;
    return token.text;
  }

  #list(): string[] | undefined {
    if (!this.#takeMark('[')) return undefined;
    const values: string[] = [];
    while (!this.#takeMark(']')) {
      const value = this.#value();
      if (value === undefined) return undefined;
      values.push(value);
      if (!this.#takeMark(',') && !this.#isMark(']')) return undefined;
    }
    return values;
  }

  /** `_geoRadius(…)`, `_foreign(…)` and the like: every text inside may be a field. */
  #call(): Filter | undefined {
    const fields: string[] = [];
    let depth = 0;
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined) return undefined;
      this.#at += 1;
      if (token.kind !== 'mark') fields.push(token.text);
      else if (token.text === '(') depth += 1;
      else if (token.text === ')') depth -= 1;
      if (depth === 0) return { kind: 'other', fields };
    }
  }

  /** `_vectors.embedder.part EXISTS`, parts perhaps quoted. */
  #vectors(): Filter | undefined {
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined || token.kind === 'mark') return undefined;
      this.#at += 1;
      if (token.kind === 'word' && token.text === 'EXISTS') return other('_vectors');
    }
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' || token.text !== word) return false;
    this.#at += 1;
    return true;
  }

  #isMark(mark: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'mark' && token.text === mark;
  }

  #takeMark(mark: string): boolean {
    if (!this.#isMark(mark)) return false;
    this.#at += 1;
    return true;
  }
}

function other(field: string): Filter {
  return { kind: 'other', fields: [field] };
}
