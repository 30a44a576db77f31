/**
 * Goal: numbers are judged and printed as serde_json does it.
 * Method: a table of texts; expected values were printed by a real node (recordings and probes).
 */
import * as assert from 'uvu/assert';
import { formatDouble, readNumber, rewriteNumber } from '../../../../core/json/serde-number.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/json/serde-number');

const REWRITTEN: readonly (readonly [string, string])[] = [
  ['0', '0'],
  ['-5', '-5'],
  ['-0', '-0.0'],
  ['1.0', '1.0'],
  ['1.10', '1.1'],
  ['1e3', '1000.0'],
  ['1e2', '100.0'],
  ['9007199254740993', '9007199254740993'],
  ['18446744073709551615', '18446744073709551615'],
  ['18446744073709551616', '1.8446744073709552e+19'],
  ['-9223372036854775808', '-9223372036854775808'],
  ['-9223372036854775809', '-9.223372036854776e+18'],
  ['1E-7', '1e-7'],
  ['0.00001', '0.00001'],
  ['0.000001', '1e-6'],
  ['1e15', '1000000000000000.0'],
  ['1e16', '1e+16'],
  ['123456.75', '123456.75'],
  ['0e999', '0.0'],
  ['-0e99999999999', '-0.0'],
  ['1e-99999999999', '0.0'],
];

test('numbers are written again as a node writes them', () => {
  for (const [text, expected] of REWRITTEN) assert.is(rewriteNumber(text), expected, text);
});

test('what no double holds is out of range', () => {
  for (const text of ['1e309', '1e999', '-1e999', '1e99999999999', `1${'0'.repeat(400)}`]) {
    assert.is(readNumber(text).kind, 'out-of-range', text);
  }
  for (const text of ['1e308', '0.1e309', '1e-999', `0.${'0'.repeat(400)}1`]) {
    assert.is(readNumber(text).kind, 'double', text);
  }
});

test('integers are those of 64 bits, signed or unsigned', () => {
  for (const text of ['0', '7', '-1', '18446744073709551615', '-9223372036854775808']) {
    assert.is(readNumber(text).kind, 'integer', text);
  }
  for (const text of ['-0', '1.0', '1e0', '18446744073709551616', '-9223372036854775809']) {
    assert.is(readNumber(text).kind, 'double', text);
  }
});

test('shortest form is kept', () => {
  assert.is(formatDouble(0.1), '0.1');
  assert.is(formatDouble(5e-324), '5e-324');
  assert.is(formatDouble(1.7976931348623157e308), '1.7976931348623157e+308');
});

run();
