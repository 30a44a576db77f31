/**
 * Random sentences of Meilisearch's filter language over the documents below, in text and in array form,
 * and hostile texts that try to get out of their place.
 */
import fc from 'fast-check';

/** Values that documents hold and filters ask for. */
export const VALUES = [
  'red',
  'Red',
  'élan',
  'e\u0301lan',
  '日本',
  '😀',
  "l'été",
  'say "hi"',
  'back\\slash',
  'a b',
  '[x]',
  '(y)',
  'x OR y',
  '# no comment',
  '/* nor this */',
  '-- nor that',
  '_miroir_shard',
  '0',
  '-1.5',
  '1e3',
  'true',
  'null',
  '',
] as const;

/** Fields of the documents, one of them with a name that needs quotes. */
export const FIELDS = ['n', 't', 'tags', 'flag', 'maybe', 'o.x', 'été', 'two words'] as const;

const NUMBERS = ['0', '1', '2', '7', '-3', '2.5', '1e1', '100'] as const;

/** As a node reads it: in quotes, what would end the text is escaped. */
function quoted(text: string, quote: string): string {
  return quote + text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`) + quote;
}

const quote = fc.constantFrom('"', "'");
const field = fc
  .tuple(fc.constantFrom(...FIELDS), quote, fc.boolean())
  .map(([name, mark, isQuoted]) => (isQuoted || name.includes(' ') ? quoted(name, mark) : name));
const text = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<string>(...VALUES) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }) },
);
const literal = fc.oneof(
  fc.constantFrom<string>(...NUMBERS),
  fc.tuple(text, quote).map(([value, mark]) => quoted(value, mark)),
  fc.constantFrom('red', 'true', 'élan', 'a-b', 'x_y'),
);
const blank = fc.constantFrom(' ', '  ', '\t', '\n');

const condition = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(field, fc.constantFrom('=', '!=', '>', '>=', '<', '<='), literal, blank)
      .map(([name, operator, value, space]) => name + space + operator + space + value),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(field, fc.constantFrom('IN', 'NOT IN'), fc.array(literal, { maxLength: 4 }))
      .map(([name, operator, values]) => `${name} ${operator} [${values.join(', ')}]`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(field, fc.constantFrom(...NUMBERS), fc.constantFrom(...NUMBERS))
      .map(([name, from, to]) => `${name} ${from} TO ${to}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        field,
        fc.constantFrom(
          'EXISTS',
          'NOT EXISTS',
          'IS NULL',
          'IS NOT NULL',
          'IS EMPTY',
          'IS NOT EMPTY',
        ),
      )
      .map(([name, operator]) => `${name} ${operator}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        field,
        fc.constantFrom('CONTAINS', 'NOT CONTAINS', 'STARTS WITH', 'NOT STARTS WITH'),
        literal,
      )
      .map(([name, operator, value]) => `${name} ${operator} ${value}`),
  },
);

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    condition,
    fc
      .tuple(tie('expression'), fc.constantFrom('AND', 'OR'), tie('expression'))
      .map(([left, operator, right]) => `${left} ${operator} ${right}`),
    tie('expression').map((inner) => `NOT ${inner}`),
    tie('expression').map((inner) => `(${inner})`),
  ),
}));

/** A filter: text, or an array of texts and arrays of texts. */
export const filter: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: expression },
  {
    weight: 2,
    arbitrary: fc.array(
      fc.oneof(expression, fc.array(expression, { minLength: 1, maxLength: 3 })),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  },
);

/** Beginnings and ends that would change what follows or came before, were filters joined as text. */
const ESCAPES = [
  '" OR "" = "',
  "' OR '' = '",
  ') OR (n EXISTS',
  ') OR n NOT EXISTS OR (n = 1',
  '] OR n EXISTS OR t IN [red',
  'n = 1 OR',
  'OR n = 1',
  'AND',
  '#',
  '--',
  '/*',
  '*/ OR n EXISTS',
  '//',
  '\\',
  '"',
  "'",
  '"]',
  '"], [ "n EXISTS"',
  '\u0000',
  '\\u0022 OR n EXISTS',
  'n = "\\" OR n EXISTS',
  "n = '\\' OR n EXISTS",
  'NOT (',
  '[',
  '{}',
  '",n EXISTS,"',
  ' _miroir',
] as const;

/** A filter with something hostile before, behind or inside it: a node may refuse it. */
export const hostile: fc.Arbitrary<unknown> = fc
  .tuple(expression, fc.constantFrom(...ESCAPES), fc.nat(4), fc.nat(1000))
  .map(([good, hostileText, form, place]): unknown => {
    const at = place % (good.length + 1);
    const inside = good.slice(0, at) + hostileText + good.slice(at);
    return [
      `${good} ${hostileText}`,
      `${hostileText} ${good}`,
      inside,
      [good, [inside, good]],
      [`${good} ${hostileText}`, good],
    ][form];
  });
