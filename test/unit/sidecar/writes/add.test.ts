/**
 * Goal: what a client posts reaches each node once, whole, in order, with the internal fields, under the
 * granted place in the lane; what fails takes its place as a failed task; nothing else is acknowledged.
 * Method: the stage (real HTTP nodes that record, a control made of functions).
 */
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import { hashPrimaryKey, shardOf } from '../../../../core/placement/index.ts';
import { decodeShard, decodeVersion } from '../../../../core/reserved/index.ts';
import { WriteKind } from '../../../../proto/gen/miroir/write/v1/write.ts';
import { handleDocumentReplace, handleDocumentUpdate } from '../../../../sidecar/writes/index.ts';
import { suite } from '../../../kit/suite.ts';
import { makeStage, NOW, type Received, replyJson, requestOf } from './stage.ts';

const { test, run } = suite('sidecar/writes add');

const documentsOf = (received: Received): Record<string, unknown>[] => {
  const text = received.body.toString('utf8');
  if (received.contentType === 'application/json') return JSON.parse(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
};
const mustThrow = async (task: Promise<unknown>): Promise<MiroirError> => {
  try {
    await task;
  } catch (error) {
    if (error instanceof MiroirError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

test('each node gets its documents in payload order with shard and version', async () => {
  const stage = await makeStage();
  try {
    const documents = Array.from({ length: 300 }, (_, i) => ({ id: `doc-${i}`, n: i, t: 'é"\\' }));
    const reply = await handleDocumentReplace(
      requestOf(JSON.stringify(documents)),
      stage.context({ query: 'customMetadata=mine&skipCreation=true' }),
    );
    assert.is(reply.status, 202);
    assert.is(
      JSON.stringify(await replyJson(reply)),
      `{"taskUid":42,"indexUid":"m","status":"enqueued","type":"documentAdditionOrUpdate","enqueuedAt":"${NOW}","customMetadata":"mine"}`,
    );
    assert.is(stage.received.length, 3);
    let seen = 0;
    for (const received of stage.received) {
      assert.is(received.method, 'POST');
      assert.is(received.path, '/indexes/m/documents');
      assert.equal(Object.fromEntries(received.query), {
        primaryKey: 'id',
        skipCreation: 'true',
        customMetadata: 'm1.cafe.42.0',
      });
      assert.is(received.authorization, 'Bearer secret');
      assert.is(Number(received.contentLength), received.body.length);
      let last = -1;
      for (const { _miroir_shard, _miroir_version, ...document } of documentsOf(received)) {
        const version = decodeVersion(_miroir_version as string);
        const shard = shardOf(hashPrimaryKey(document['id'] as string), 16);
        assert.is(version?.seq, 42);
        assert.equal(document, documents[version?.position as number]);
        assert.ok((version?.position as number) > last);
        last = version?.position as number;
        assert.is(decodeShard(_miroir_shard as string), shard);
        assert.is(received.node, `n${shard % 3}`);
        seen += 1;
      }
    }
    assert.is(seen, 300);
    const [begin] = stage.begins;
    assert.is(begin?.kind, WriteKind.DOCUMENTS_REPLACE);
    assert.is(begin?.primaryKeyHashes.length, 300 * 8);
    assert.is(begin?.primaryKey, 'id');
    assert.is(begin?.primaryKeyExplicit, false);
    assert.is(begin?.detailsJson.toString(), '{"receivedDocuments":300,"indexedDocuments":null}');
    const [report] = stage.reports;
    assert.is(report?.complete, true);
    assert.is(report?.results.length, 3);
  } finally {
    await stage.close();
  }
});

test('CSV and NDJSON travel as NDJSON, PUT as PUT', async () => {
  const stage = await makeStage();
  try {
    await handleDocumentUpdate(
      requestOf('id;n:number\n1;2\n3;\n', 'text/csv'),
      stage.context({ query: 'csvDelimiter=%3B' }),
    );
    assert.ok(stage.received.every(({ contentType }) => contentType === 'application/x-ndjson'));
    assert.ok(stage.received.every(({ method }) => method === 'PUT'));
    assert.ok(stage.received.every(({ query }) => !query.has('csvDelimiter')));
    const documents = stage.received.flatMap(documentsOf).map(({ id, n }) => ({ id, n }));
    assert.equal(
      documents.sort((a, b) => Number(a.id) - Number(b.id)),
      [
        { id: '1', n: 2 },
        { id: '3', n: null },
      ],
    );
    assert.is(stage.begins[0]?.kind, WriteKind.DOCUMENTS_UPDATE);
  } finally {
    await stage.close();
  }
});

test('a payload on disk arrives as one in memory does, in parts', async () => {
  const stage = await makeStage(1);
  try {
    const line = (i: number): string => `{"id":${i},"v":"${'x'.repeat(900)}"}`;
    const lines = Array.from({ length: 5_000 }, (_, i) => line(i));
    const context = stage.context();
    await handleDocumentReplace(requestOf(lines.join('\n'), 'application/x-ndjson'), context);
    const documents = documentsOf(stage.received[0] as Received);
    assert.is(documents.length, 5_000);
    assert.ok(documents.every(({ id, v }, i) => id === i && v === 'x'.repeat(900)));
  } finally {
    await stage.close();
  }
});

test('CSV on disk keeps its last line', async () => {
  const stage = await makeStage(1);
  try {
    const rows = Array.from({ length: 30_000 }, (_, i) => `${i},${'x'.repeat(50)}`);
    await handleDocumentReplace(requestOf(`id,v\n${rows.join('\n')}`, 'text/csv'), stage.context());
    const documents = documentsOf(stage.received[0] as Received);
    assert.is(documents.length, 30_000);
    assert.is(documents.at(-1)?.['id'], '29999');
  } finally {
    await stage.close();
  }
});

test('failures take their place in the lane and reach no node', async () => {
  const stage = await makeStage();
  try {
    const reply = await handleDocumentReplace(
      requestOf('[{"id":1},{"name":"x"}]'),
      stage.context(),
    );
    assert.is(reply.status, 202);
    assert.is(stage.received.length, 0);
    const [begin] = stage.begins;
    assert.is(begin?.failure?.code, 'missing_document_id');
    assert.is(begin?.failure?.message, 'Document doesn\'t have a `id` attribute: `{"name":"x"}`.');
    assert.is(begin?.failure?.type, 'invalid_request');
    assert.is(begin?.documentCount, 2n);
    assert.is(begin?.primaryKeyHashes.length, 0);
    assert.is(begin?.touchesAllShards, false);
  } finally {
    await stage.close();
  }
});

test("refusals before a task: no Begin, a node's own words", async () => {
  const stage = await makeStage();
  try {
    const cases: readonly (readonly [string, string | undefined, string, string])[] = [
      ['[{"id":1}', 'application/json', '', 'malformed_payload'],
      ['', 'application/json', '', 'missing_payload'],
      ['[]', undefined, '', 'missing_content_type'],
      ['[]', 'text/plain', '', 'invalid_content_type'],
      ['[]', 'application/json', 'csvDelimiter=;', 'invalid_content_type'],
      ['[]', 'application/json', 'nope=1', 'bad_request'],
      ['[]', 'application/json', 'skipCreation=maybe', 'invalid_skip_creation'],
      ['[{"id":1,"_miroir_shard":2}]', 'application/json', '', 'miroir_reserved_field'],
      ['["a"]', 'application/json', '', 'internal'],
    ];
    for (const [body, type, query, code] of cases) {
      const request = {
        ...requestOf(body),
        headers: new Map(type === undefined ? [] : [['content-type', type]]),
      };
      const error = await mustThrow(handleDocumentReplace(request, stage.context({ query })));
      assert.is(error.code, code, body + query);
    }
    const error = await mustThrow(
      handleDocumentReplace(requestOf('['), stage.context({ indexUid: 'a b' })),
    );
    assert.is(error.code, 'invalid_index_uid');
    assert.is(stage.begins.length, 0);
    assert.is(stage.received.length, 0);
  } finally {
    await stage.close();
  }
});

test('a primary key that the gateway keeps for itself is refused before the body', async () => {
  const stage = await makeStage();
  try {
    const context = stage.context({ query: 'primaryKey=_miroir_shard' });
    const error = await mustThrow(handleDocumentReplace(requestOf('[{"a":1}]'), context));
    assert.is(error.code, 'miroir_reserved_field');
    assert.is(stage.begins.length, 0);
  } finally {
    await stage.close();
  }
});

test('control may name another primary key: the spooled body is judged again', async () => {
  const stage = await makeStage();
  try {
    const grant = stage.onBegin;
    stage.onBegin = (input) =>
      input.primaryKey === 'sku' ? grant(input) : { $case: 'otherPrimaryKey', value: 'sku' };
    await handleDocumentReplace(requestOf('id,sku\n1,a\n2,b\n', 'text/csv'), stage.context());
    assert.equal(
      stage.begins.map(({ primaryKey }) => primaryKey),
      ['id', 'sku'],
    );
    assert.ok(stage.received.every(({ query }) => query.get('primaryKey') === 'sku'));
    for (const received of stage.received) {
      for (const { sku } of documentsOf(received)) {
        assert.is(received.node, `n${shardOf(hashPrimaryKey(sku as string), 16) % 3}`);
      }
    }
  } finally {
    await stage.close();
  }
});

test('a client that went away while its body was judged again takes no place', async () => {
  const stage = await makeStage();
  try {
    const abort = new AbortController();
    stage.onBegin = () => {
      abort.abort();
      return { $case: 'otherPrimaryKey', value: 'sku' };
    };
    const request = { ...requestOf('id,sku\n1,a\n', 'text/csv'), signal: abort.signal };
    const error = await mustThrow(handleDocumentReplace(request, stage.context()));
    assert.is(error.code, 'bad_request');
    assert.is(stage.begins.length, 1);
  } finally {
    await stage.close();
  }
});

test('a named key that the index does not have fails the task', async () => {
  const stage = await makeStage();
  try {
    const findIndex = () => ({ primaryKey: 'id', settings: {} }) as never;
    await handleDocumentReplace(
      requestOf('[{"id":1}]'),
      stage.context({ query: 'primaryKey=sku', findIndex }),
    );
    assert.is(stage.begins[0]?.failure?.message, 'Index already has a primary key: `id`.');
    assert.is(stage.begins[0]?.primaryKeyExplicit, true);
  } finally {
    await stage.close();
  }
});

test('a place of the wrong shape fails the task where the index looks at places', async () => {
  const stage = await makeStage();
  try {
    const body = '[{"id":1,"_geo":{"lat":1}}]';
    await handleDocumentReplace(requestOf(body), stage.context());
    assert.is(stage.begins[0]?.failure, undefined);
    const settings = { sortableAttributes: ['a', '_geo'] };
    const findIndex = () => ({ primaryKey: 'id', settings }) as never;
    await handleDocumentReplace(requestOf(body), stage.context({ findIndex }));
    assert.is(stage.begins[1]?.failure?.code, 'invalid_document_geo_field');
    const context = stage.context({ findIndex, query: 'skipCreation=true' });
    await handleDocumentReplace(requestOf(body), context);
    assert.is(stage.begins[2]?.failure, undefined);
  } finally {
    await stage.close();
  }
});

test('an empty payload is granted or settled, and sends nothing', async () => {
  const stage = await makeStage();
  try {
    const reply = await handleDocumentReplace(requestOf('[]'), stage.context());
    assert.is(reply.status, 202);
    assert.is(stage.received.length, 0);
    assert.is(stage.begins[0]?.documentCount, 0n);
    assert.equal(stage.reports[0]?.results, []);
  } finally {
    await stage.close();
  }
});

test('outcomes of sends: refused, reset, silence', async () => {
  const stage = await makeStage(1);
  try {
    const body = { message: 'no', code: 'no_space_left_on_device', type: 'system', link: '' };
    stage.onNode = () => ({ status: 422, body });
    stage.onReport = () => ({
      stands: false,
      refusal: { code: 'miroir_no_quorum', message: 'none' },
      missed: [],
    });
    const reply = await handleDocumentReplace(requestOf('[{"id":1}]'), stage.context());
    assert.is(reply.status, 422);
    assert.equal(await replyJson(reply), body);
    stage.onNode = () => 'reset';
    const error = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.is(error.code, 'miroir_no_quorum');
    const outcomes = stage.reports.map(({ results }) => results[0]?.outcome?.$case);
    assert.equal(outcomes, ['refused', 'unknown']);
  } finally {
    await stage.close();
  }
});

test('control that cannot be reached is a 503', async () => {
  const stage = await makeStage(1);
  try {
    stage.onBegin = () => {
      throw new MiroirError('miroir_control_unavailable', 'gone', { retryAfterSeconds: 1 });
    };
    const error = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.is(error.status, 503);
    assert.is(error.retryAfterSeconds, 1);
    assert.is(stage.received.length, 0);
  } finally {
    await stage.close();
  }
});

run();
