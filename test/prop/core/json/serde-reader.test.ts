/**
 * Goal: the exact reader agrees with JSON about what is JSON, keeps apart what serde_json keeps apart, and
 * never reads outside what it was given, from a buffer and through a window alike.
 * Method: random values and random damage against JSON.parse; spans against re-serialised text; faults of
 * a table with the texts a real node gave.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type ByteSource, ByteWindow } from '../../../../core/json/byte-source.ts';
import { JsonFault } from '../../../../core/json/json-fault.ts';
import { rewriteValue } from '../../../../core/json/rewrite.ts';
import { SerdeReader } from '../../../../core/json/serde-reader.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/json/serde-reader');

/** A source that hands out three bytes at a time, as a window at a border would. */
function stingySource(bytes: Buffer): ByteSource {
  return {
    byteLength: bytes.length,
    read: (offset, target) => bytes.copy(target, 0, offset, Math.min(bytes.length, offset + 3)),
  };
}

/** What the reader says about a whole text: undefined if it is one value. */
function judge(text: string, how: 'skip' | 'check', isStingy = false): string | undefined {
  const bytes = Buffer.from(text);
  const window = new ByteWindow(isStingy ? stingySource(bytes) : bytes);
  const reader = new SerdeReader(window);
  try {
    if (how === 'skip') reader.skipValue();
    else reader.checkValue();
    if (reader.skipBlanks() >= 0) reader.failAtPeek('trailingCharacters');
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return error.describe(window, 0);
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const json = fc.json({ maxDepth: 5 });
const damage = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '-',
  '.',
  '0',
  'e',
  'tr',
  '\u0001',
  ' ',
  '\\u12',
);
const damaged = fc.tuple(json, damage, fc.nat(), fc.nat(2)).map(([text, bit, at, cut]) => {
  const place = at % (text.length + 1);
  return text.slice(0, place) + bit + text.slice(place + cut);
});

test('what JSON.parse reads is read, what it refuses is refused, both ways', () => {
  fc.assert(
    fc.property(fc.oneof(json, damaged), fc.boolean(), (text, isStingy) => {
      const expected = isJson(text);
      assert.is(judge(text, 'skip', isStingy) === undefined, expected, text);
      const asData = judge(text, 'check', isStingy);
      // Damage may make a number that no double holds; JSON.parse makes infinity of it.
      if (asData?.startsWith('number out of range')) return;
      assert.is(asData === undefined, expected, text);
    }),
    { seed, numRuns: 3_000 },
  );
});

test('a fault never lies behind the end', () => {
  fc.assert(
    fc.property(damaged, (text) => {
      const said = judge(text, 'check');
      if (said === undefined) return;
      const column = Number(/column (\d+)$/.exec(said)?.[1]);
      assert.ok(column <= Buffer.byteLength(text), `${said}: ${text}`);
    }),
    { seed, numRuns: 1_000 },
  );
});

/** A node's reading of a double may be off by a few units in the last place. */
const RELATIVE_ERROR_MAX = 1e-14;

/** The numbers of a value in the order they stand, and the value with a mark in each one's place. */
function takeNumbers(text: string): { numbers: number[]; rest: unknown } {
  const numbers: number[] = [];
  const rest = JSON.parse(text, (_name, value: unknown) => {
    if (typeof value !== 'number') return value;
    numbers.push(value);
    return { isNumber: true };
  });
  return { numbers, rest };
}

test('a rewritten value means the same', () => {
  fc.assert(
    fc.property(json, (text) => {
      const bytes = Buffer.from(text);
      const once = takeNumbers(rewriteValue(new ByteWindow(bytes), 0, bytes.length));
      const original = takeNumbers(text);
      assert.equal(once.rest, original.rest);
      assert.is(once.numbers.length, original.numbers.length);
      for (const [place, number] of original.numbers.entries()) {
        // Below the least normal double the steps are of one size, however small the number.
        const error = Math.abs((once.numbers[place] as number) - number);
        const allowed = Math.abs(number) * RELATIVE_ERROR_MAX + 4 * Number.MIN_VALUE;
        assert.ok(error <= allowed, `${number} became ${once.numbers[place]}`);
      }
    }),
    { seed, numRuns: 500 },
  );
});

const FAULTS: readonly (readonly [
  text: string,
  skip: string | undefined,
  check: string | undefined,
])[] = [
  [
    '',
    'EOF while parsing a value at line 1 column 0',
    'EOF while parsing a value at line 1 column 0',
  ],
  [
    '{',
    'EOF while parsing an object at line 1 column 1',
    'EOF while parsing an object at line 1 column 1',
  ],
  ['{"id":}', 'expected value at line 1 column 7', 'expected value at line 1 column 7'],
  [
    "{'id':1}",
    'key must be a string at line 1 column 2',
    'key must be a string at line 1 column 2',
  ],
  ['[1,]', 'expected value at line 1 column 4', 'trailing comma at line 1 column 4'],
  ['{"a":1,}', 'key must be a string at line 1 column 8', 'trailing comma at line 1 column 8'],
  ['{"a" 1}', 'expected `:` at line 1 column 6', 'expected `:` at line 1 column 6'],
  ['[1 2]', 'expected `,` or `]` at line 1 column 4', 'expected `,` or `]` at line 1 column 4'],
  [
    '{"a":1 "b"}',
    'expected `,` or `}` at line 1 column 8',
    'expected `,` or `}` at line 1 column 8',
  ],
  ['01', 'invalid number at line 1 column 2', 'invalid number at line 1 column 2'],
  ['-', 'invalid number at line 1 column 1', 'EOF while parsing a value at line 1 column 1'],
  ['1.', 'invalid number at line 1 column 2', 'EOF while parsing a value at line 1 column 2'],
  [
    'nul',
    'EOF while parsing a value at line 1 column 3',
    'EOF while parsing a value at line 1 column 3',
  ],
  ['nulx', 'expected ident at line 1 column 4', 'expected ident at line 1 column 4'],
  [
    '"a\n"',
    'control character (\\u0000-\\u001F) found while parsing a string at line 1 column 2',
    'control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0',
  ],
  ['"\\x"', 'invalid escape at line 1 column 3', 'invalid escape at line 1 column 3'],
  ['"\\ud800"', undefined, 'unexpected end of hex escape at line 1 column 8'],
  ['"\\udc00"', undefined, 'lone leading surrogate in hex escape at line 1 column 7'],
  ['1e999', undefined, 'number out of range at line 1 column 5'],
  [
    `${'['.repeat(128)}${']'.repeat(128)}`,
    undefined,
    'recursion limit exceeded at line 1 column 128',
  ],
  [`${'['.repeat(127)}${']'.repeat(127)}`, undefined, undefined],
];

test('faults carry the words of a node', () => {
  for (const [text, skip, check] of FAULTS) {
    assert.is(judge(text, 'skip'), skip, `skip ${text}`);
    assert.is(judge(text, 'check'), check, `check ${text}`);
  }
});

test('bytes that are no UTF-8 are a fault of the string that holds them', () => {
  const window = new ByteWindow(Buffer.from([0x22, 0xff, 0x22]));
  assert.throws(() => new SerdeReader(window).checkValue(), /invalid unicode code point/);
});

run();
