/**
 * Goal: numbers and strings go through the stand-in as through a node, and wrong JSON gets a node's
 * words, line and column.
 * Method: texts with the result a real node was seen to give; for whole trees, JSON.parse as judge.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { EngineError } from '../../../engine/errors.ts';
import { parseJson } from '../../../engine/parse-json.ts';
import { readPayload } from '../../../engine/payload.ts';
import { printFloat, printJson } from '../../../engine/value.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('engine: json');

const again = (text: string) => printJson(parseJson(Buffer.from(text)));

test('numbers are printed as a node prints them', () => {
  for (const [written, printed] of [
    ['9007199254740993', '9007199254740993'],
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', '1.8446744073709552e+19'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['1.0', '1.0'],
    ['1e2', '100.0'],
    ['1.10', '1.1'],
    ['-0', '-0.0'],
    ['-0.0', '-0.0'],
    ['1e-7', '1e-7'],
    ['2.5e300', '2.5e+300'],
    ['0.00001', '0.00001'],
    ['1e15', '1000000000000000.0'],
    ['1e16', '1e+16'],
    ['5e-324', '5e-324'],
  ] as const) {
    assert.is(again(`[${written}]`), `[${printed}]`, written);
  }
});

test('keys stay in order, odd keys are keys, the last of two wins', () => {
  assert.is(again('{"__proto__":1,"0":2,"b":3,"a":4}'), '{"__proto__":1,"0":2,"b":3,"a":4}');
  assert.is(again('{"a":1,"b":2,"a":3}'), '{"a":3,"b":2}');
});

test('any tree survives', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const expected = JSON.parse(text) as unknown;
      const got = JSON.parse(again(text)) as unknown;
      assert.equal(JSON.stringify(got), JSON.stringify(JSON.parse(JSON.stringify(expected))));
    }),
    { seed, numRuns: 300 },
  );
});

test('a float is printed with the digits that give it back', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.ok(Object.is(Number(printFloat(value)), value), printFloat(value));
      assert.match(printFloat(value), /[.e]/);
    }),
    { seed, numRuns: 500 },
  );
});

test('wrong JSON: reason, line and column', () => {
  for (const [text, message] of [
    ['{', 'EOF while parsing an object at line 1 column 1'],
    ['[', 'EOF while parsing a list at line 1 column 1'],
    ['{"a":1,}', 'trailing comma at line 1 column 8'],
    ['{"a" 1}', 'expected `:` at line 1 column 6'],
    ["{'a':1}", 'key must be a string at line 1 column 2'],
    ['[1 2]', 'expected `,` or `]` at line 1 column 4'],
    ['[\n1,\n]', 'trailing comma at line 3 column 1'],
    ['"a', 'EOF while parsing a string at line 1 column 2'],
    ['{} x', 'trailing characters at line 1 column 4'],
    ['[01]', 'invalid number at line 1 column 3'],
    ['nul', 'EOF while parsing a value at line 1 column 3'],
    [`${'['.repeat(128)}`, 'recursion limit exceeded at line 1 column 128'],
  ] as const) {
    try {
      parseJson(Buffer.from(text));
      assert.unreachable(text);
    } catch (error) {
      assert.is((error as Error).message, message, text);
    }
  }
});

function refusal(text: string): EngineError {
  try {
    readPayload(Buffer.from(text), 'json', ',');
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error(`not refused: ${text}`);
}

test('payloads: one document, lists, and what a node makes of the rest', () => {
  assert.is(readPayload(Buffer.from('{"id":1}'), 'json', ',').length, 1);
  assert.is(readPayload(Buffer.from(' [ {"id":1} , {} ] rest'), 'json', ',').length, 2);
  assert.is(readPayload(Buffer.from('{"id":1}\n\n{"id":2}'), 'ndjson', ',').length, 2);
  assert.match(refusal('5').message, /neither an object nor a list of objects/);
  assert.is(refusal('[1,2]').code, 'malformed_payload');
  assert.is(refusal('[1]').code, 'internal');
  assert.is(
    refusal('["a"]').message,
    'invalid type: string "a", expected a map at line 1 column 3',
  );
  assert.is(refusal('').message, 'A json payload is missing.');
});

test('what a node finds out only while indexing is kept for later', () => {
  const [document] = readPayload(Buffer.from('[{"id":1,"v":1e999}]'), 'json', ',');
  assert.is(document?.lateError, 'number out of range at line 1 column 5');
  const [other] = readPayload(Buffer.from('[{"id":1,"v":"\\ud800"}]'), 'json', ',');
  assert.is(other?.lateError, 'unexpected end of hex escape at line 1 column 8');
});

test('CSV: types, quotes, ragged rows', () => {
  const csv = 'id:number,n,ok:boolean\n1,"a ""b"",\nc",true\n2,,\n';
  const documents = readPayload(Buffer.from(csv), 'csv', ',').map(({ fields }) =>
    printJson(fields),
  );
  assert.equal(documents, [
    '{"id":1,"n":"a \\"b\\",\\nc","ok":true}',
    '{"id":2,"n":null,"ok":null}',
  ]);
  assert.throws(
    () => readPayload(Buffer.from('id,a\n1\n'), 'csv', ','),
    /found record with 1 fields, but the previous record has 2 fields/,
  );
});

run();
