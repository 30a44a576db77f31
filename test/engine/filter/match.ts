/** Evaluates filters over the documents of an index, and refuses what its settings do not allow. */
import { EngineError } from '../errors.ts';
import { compareBytes, type IndexStore, type StoredDocument } from '../store.ts';
import { type Json, printJson } from '../value.ts';
import { parseFilter } from './parse.ts';
import { type FilterFeatures, featuresOf, listPatterns } from './patterns.ts';
import { type Filter, FilterError, type Operator, placeOf, type Token } from './syntax.ts';
import { facetValues, normalizeFacet, valuesAt } from './values.ts';

/** How complaints are worded and what is switched on. */
export interface FilterContext {
  /** Code of a complaint, e.g. `invalid_search_filter`. */
  readonly code: string;
  /** Text before complaints about fields, e.g. ``Index `m`: ``. */
  readonly prefix: string;
  readonly hasContains: boolean;
  /** Complaints about fields show the filter as a node prints it again, not as it was sent. */
  readonly isReprinted?: boolean;
}

/** A test of one document. */
export type DocumentTest = (document: StoredDocument) => boolean;

/** All documents that match, by internal number. An absent filter matches all. */
export function matchDocuments(
  index: IndexStore,
  filter: Json | undefined,
  context: FilterContext,
): readonly StoredDocument[] {
  const test = compileFilter(index, filter, context);
  return test === undefined ? index.documents() : index.documents().filter(test);
}

/** A parsed filter and its text. */
export interface Sourced {
  readonly filter: Filter;
  readonly source: string;
}

/** Parses the text or array form; undefined if it is empty. Throws EngineError. */
export function parseFilterValue(value: Json | undefined, code: string): readonly Sourced[][] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return toGroup(parseText(value, code), value);
  if (!Array.isArray(value)) throw wrongSyntax('String, Array', value, code);
  return value.flatMap((entry): Sourced[][] => {
    if (typeof entry === 'string') return toGroup(parseText(entry, code), entry);
    if (!Array.isArray(entry)) throw wrongSyntax('String, [String]', entry, code);
    const group = entry.flatMap((inner) => {
      if (typeof inner !== 'string') throw wrongSyntax('String', inner, code);
      const filter = parseText(inner, code);
      return filter === undefined ? [] : [{ filter, source: inner }];
    });
    return group.length === 0 ? [] : [group];
  });
}

function toGroup(filter: Filter | undefined, source: string): Sourced[][] {
  return filter === undefined ? [] : [[{ filter, source }]];
}

function wrongSyntax(expected: string, value: Json, code: string): EngineError {
  return new EngineError(
    code,
    `Invalid syntax for the filter parameter: \`expected ${expected}, found: ${printJson(value)}\`.`,
  );
}

function parseText(source: string, code: string): Filter | undefined {
  try {
    return parseFilter(source);
  } catch (error) {
    if (error instanceof FilterError) throw new EngineError(code, error.message);
    throw error;
  }
}

/** A filter as a test of one document; undefined if everything matches. */
export function compileFilter(
  index: IndexStore,
  value: Json | undefined,
  context: FilterContext,
): DocumentTest | undefined {
  const groups = parseFilterValue(value, context.code);
  refuseClosedFeatures(groups, context);
  const tests = groups.map((group) =>
    anyOf(group.map(({ filter, source }) => compile(filter, { index, source, context }))),
  );
  if (tests.length === 0) return undefined;
  return allOf(tests);
}

function allOf(tests: readonly DocumentTest[]): DocumentTest {
  return (document) => tests.every((test) => test(document));
}

function anyOf(tests: readonly DocumentTest[]): DocumentTest {
  return (document) => tests.some((test) => test(document));
}

/** Refuses what needs a feature that is off. */
export function refuseClosedFeatures(
  groups: readonly (readonly Sourced[])[],
  context: FilterContext,
): void {
  for (const { filter, source } of groups.flat()) refuseFeatures(filter, source, context);
}

function refuseFeatures(filter: Filter, source: string, context: FilterContext): void {
  const refuse = (token: Token, message: string) => {
    const place = placeOf(source, token.at, [...token.raw].length);
    throw new EngineError('feature_not_enabled', `${message}\n${place}`);
  };
  for (const part of walk(filter)) {
    if (part.kind === 'compare' && part.operator === 'CONTAINS' && !context.hasContains) {
      refuse(
        part.keyword ?? part.field,
        'Using `CONTAINS` in a filter requires enabling the `contains filter` experimental feature. See https://github.com/orgs/meilisearch/discussions/763',
      );
    }
    if ('field' in part && part.field.text === '_shard') {
      refuse(
        part.field,
        'using a shard filter requires enabling the `network` experimental feature. See https://github.com/orgs/meilisearch/discussions/805',
      );
    }
    if ('field' in part && /^_vectors(\.|$)/.test(part.field.text)) {
      refuse(
        part.field,
        'using a vector filter requires enabling the `multimodal` experimental feature. See https://github.com/orgs/meilisearch/discussions/846',
      );
    }
  }
}

function* walk(filter: Filter): Iterable<Filter> {
  yield filter;
  if (filter.kind === 'and' || filter.kind === 'or')
    for (const part of filter.parts) yield* walk(part);
  if (filter.kind === 'not') yield* walk(filter.part);
}

interface Compiling {
  readonly index: IndexStore;
  readonly source: string;
  readonly context: FilterContext;
}

function compile(filter: Filter, compiling: Compiling): DocumentTest {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.parts.map((part) => compile(part, compiling)));
    case 'or':
      return anyOf(filter.parts.map((part) => compile(part, compiling)));
    case 'not': {
      const test = compile(filter.part, compiling);
      return (document) => !test(document);
    }
    case 'geo':
      throw notFilterable('_geo/_geojson', filter, filter.token, compiling);
    default:
      return compileLeaf(filter, compiling);
  }
}

type Leaf = Exclude<Filter, { kind: 'and' | 'or' | 'not' | 'geo' }>;

function compileLeaf(filter: Leaf, compiling: Compiling): DocumentTest {
  const field = filter.field.text;
  const rules = compiling.index.settings.get('filterableAttributes') ?? null;
  const features = featuresOf(rules, field);
  if (features === undefined) throw notFilterable(field, filter, filter.field, compiling);
  demandOperator(filter, features, compiling);
  switch (filter.kind) {
    case 'exists':
      return (document) => valuesAt(document, field).length > 0;
    case 'null':
      return (document) => valuesAt(document, field).includes(null);
    case 'empty':
      return (document) => valuesAt(document, field).some(isEmpty);
    case 'in': {
      const texts = new Set(filter.values.map((value) => normalizeFacet(value.text)));
      const numbers = new Set(filter.values.flatMap((value) => parseNumber(value.text) ?? []));
      return (document) => {
        const values = facetValues(document, field);
        return (
          values.texts.some((text) => texts.has(text)) ||
          values.numbers.some((number) => numbers.has(number))
        );
      };
    }
    case 'between': {
      const from = filter.from.text;
      const to = filter.to.text;
      return compileRange(field, { min: from, max: to, hasMin: true, hasMax: true });
    }
    case 'compare':
      return compileCompare(field, filter.operator, filter.value.text);
  }
}

function isEmpty(value: Json): boolean {
  if (value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return value instanceof Map && value.size === 0;
}

function compileCompare(field: string, operator: Operator, literal: string): DocumentTest {
  const text = normalizeFacet(literal);
  const number = parseNumber(literal);
  switch (operator) {
    case '=':
    case '!=': {
      const isEqual: DocumentTest = (document) => {
        const values = facetValues(document, field);
        return (
          values.texts.includes(text) || (number !== undefined && values.numbers.includes(number))
        );
      };
      return operator === '=' ? isEqual : (document) => !isEqual(document);
    }
    case 'CONTAINS':
      return (document) => facetValues(document, field).texts.some((value) => value.includes(text));
    case 'STARTS WITH':
      return (document) =>
        facetValues(document, field).texts.some((value) => value.startsWith(text));
    case '>':
      return compileRange(field, { min: literal, hasMin: false });
    case '>=':
      return compileRange(field, { min: literal, hasMin: true });
    case '<':
      return compileRange(field, { max: literal, hasMax: false });
    case '<=':
      return compileRange(field, { max: literal, hasMax: true });
  }
}

interface Range {
  readonly min?: string;
  readonly max?: string;
  readonly hasMin?: boolean;
  readonly hasMax?: boolean;
}

/** A range compares numbers (if its ends are numbers) and texts by bytes. */
function compileRange(field: string, range: Range): DocumentTest {
  const min = range.min === undefined ? undefined : parseNumber(range.min);
  const max = range.max === undefined ? undefined : parseNumber(range.max);
  const isNumeric =
    (range.min === undefined || min !== undefined) &&
    (range.max === undefined || max !== undefined);
  const low = range.min === undefined ? undefined : normalizeFacet(range.min);
  const high = range.max === undefined ? undefined : normalizeFacet(range.max);
  const inOrder = (order: number, includes: boolean | undefined) =>
    includes === true ? order <= 0 : order < 0;
  return (document) => {
    const values = facetValues(document, field);
    return (
      (isNumeric &&
        values.numbers.some(
          (value) =>
            (min === undefined || inOrder(min - value, range.hasMin)) &&
            (max === undefined || inOrder(value - max, range.hasMax)),
        )) ||
      values.texts.some(
        (value) =>
          (low === undefined || inOrder(compareBytes(low, value), range.hasMin)) &&
          (high === undefined || inOrder(compareBytes(value, high), range.hasMax)),
      )
    );
  };
}

/** A literal as Rust reads a float; undefined if it is none or not finite. */
function parseNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function demandOperator(filter: Leaf, features: FilterFeatures, compiling: Compiling): void {
  const operator = operatorOf(filter);
  const isComparison = ['<', '<=', '>', '>=', 'TO'].includes(operator);
  const isPresence = ['EXISTS', 'IS NULL', 'IS EMPTY'].includes(operator);
  const hasAny = features.equality || features.comparison;
  if (!hasAny) throw notFilterable(filter.field.text, filter, filter.field, compiling);
  if (isComparison ? features.comparison : isPresence || features.equality) return;
  const allowed = [
    'OR',
    'AND',
    'NOT',
    ...(features.equality ? ['=', '!=', 'IN'] : []),
    ...(features.comparison ? ['<', '>', '<=', '>=', 'TO'] : []),
    'IS EMPTY',
    'IS NULL',
    'EXISTS',
  ];
  const field = filter.field.text;
  const rule = features.ruleIndex;
  const enable = isComparison ? 'comparison' : 'equality';
  throw new EngineError(
    compiling.context.code,
    `${compiling.context.prefix}Filter operator \`${operator}\` is not allowed for the attribute \`${field}\`.\n  - Note: allowed operators: ${allowed.join(', ')}.\n  - Note: field \`${field}\` matched rule #${rule} in \`filterableAttributes\`\n  - Hint: enable ${enable} in rule #${rule} by modifying the features.filter object\n  - Hint: prepend another rule matching \`${field}\` with appropriate filter features before rule #${rule}`,
  );
}

function operatorOf(filter: Leaf): string {
  switch (filter.kind) {
    case 'compare':
      return filter.operator;
    case 'between':
      return 'TO';
    case 'in':
      return 'IN';
    case 'exists':
      return 'EXISTS';
    case 'null':
      return 'IS NULL';
    case 'empty':
      return 'IS EMPTY';
  }
}

function notFilterable(
  field: string,
  filter: Filter,
  token: Token,
  compiling: Compiling,
): EngineError {
  const patterns = listPatterns(compiling.index.settings.get('filterableAttributes') ?? null);
  const available =
    patterns.length === 0
      ? 'This index does not have configured filterable attributes.'
      : `Available filterable attribute patterns are: ${patterns.map((name) => `\`${name}\``).join(', ')}.`;
  const { context, source } = compiling;
  const length = [...token.raw].length;
  const place =
    context.isReprinted === true
      ? placeInPrint(filter, token, length)
      : placeOf(source, token.at, length);
  return new EngineError(
    context.code,
    `${context.prefix}Attribute \`${field}\` is not filterable. ${available}\n${place}`,
  );
}

function placeInPrint(filter: Filter, token: Token, length: number): string {
  const printed = printFilter(filter);
  return placeOf(printed, printed.indexOf(token.raw), length);
}

/** A condition as a node prints it again. */
function printFilter(filter: Filter): string {
  const quote = (token: Token) => JSON.stringify(token.text);
  switch (filter.kind) {
    case 'compare':
      return `${quote(filter.field)} ${filter.operator} ${quote(filter.value)}`;
    case 'between':
      return `${quote(filter.field)} ${quote(filter.from)} TO ${quote(filter.to)}`;
    case 'in':
      return `${quote(filter.field)} IN [${filter.values.map(quote).join(', ')}]`;
    case 'exists':
      return `${quote(filter.field)} EXISTS`;
    case 'null':
      return `${quote(filter.field)} IS NULL`;
    case 'empty':
      return `${quote(filter.field)} IS EMPTY`;
    case 'geo':
      return filter.token.text;
    case 'not':
      return `NOT ${printFilter(filter.part)}`;
    default:
      return filter.parts.map(printFilter).join(filter.kind === 'and' ? ' AND ' : ' OR ');
  }
}
