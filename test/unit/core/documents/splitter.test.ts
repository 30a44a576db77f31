/**
 * Goal: documents are found, located and hashed whatever the format and the cuts, and bad payloads are
 * refused in a node's own words, without cost that grows faster than the payload.
 * Method: tables of payloads; verdicts were taken from a real node. Bombs are timed.
 */
import * as assert from 'uvu/assert';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import { documentTexts, type SplitCase, splitPayload } from '../../../kit/split.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/documents/splitter');

const verdict = (payload: string | Buffer, how: SplitCase = {}): string => {
  const { result } = splitPayload(payload, how);
  if (result.kind === 'ok') return `ok ${result.table.count}`;
  if (result.kind === 'rejected') return `${result.rejection.code}: ${result.rejection.message}`;
  if (result.kind === 'task-failed')
    return `task ${result.failure.code}: ${result.failure.message}`;
  return `reserved ${result.name}`;
};
const inner = (text: string): string =>
  `malformed_payload: The \`json\` payload provided is malformed. \`Couldn't serialize document value: ${text}\`.`;

test('documents keep their bytes, in every cut', () => {
  const documents = [
    '{"id":1,"n":1.10}',
    '{ "id" : "x" , "t":"é\\u00e9" }',
    '{"id":18446744073709551615}',
  ];
  for (let cutBytes = 1; cutBytes < 90; cutBytes += 1) {
    const array = splitPayload(` [ ${documents.join(' ,\n')} ] x`, { cutBytes });
    assert.equal(documentTexts(array), documents);
    const lines = splitPayload(documents.join(cutBytes % 2 ? '\n' : ''), {
      format: 'ndjson',
      cutBytes,
    });
    assert.equal(documentTexts(lines), documents);
  }
});

test('hashes are those of the identifier as text, however it is written', () => {
  const payload =
    '[{"id":5},{"id":"5"},{"id":"\\u0035"},{"i\\u0064":5},{"id":-12345678901234567890}]';
  const { result } = splitPayload(payload.replace(',{"id":-12345678901234567890}', ''));
  assert.ok(result.kind === 'ok');
  if (result.kind !== 'ok') return;
  const hash = hashPrimaryKey('5');
  for (let row = 0; row < 4; row += 1) {
    assert.is(result.table.hashLows[row], Number(hash & 0xffffffffn));
    assert.is(result.table.hashHighs[row], Number(hash >> 32n));
  }
  const bytes = Buffer.from(result.table.hashBytes(4) ?? []);
  assert.is(bytes.length, 32);
  assert.is(bytes.readBigUInt64LE(24), hash);
  // Above the bound each hash counts once.
  assert.is(result.table.hashBytes(1)?.length, 8);
  const many = splitPayload('[{"id":1},{"id":2},{"id":1}]').result;
  assert.is(many.kind === 'ok' && many.table.hashBytes(2)?.length, 16);
  assert.is(many.kind === 'ok' && many.table.hashBytes(1), undefined);
});

test('the primary key is inferred from the first document only', () => {
  const names: readonly (readonly [string, string | undefined])[] = [
    ['[{"uuid":1},{"uuid":2,"id":3}]', 'uuid'],
    ['[{"paid":1}]', 'paid'],
    ['[{"movieID":1}]', 'movieID'],
    ['[]', undefined],
  ];
  for (const [payload, primaryKey] of names) {
    const { result } = splitPayload(payload);
    assert.is(result.kind === 'ok' ? result.primaryKey : 'not ok', primaryKey, payload);
  }
  assert.is(
    verdict('[{"zid":1,"aid":2,"bid":3}]'),
    "task index_primary_key_multiple_candidates_found: The primary key inference failed as the engine found 3 fields ending with `id` in their names: 'aid' and 'bid'. Please specify the primary key manually using the `primaryKey` query parameter.",
  );
});

test('of repeated names the last counts in JSON; in NDJSON two keys are too many', () => {
  assert.is(verdict('[{"id":"a b","id":2}]'), 'ok 1');
  assert.match(
    verdict('{"id":1,"id":2}', { format: 'ndjson' }),
    /^task invalid_document_id: Document have too many/,
  );
});

test('a fault of grammar anywhere goes before a missing identifier', () => {
  assert.is(verdict('[{"x":1},{"id":2},]'), inner('trailing comma at line 1 column 19'));
  assert.match(verdict('[{"x":1},{"_miroir_a":2}]'), /^reserved _miroir_a/);
});

test('reserved fields are seen through escapes', () => {
  assert.is(verdict('[{"id":1,"\\u005fmiroir_x":1}]'), 'reserved _miroir_x');
  assert.is(
    verdict('id,_miroir_version:number\n1,2\n', { format: 'csv' }),
    'reserved _miroir_version',
  );
  assert.is(verdict('[{"id":1,"a":{"_miroir_x":1}}]'), 'ok 1');
});

test('values that indexing chokes on fail the task, unless replaced in the same payload', () => {
  const fails = 'task internal: Index `m`: internal: number out of range at line 1 column 5.';
  assert.is(verdict('[{"id":1,"v":1e999}]'), fails);
  assert.is(verdict('[{"id":1,"v":1e999},{"id":"1","v":2}]'), 'ok 2');
  assert.is(verdict('[{"id":1,"v":1e999},{"id":1}]', { laterReplaces: false }), fails);
  assert.is(
    verdict('[{"id":1,"_vectors":5}]'),
    'task internal: Index `m`: invalid type: integer `5`, expected a map at line 1 column 1',
  );
});

test('line and column are those of the whole payload', () => {
  assert.is(verdict('[\n {"id":1},\n  {"id":tru}]'), inner('expected ident at line 3 column 12'));
  assert.is(
    verdict('{"id":1}\n{"id":2}}', { format: 'ndjson' }),
    inner('expected value at line 2 column 9').replace('`json`', '`ndjson`'),
  );
});

test('bytes that are no UTF-8 are refused where a node refuses them', () => {
  const bytes = Buffer.from('[{"id":1},{"id":2,"v":"x"}]');
  bytes[bytes.indexOf('x')] = 0xff;
  for (const cutBytes of [1, 5, 100]) {
    assert.is(
      verdict(bytes, { cutBytes }),
      inner('invalid unicode code point at line 1 column 26'),
    );
  }
  assert.is(
    verdict(Buffer.from('[{"id":1,"v":"\xc3'), {}),
    inner('EOF while parsing a string at line 1 column 16'),
  );
});

test('bombs cost no more than their size', () => {
  const startedAt = performance.now();
  const deep = '['.repeat(1_000_000);
  assert.is(verdict(deep), inner('EOF while parsing a list at line 1 column 1000000'));
  assert.is(verdict(`{"id":${deep}`), inner('recursion limit exceeded at line 1 column 133'));
  const closed = `[{"id":1,"v":${deep}${']'.repeat(1_000_000)}}]`;
  assert.match(verdict(closed), /^task internal: .*recursion limit exceeded/);
  const names = `[{${Array.from({ length: 100_000 }, (_, i) => `"id":${i}`).join(',')}}]`;
  assert.is(verdict(names), 'ok 1');
  const blanks = ' '.repeat(20_000_000);
  assert.is(
    verdict(`[${blanks}{"id":1}${blanks},${blanks}{"id":2}]`, { cutBytes: 65_536 }),
    'ok 2',
  );
  assert.ok(performance.now() - startedAt < 10_000, 'slow');
});

test('a document larger than any buffer is split by the exact reader', () => {
  const large = `{"id":7,"v":"${'x'.repeat(40 * 1024 * 1024)}"}`;
  const { result } = splitPayload(`[{"id":1},${large},{"id":2}]`, { cutBytes: 65_536 });
  assert.is(result.kind === 'ok' && result.table.count, 3);
  assert.is(result.kind === 'ok' && result.table.lengths[1], large.length);
});

test('nested keys', () => {
  const how = { primaryKey: 'a.b' };
  assert.is(verdict('[{"a":{"b":1}},{"a.b":"x"},{"a":{"c":2},"a.b":3}]', how), 'ok 3');
  assert.match(verdict('[{"a":[{"b":1}]}]', how), /^task missing_document_id/);
  assert.match(
    verdict('[{"a":{"b":1},"a.b":2}]', how),
    /^task invalid_document_id: Document have too many/,
  );
  assert.match(
    verdict('[{"a":{"b":{}}}]', how),
    /^task invalid_document_id: Document identifier `\{\}`/,
  );
});

test('nothing at all is a missing payload, each format by its name', () => {
  for (const format of ['json', 'ndjson', 'csv'] as const) {
    assert.is(verdict('', { format }), `missing_payload: A ${format} payload is missing.`);
  }
});

run();
