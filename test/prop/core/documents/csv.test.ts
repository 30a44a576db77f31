/**
 * Goal: CSV is read as a node reads it, in every cut.
 * Method: random tables, written by hand-made rules and read by csv-parse as the second implementation
 * (where both follow the RFC); odd quoting, blank lines and types by a table from a real node.
 */
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { CsvConverter, CsvFault } from '../../../../core/documents/csv.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/documents/csv');

function convert(text: string | Buffer, cutBytes = 1_000_000, delimiter = ','): unknown[] {
  const converter = new CsvConverter(delimiter.charCodeAt(0));
  const bytes = Buffer.from(text as string);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += cutBytes) {
    parts.push(converter.push(bytes.subarray(at, at + cutBytes)));
  }
  parts.push(converter.finish());
  const lines = Buffer.concat(parts).toString('utf8').split('\n');
  assert.is(lines.pop(), '');
  return lines.map((line) => JSON.parse(line) as unknown);
}

const cell = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'a,b', '"', 'x\ny', 'x\r\ny', ' padded ', 'é', '"q"'),
);
const quote = (text: string, always: boolean): string =>
  always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

test('tables are read as csv-parse reads them', () => {
  const table = fc.integer({ min: 2, max: 4 }).chain((width) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 5,
    }),
  );
  fc.assert(
    fc.property(
      table,
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.integer({ min: 1, max: 9 }),
      (rows, newline, always, cutBytes) => {
        const width = rows[0]?.length ?? 0;
        const header = Array.from({ length: width }, (_, i) => `c${i}`);
        const text = [header, ...rows]
          .map((row) => row.map((one) => quote(one, always)).join(','))
          .join(newline);
        const expected = (parse(text, { relax_quotes: true }) as string[][]).slice(1);
        const found = convert(text, cutBytes) as Record<string, string | null>[];
        assert.equal(
          found.map((document) => header.map((name) => document[name] ?? '')),
          expected,
        );
      },
    ),
    { seed, numRuns: 300 },
  );
});

const TABLE: readonly (readonly [string, unknown[]])[] = [
  ['id,a\n1,"x"y\n', [{ id: '1', a: 'xy' }]],
  ['id,a\n1,tr"ue\n', [{ id: '1', a: 'tr"ue' }]],
  ['id,a\n1,"open\n2,3', [{ id: '1', a: 'open\n2,3' }]],
  ['\n\nid\n\n1\n\r\n2\n', [{ id: '1' }, { id: '2' }]],
  ['id\r1\r2', [{ id: '1' }, { id: '2' }]],
  ['\ufeffid\n1\n', [{ id: '1' }]],
  ['id,id\n1,2\n', [{ id: '2' }]],
  [
    'id,n:number\n1, 5 \n2,+7\n3,-0\n4,inf\n5,.5\n6,5.\n7,1e3\n8,\n',
    [
      { id: '1', n: 5 },
      { id: '2', n: 7 },
      { id: '3', n: 0 },
      { id: '4', n: null },
      { id: '5', n: 0.5 },
      { id: '6', n: 5 },
      { id: '7', n: 1000 },
      { id: '8', n: null },
    ],
  ],
  ['id,b:boolean,s:string,x:y\n1, true ,,\n', [{ id: '1', b: true, s: null, 'x:y': null }]],
];

test('odd quoting, blank lines and types are as on a node', () => {
  for (const [text, expected] of TABLE) {
    for (const cutBytes of [1, 2, 100]) assert.equal(convert(text, cutBytes), expected, text);
  }
});

test('a delimiter may be any ASCII character', () => {
  assert.equal(convert('id;a\n1;2\n', 100, ';'), [{ id: '1', a: '2' }]);
  assert.equal(convert('id;a\n1;2\n', 100, '\n'), []);
  assert.equal(convert('id"a\n1"2\n', 100, '"'), [{ id: '1', a: '2' }]);
});

const FAULTS: readonly (readonly [string | Buffer, string])[] = [
  [
    'id,a\n1\n',
    'CSV error: record 1 (line: 2, byte: 5): found record with 1 fields, but the previous record has 2 fields',
  ],
  [
    'id,a\n1,2\n1,2,3\n',
    'CSV error: record 2 (line: 3, byte: 9): found record with 3 fields, but the previous record has 2 fields',
  ],
  ['id,n:number\n1,abc\n', 'Error parsing number "abc" at line 1: invalid float literal'],
  ['id,n:number\n1,2\n2,1_0\n', 'Error parsing number "1_0" at line 2: invalid float literal'],
  [
    'id,b:boolean\n1,True\n',
    'Error parsing boolean "True" at line 1: provided string was not `true` or `false`',
  ],
];

test('faults carry the words of a node', () => {
  for (const [text, message] of FAULTS) {
    try {
      convert(text);
      assert.unreachable(String(text));
    } catch (error) {
      assert.ok(error instanceof CsvFault);
      assert.is((error as Error).message, message);
    }
  }
});

run();
