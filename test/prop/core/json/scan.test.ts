/**
 * Goal: the fast scanner never accepts what is not JSON, never loses a document, and finds its key.
 * Method: random documents and random damage, judged by JSON.parse as the dumb second implementation;
 * every document is also cut at every byte. Bombs: nesting, repeated names, bytes that are no UTF-8.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { DocumentScanner, SCAN_INCOMPLETE, SCAN_ODD } from '../../../../core/json/scan.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/json/scan');
const options = { seed, numRuns: 300 };

/** Scans bytes that are followed by a zero, as the splitter keeps them. */
function scan(text: string | Buffer, names: string[] = ['id'], end?: number) {
  const bytes = Buffer.concat([Buffer.from(text as string), Buffer.from([0])]);
  const limit = end ?? bytes.length - 1;
  bytes[limit] = 0;
  const scanner = new DocumentScanner(names);
  return { after: scanner.scan(bytes, 0, limit), scanner, bytes };
}

const json = fc.json({ maxDepth: 6 });
const blank = fc.constantFrom('', ' ', '\n\t', '\r\n ');
const object = fc
  .array(fc.tuple(fc.string({ unit: 'grapheme' }), json, blank), { maxLength: 6 })
  .map((members) => {
    const texts = members.map(
      ([name, value, gap]) => `${gap}${JSON.stringify(name)}${gap}:${gap}${value}${gap}`,
    );
    return `{${texts.join(',')}}`;
  });

test('documents that JSON.parse reads are walked to their end', () => {
  fc.assert(
    fc.property(object, fc.constantFrom('', ' ', ',{"id":2}', ']'), (text, rest) => {
      JSON.parse(text);
      const { after } = scan(text + rest);
      assert.is(after, Buffer.byteLength(text));
    }),
    options,
  );
});

test('a document that is cut at any byte is incomplete, never wrong', () => {
  fc.assert(
    fc.property(object, (text) => {
      const length = Buffer.byteLength(text);
      for (let end = 1; end < length; end += 1) {
        assert.is(scan(text, ['id'], end).after, SCAN_INCOMPLETE, text.slice(0, end));
      }
    }),
    { ...options, numRuns: 60 },
  );
});

test('damage is accepted only where JSON.parse accepts it', () => {
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
    't',
    '\u0001',
    ' ',
    '\\u12',
  );
  fc.assert(
    fc.property(object, damage, fc.nat(), fc.boolean(), (text, bit, at, isInsert) => {
      const place = at % text.length;
      const broken = text.slice(0, place) + bit + text.slice(isInsert ? place : place + 1);
      if (!broken.startsWith('{')) return;
      const { after } = scan(broken);
      if (after === Buffer.byteLength(broken)) JSON.parse(broken);
      else if (after > 0) JSON.parse(Buffer.from(broken).subarray(0, after).toString());
      else assert.not.ok(isJson(broken), `${after}: ${broken}`);
    }),
    { ...options, numRuns: 2_000 },
  );
});

test('the key is found wherever it stands, and only if it is plain', () => {
  const id = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
    fc.integer(),
    fc.constantFrom('', 'a b', 'é', true, null, 1.5),
  );
  fc.assert(
    fc.property(
      id,
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.nat(5),
      (value, others, place) => {
        const entries = Object.entries(others).filter(
          ([name]) => name !== 'id' && !name.startsWith('_'),
        );
        entries.splice(place % (entries.length + 1), 0, ['id', value]);
        const text = `{${entries.map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`).join(',')}}`;
        const { scanner, bytes, after } = scan(text);
        assert.is(after, bytes.length - 1);
        const isPlain =
          /^[A-Za-z0-9_-]{1,511}$/.test(String(value)) &&
          (typeof value === 'string' || Number.isInteger(value));
        assert.is(scanner.keyIsPlain, isPlain && !Object.is(value, -0), text);
        if (isPlain) {
          assert.is(bytes.toString('utf8', scanner.keyStart, scanner.keyEnd), String(value));
        }
      },
    ),
    options,
  );
});

test('a key that is there twice is not plain', () => {
  assert.not.ok(scan('{"id":1,"id":2}').scanner.keyIsPlain);
  assert.not.ok(scan('{"a.b":1,"a":{"b":2}}', ['a', 'a.b']).scanner.keyIsPlain);
});

test('escaped names, lone surrogates and huge numbers are suspect; pairs are not', () => {
  for (const text of [
    '{"\\u005fmiroir_x":1}',
    '{"v":"\\ud800"}',
    '{"v":"\\udc00x"}',
    '{"v":"\\\\ud83d\\ude00"}',
    '{"v":1e999}',
    `{"v":1${'0'.repeat(300)}}`,
  ]) {
    const { scanner, after } = scan(text);
    assert.is(after, Buffer.byteLength(text), text);
    assert.ok(scanner.isSuspect, text);
  }
  for (const text of ['{"v":"\\ud83d\\ude00"}', '{"v":1e99}', '{"v":"\\u00e9"}']) {
    assert.not.ok(scan(text).scanner.isSuspect, text);
  }
});

test('vectors and places are located, lists are told from other values', () => {
  const { scanner } = scan('{"_vectors":{"a":[1]},"_geo": {"lat":1} ,"x":[]}');
  assert.equal([scanner.vectorsStart, scanner.vectorsEnd], [12, 21]);
  assert.equal([scanner.geoStart, scanner.geoEnd], [30, 39]);
  assert.not.ok(scanner.hasOnlyLists);
  assert.ok(scan('{"a":[1,{}],"b":null}').scanner.hasOnlyLists);
  assert.is(scan('{"_vectorsx":1,"_ge":2}').scanner.vectorsStart, -1);
});

test('reserved names are seen on the top level only', () => {
  assert.ok(scan('{"_miroir_shard":1}').scanner.hasReserved);
  assert.not.ok(scan('{"a":{"_miroir_shard":1},"_miroi":2}').scanner.hasReserved);
});

test('a million brackets end early', () => {
  const startedAt = performance.now();
  assert.is(scan(`{"a":${'['.repeat(1_000_000)}`).after, SCAN_ODD);
  assert.is(scan(`{"a":${'{"a":'.repeat(1_000_000)}`).after, SCAN_ODD);
  assert.ok(performance.now() - startedAt < 1_000);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

run();
