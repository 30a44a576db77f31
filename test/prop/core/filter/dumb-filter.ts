/**
 * Filters built from a tree that the test knows, with a deliberately dumb evaluator of that tree: what
 * the gateway reads out of the text must agree with it.
 */
import fc from 'fast-check';

/** A document: numbers and texts, or no value. */
export type Document = Readonly<Record<string, number | string | undefined>>;

/** What a filter says. */
export type Tree =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Tree[] }
  | { readonly kind: 'not'; readonly part: Tree }
  | { readonly kind: 'equal' | 'unequal'; readonly field: string; readonly value: string }
  | { readonly kind: 'in' | 'notIn'; readonly field: string; readonly values: readonly string[] }
  | { readonly kind: 'exists'; readonly field: string }
  | { readonly kind: 'range'; readonly field: string; readonly from: number; readonly to: number };

/** Fields of the documents; the first is the primary key. */
export const FIELDS = ['id', 'n', 'two words', 'NOT', 'a.b', "l'été"] as const;
/** Values that keys, documents and filters hold. */
export const VALUES = [
  '0',
  '1',
  '2',
  '-7',
  '10',
  'abc',
  'ABC',
  '2024-01-02',
  'x OR y',
  '"',
] as const;

const field = fc.constantFrom<string>(...FIELDS);
const value = fc.constantFrom<string>(...VALUES);
const leaf: fc.Arbitrary<Tree> = fc.oneof(
  fc.record({ kind: fc.constantFrom('equal', 'unequal'), field, value }),
  // Of the key more than of the others.
  fc.record({ kind: fc.constant('equal' as const), field: fc.constant('id'), value }),
  fc.record({
    kind: fc.constantFrom('in', 'notIn'),
    field,
    values: fc.array(value, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('exists' as const), field }),
  fc.record({
    kind: fc.constant('range' as const),
    field,
    from: fc.integer({ min: -8, max: 3 }),
    to: fc.integer({ min: 0, max: 11 }),
  }),
);

/** Random trees. */
export const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.record({
      kind: fc.constantFrom('and', 'or'),
      parts: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), part: tie('tree') }),
  ),
})).tree;

/** How a tree is written: chosen anew at each place. */
export interface Style {
  /** The next of a list of choices, below `count`. */
  pick(count: number): number;
}

const BARE = /^[\p{L}0-9_.-]+$/u;
const KEYWORDS = new Set(['NOT', 'AND', 'OR', 'IN', 'TO', 'EXISTS']);

function quoted(text: string, style: Style): string {
  const mark = ['"', "'"][style.pick(2)] as string;
  return mark + text.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark;
}

function word(text: string, style: Style): string {
  const isBare = BARE.test(text) && !KEYWORDS.has(text) && style.pick(2) === 0;
  return isBare ? text : quoted(text, style);
}

/** Writes a tree as text, with brackets where they are needed and sometimes where they are not. */
export function write(one: Tree, style: Style): string {
  const space = () => [' ', '  ', '\t', '\n'][style.pick(4)] as string;
  const inside = (part: Tree): string => {
    const isSimple = part.kind !== 'and' && part.kind !== 'or';
    return isSimple && style.pick(3) > 0 ? write(part, style) : `(${write(part, style)})`;
  };
  switch (one.kind) {
    case 'and':
    case 'or':
      return one.parts.map(inside).join(`${space()}${one.kind.toUpperCase()}${space()}`);
    case 'not':
      return `NOT${space()}${inside(one.part)}`;
    case 'equal':
    case 'unequal': {
      const sign = one.kind === 'equal' ? '=' : '!=';
      return `${word(one.field, style)}${space()}${sign}${space()}${word(one.value, style)}`;
    }
    case 'in':
    case 'notIn': {
      const list = one.values.map((text) => word(text, style)).join(`,${space()}`);
      return `${word(one.field, style)}${space()}${one.kind === 'in' ? '' : 'NOT '}IN [${list}]`;
    }
    case 'exists':
      return `${word(one.field, style)}${space()}EXISTS`;
    default:
      return `${word(one.field, style)}${space()}${one.from} TO ${one.to}`;
  }
}

/** Whether a document passes: by the words of the language, without case, numbers as numbers. */
export function passes(document: Document, one: Tree): boolean {
  switch (one.kind) {
    case 'and':
      return one.parts.every((part) => passes(document, part));
    case 'or':
      return one.parts.some((part) => passes(document, part));
    case 'not':
      return !passes(document, one.part);
    case 'equal':
    case 'unequal':
      return isEqual(document[one.field], one.value) === (one.kind === 'equal');
    case 'in':
    case 'notIn':
      return one.values.some((text) => isEqual(document[one.field], text)) === (one.kind === 'in');
    case 'exists':
      return document[one.field] !== undefined;
    default: {
      const held = document[one.field];
      return typeof held === 'number' && held >= one.from && held <= one.to;
    }
  }
}

function isEqual(held: number | string | undefined, text: string): boolean {
  if (held === undefined) return false;
  if (typeof held === 'number') return held === Number(text);
  return held.toLowerCase() === text.toLowerCase();
}

/** Every field a tree names. */
export function fieldsOf(one: Tree): string[] {
  if ('parts' in one) return one.parts.flatMap(fieldsOf);
  return one.kind === 'not' ? fieldsOf(one.part) : [one.field];
}
