/**
 * The filter grammar of a node: OR < AND < NOT < primary. Alternatives are tried in a node's order,
 * because that order decides which complaint a wrong filter gets. `Miss` means "try the next
 * alternative", a FilterError ends everything.
 */

import {
  escapeDebug,
  type Filter,
  FilterError,
  GEO_FORMS,
  OPERATIONS,
  type Operator,
  placeOf,
  type Token,
  unescapeText,
} from './syntax.ts';

class Miss {
  readonly isKeyword: boolean;
  readonly token: Token | undefined;
  constructor(isKeyword = false, token?: Token) {
    this.isKeyword = isKeyword;
    this.token = token;
  }
}

const DEPTH_MAX = 150;
const SPACE = /[ \t\r\n]*/y;
const WORD = /[\p{Alphabetic}\p{N}_.-]+/uy;
const KEYWORDS = new Set(
  'AND OR IN NOT TO EXISTS IS NULL EMPTY CONTAINS STARTS WITH _geoRadius _geoBoundingBox'.split(
    ' ',
  ),
);
/** Parses a filter; undefined if it is empty. Throws FilterError. */
export function parseFilter(source: string): Filter | undefined {
  if (source.trim() === '') return undefined;
  return new Parser(source).whole();
}

class Parser {
  private at = 0;
  private readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  whole(): Filter {
    let filter: Filter;
    try {
      filter = this.or(0);
    } catch (error) {
      if (error instanceof Miss) throw this.invalidPrimary(0);
      throw error;
    }
    if (this.at < this.source.length) {
      const rest = this.source.slice(this.at);
      throw this.fail(
        `Found unexpected characters at the end of the filter: \`${escapeDebug(rest)}\`. You probably forgot an \`OR\` or an \`AND\` rule.`,
        this.at,
        rest,
      );
    }
    return filter;
  }

  private or(depth: number): Filter {
    const and = (deeper: number) => this.chain('AND', 'and', deeper, (inner) => this.not(inner));
    return this.chain('OR', 'or', depth, and);
  }

  private chain(
    word: string,
    kind: 'and' | 'or',
    depth: number,
    part: (depth: number) => Filter,
  ): Filter {
    this.checkDepth(depth);
    const parts = [part(depth + 1)];
    while (this.takeWord(word)) {
      this.skip();
      parts.push(part(depth + 1));
    }
    const [first] = parts;
    return parts.length === 1 && first !== undefined ? first : { kind, parts };
  }

  private not(depth: number): Filter {
    this.checkDepth(depth);
    if (!this.takeWord('NOT')) return this.primary(depth + 1);
    this.skip();
    const part = this.not(depth + 1);
    return part.kind === 'not' ? part.part : { kind: 'not', part };
  }

  private primary(depth: number): Filter {
    this.checkDepth(depth);
    const start = this.at;
    this.skip();
    if (this.source[this.at] === '(') return this.grouped(start, depth);
    this.at = start;
    const geo = this.geo();
    if (geo !== undefined) return geo;
    let miss: Miss | undefined;
    for (const alternative of this.alternatives) {
      this.at = start;
      try {
        return alternative();
      } catch (error) {
        if (!(error instanceof Miss)) throw error;
        miss = error;
      }
    }
    if (miss?.isKeyword === true && miss.token !== undefined) {
      throw this.expectedValue(miss.token, true);
    }
    throw this.invalidPrimary(start);
  }

  private grouped(start: number, depth: number): Filter {
    this.at += 1;
    this.skip();
    const inner = this.or(depth + 1);
    this.skip();
    if (this.source[this.at] !== ')') throw this.unclosed(start, ')');
    this.at += 1;
    this.skip();
    return inner;
  }

  private unclosed(at: number, delimiter: string): FilterError {
    const rest = this.source.slice(at);
    const shown = escapeDebug(rest);
    return this.fail(
      `Expression \`${shown}\` is missing the following closing delimiter: \`${delimiter}\`.`,
      at,
      rest,
    );
  }

  private readonly alternatives: readonly (() => Filter)[] = [
    () => this.inList(false),
    () => this.inList(true),
    () => this.comparison(),
    () => this.suffix(/IS\s+NULL/y, 'null', false),
    () => this.suffix(/IS\s+NOT\s+NULL/y, 'null', true),
    () => this.suffix(/IS\s+EMPTY/y, 'empty', false),
    () => this.suffix(/IS\s+NOT\s+EMPTY/y, 'empty', true),
    () => this.suffix(/EXISTS/y, 'exists', false),
    () => this.suffix(/NOT\s+EXISTS/y, 'exists', true),
    () => this.between(),
    () => this.search(/CONTAINS/y, 'CONTAINS', false),
    () => this.search(/NOT\s+CONTAINS/y, 'CONTAINS', true),
    () => this.search(/STARTS WITH/y, 'STARTS WITH', false),
    () => this.search(/NOT\s+STARTS WITH/y, 'STARTS WITH', true),
    () => this.fieldOnly(),
  ];

  private inList(isNegated: boolean): Filter {
    const field = this.value();
    if (isNegated && !this.takeWord('NOT', false)) throw new Miss();
    if (!this.takeWord('IN')) throw new Miss();
    this.skip();
    if (this.source[this.at] !== '[') {
      throw this.fail('Expected `[` after `IN` keyword.', this.at, this.source.slice(this.at));
    }
    this.at += 1;
    const values = this.valueList();
    this.skip();
    if (this.source[this.at] !== ']') throw this.inError();
    this.at += 1;
    this.skip();
    const part: Filter = { kind: 'in', field, values };
    return isNegated ? { kind: 'not', part } : part;
  }

  private valueList(): Token[] {
    const values: Token[] = [];
    for (;;) {
      const before = this.at;
      try {
        values.push(this.value());
      } catch (error) {
        if (!(error instanceof Miss)) throw error;
        this.at = before;
        return values;
      }
      this.skip();
      if (this.source[this.at] !== ',') return values;
      this.at += 1;
      this.skip();
    }
  }

  private inError(): FilterError {
    const rest = this.source.slice(this.at);
    if (rest === '') {
      return this.fail(
        'Expected matching `]` after the list of field names given to `IN[`',
        this.at,
        rest,
      );
    }
    return this.fail(
      `Expected only comma-separated field names inside \`IN[..]\` but instead found \`${escapeDebug(rest)}\`.`,
      this.at,
      rest,
    );
  }

  private comparison(): Filter {
    const field = this.value();
    const operator = this.take(/<=|>=|!=|<|>|=/y);
    if (operator === undefined) throw new Miss();
    return { kind: 'compare', field, operator: operator.text as Operator, value: this.cutValue() };
  }

  private suffix(pattern: RegExp, kind: 'exists' | 'null' | 'empty', isNegated: boolean): Filter {
    const field = this.value();
    if (this.take(pattern) === undefined) throw new Miss();
    this.skip();
    const part: Filter = { kind, field };
    return isNegated ? { kind: 'not', part } : part;
  }

  private between(): Filter {
    const field = this.value();
    const from = this.value();
    if (this.take(/TO\s+/y) === undefined) throw new Miss();
    return { kind: 'between', field, from, to: this.cutValue() };
  }

  private search(pattern: RegExp, operator: Operator, isNegated: boolean): Filter {
    const field = this.value();
    const found = this.take(pattern);
    if (found === undefined) throw new Miss();
    const written = found.raw.replace(/^NOT\s+/, '');
    const keyword = { ...found, raw: written, at: found.at + found.raw.length - written.length };
    const part: Filter = { kind: 'compare', field, operator, value: this.cutValue(), keyword };
    return isNegated ? { kind: 'not', part } : part;
  }

  /** Only finds the complaint: a keyword where a field should stand. */
  private fieldOnly(): Filter {
    this.value();
    throw new Miss();
  }

  /** Geo rules are understood so far that their complaint is right. */
  private geo(): Filter | undefined {
    const start = this.at;
    this.skip();
    const at = this.at;
    const found = this.take(
      /(_geoRadius|_geoBoundingBox|_geoPolygon)(?![\p{Alphabetic}\p{N}_.-])/uy,
    );
    if (found === undefined) {
      this.at = start;
      return undefined;
    }
    const args = this.take(/\([^)]*\)/y);
    if (args === undefined) {
      const rest = this.source.slice(this.at);
      throw this.fail(GEO_FORMS.get(found.raw) ?? '', this.at, rest);
    }
    this.skip();
    const first = /[\d.+-]+/.exec(args.raw)?.[0] ?? '';
    const text = args.raw
      .slice(1, -1)
      .split(',')
      .map((part) => part.trim())
      .join(', ');
    return {
      kind: 'geo',
      name: found.raw,
      token: { text: `${found.raw}(${text})`, raw: first, at: at + found.raw.length + 1 },
    };
  }

  /** A value that must be there: a miss becomes the complaint. */
  private cutValue(): Token {
    try {
      return this.value();
    } catch (error) {
      if (!(error instanceof Miss)) throw error;
      throw this.expectedValue(error.token ?? this.badWord(), error.isKeyword);
    }
  }

  private value(): Token {
    this.skip();
    this.refuseGeoNames();
    const quote = this.source[this.at];
    if (quote === "'" || quote === '"') return this.quoted(quote);
    const start = this.at;
    const word = this.take(WORD);
    if (word === undefined || KEYWORDS.has(word.raw)) {
      this.at = start;
      throw new Miss(word !== undefined, this.badWord());
    }
    this.skip();
    return word;
  }

  private quoted(quote: string): Token {
    const open = this.at;
    let end = open + 1;
    while (end < this.source.length && this.source[end] !== quote) {
      end += this.source[end] === '\\' ? 2 : 1;
    }
    if (end >= this.source.length) throw this.unclosed(open, quote);
    const raw = this.source.slice(open + 1, end);
    this.at = end + 1;
    this.skip();
    return { text: unescapeText(raw, quote), raw, at: open + 1 };
  }

  private refuseGeoNames(): void {
    const rest = this.source.slice(this.at);
    const reserved =
      /^(_geoPoint|_geoDistance)/.exec(rest)?.[1] ??
      (/^_geo(?![\p{Alphabetic}\p{N}_.-])/u.test(rest) ? '_geo' : undefined);
    if (reserved === undefined) {
      const misused = /^(_geoRadius|_geoBoundingBox)(?![\p{Alphabetic}\p{N}_.-])/u.exec(rest)?.[1];
      if (misused === undefined) return;
      throw this.fail(
        `The \`${misused}\` filter is an operation and can't be used as a value.`,
        this.at,
        rest,
      );
    }
    throw this.fail(
      `\`${reserved}\` is a reserved keyword and thus can't be used as a filter expression. Use the \`_geoRadius(latitude, longitude, distance)\` or \`_geoBoundingBox([latitude, longitude], [latitude, longitude])\` built-in rules to filter on \`_geo\` coordinates.`,
      this.at,
      rest,
    );
  }

  /** The longest text without syntax, for complaints. */
  private badWord(): Token {
    const raw = /^[^\s()=<>!]*/.exec(this.source.slice(this.at))?.[0] ?? '';
    return { text: raw, raw, at: this.at };
  }

  private expectedValue(token: Token, isKeyword: boolean): FilterError {
    const shown = escapeDebug(token.raw);
    let message = `Was expecting a value but instead got \`${shown}\`.`;
    if (token.raw.trim() === '') message = 'Was expecting a value but instead got nothing.';
    else if (isKeyword) {
      message = `Was expecting a value but instead got \`${shown}\`, which is a reserved keyword. To use \`${shown}\` as a field name or a value, surround it by quotes.`;
    }
    return this.fail(message, token.at, token.raw);
  }

  private invalidPrimary(at: number): FilterError {
    const rest = this.source.slice(at);
    const text = rest.trim() === '' ? 'but instead got nothing.' : `at \`${escapeDebug(rest)}\`.`;
    return this.fail(`Was expecting an operation ${OPERATIONS} ${text}`, at, rest);
  }

  private checkDepth(depth: number): void {
    if (depth <= DEPTH_MAX) return;
    throw this.fail(
      'The filter exceeded the maximum depth limit. Try rewriting the filter so that it contains fewer nested conditions.',
      this.at,
      this.source.slice(this.at),
    );
  }

  private fail(message: string, at: number, context: string): FilterError {
    return new FilterError(`${message}\n${placeOf(this.source, at, [...context].length)}`);
  }

  private skip(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.source);
    this.at = SPACE.lastIndex;
  }

  private take(pattern: RegExp): Token | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source);
    if (found === null) return undefined;
    const token = { text: found[0], raw: found[0], at: this.at };
    this.at += found[0].length;
    return token;
  }

  /** Takes a word if it stands here as a whole. */
  private takeWord(word: string, skipsBefore = true): boolean {
    const start = this.at;
    if (skipsBefore) this.skip();
    if (this.take(WORD)?.raw === word) return true;
    this.at = start;
    return false;
  }
}
