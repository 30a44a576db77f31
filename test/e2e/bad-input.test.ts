/**
 * Goal: bad input is refused with a node's own status, code and shape, and leaves nothing behind on any
 * node. Every case goes through Envoy; the texts and codes are those a Meilisearch 1.50 node gives.
 */
import { connect } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { type Answer, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const e2e = suite('bad input');
let cluster: TestCluster;

e2e.before(async () => {
  cluster = await startCluster(['--spread', 'all']);
}, 5 * MINUTES);
e2e.after(() => cluster.stop(), MINUTES);

interface Case {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
  readonly query?: string;
  readonly status: number;
  readonly code: string;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const CASES: readonly Case[] = [
  {
    name: 'no content type',
    headers: {},
    body: '[{"id":1}]',
    status: 415,
    code: 'missing_content_type',
  },
  {
    name: 'other content type',
    headers: { 'content-type': 'text/plain' },
    body: '[{"id":1}]',
    status: 415,
    code: 'invalid_content_type',
  },
  {
    name: 'csvDelimiter with JSON',
    headers: JSON_TYPE,
    body: '[{"id":1}]',
    query: '?csvDelimiter=;',
    status: 415,
    code: 'invalid_content_type',
  },
  {
    name: 'delimiter of two characters',
    headers: { 'content-type': 'text/csv' },
    body: 'id\n1',
    query: '?csvDelimiter=ab',
    status: 400,
    code: 'invalid_document_csv_delimiter',
  },
  { name: 'empty body', headers: JSON_TYPE, body: '', status: 400, code: 'missing_payload' },
  {
    name: 'half an array',
    headers: JSON_TYPE,
    body: '[{"id":1},{"id":2',
    status: 400,
    code: 'malformed_payload',
  },
  { name: 'a scalar', headers: JSON_TYPE, body: '5', status: 400, code: 'malformed_payload' },
  {
    name: 'scalars in an array',
    headers: JSON_TYPE,
    body: '[1,2]',
    status: 400,
    code: 'malformed_payload',
  },
  {
    name: 'invalid UTF-8',
    headers: JSON_TYPE,
    body: Buffer.from([
      0x5b, 0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d, 0x5d,
    ]),
    status: 400,
    code: 'malformed_payload',
  },
  {
    name: 'a million open brackets',
    headers: JSON_TYPE,
    body: '['.repeat(1_000_000),
    status: 400,
    code: 'malformed_payload',
  },
  {
    name: 'a ragged CSV row',
    headers: { 'content-type': 'text/csv' },
    body: 'id,a\n1,2,3\n',
    status: 400,
    code: 'malformed_payload',
  },
  {
    name: 'an unknown parameter',
    headers: JSON_TYPE,
    body: '[{"id":1}]',
    query: '?nope=1',
    status: 400,
    code: 'bad_request',
  },
  {
    name: 'a reserved field',
    headers: JSON_TYPE,
    body: '[{"id":1,"_miroir_shard":"x"}]',
    status: 400,
    code: 'miroir_reserved_field',
  },
  {
    name: 'a reserved field in escapes',
    headers: JSON_TYPE,
    body: '[{"id":1,"\\u005fmiroir_x":1}]',
    status: 400,
    code: 'miroir_reserved_field',
  },
  {
    name: 'a gzip bomb',
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    body: gzipSync(Buffer.alloc(300_000_000, 32)),
    status: 413,
    code: 'payload_too_large',
  },
];

for (const given of CASES) {
  e2e.test(
    `documents: ${given.name}`,
    async () => {
      const answer = await cluster.call(
        'POST',
        `/indexes/bad/documents${given.query ?? ''}`,
        given.body,
        given.headers,
      );
      assertError(answer, given.status, given.code);
      assert.is((await cluster.call('GET', '/indexes/bad')).status, 404, 'no index was made');
    },
    MINUTES,
  );
}

e2e.test(
  'a batch with one bad document writes nothing on any node',
  async () => {
    const documents = Array.from({ length: 300 }, (_, at) => ({ id: at, n: at }));
    const good = await cluster.call('POST', '/indexes/batch/documents', documents);
    await cluster.waitForTask(good.body.taskUid);
    const bad = await cluster.call('POST', '/indexes/batch/documents', [
      ...documents.map((document) => ({ ...document, n: -1 })),
      { title: 'no identifier' },
    ]);
    assert.is(bad.status, 202, bad.text);
    const task = await cluster.waitForTask(bad.body.taskUid);
    assert.is(task.status, 'failed');
    assert.is(task.error.code, 'missing_document_id');
    assert.is(task.details.indexedDocuments, 0);
    const list = await cluster.call('GET', '/indexes/batch/documents?limit=1000');
    assert.is(list.body.total, 300);
    assert.ok(
      list.body.results.every((document: { id: number; n: number }) => document.n === document.id),
    );
  },
  2 * MINUTES,
);

e2e.test(
  'compressed bodies arrive whole',
  async () => {
    for (const [encoding, squeeze] of [
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
    ] as const) {
      const body = squeeze(Buffer.from(JSON.stringify([{ id: encoding, n: 1 }])));
      const answer = await cluster.call('POST', '/indexes/squeezed/documents?primaryKey=id', body, {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      assert.is(answer.status, 202, answer.text);
      assert.is((await cluster.waitForTask(answer.body.taskUid)).status, 'succeeded');
      assert.is((await cluster.call('GET', `/indexes/squeezed/documents/${encoding}`)).status, 200);
    }
  },
  MINUTES,
);

e2e.test(
  'CSV with typed headers',
  async () => {
    const csv = 'id,price:number,live:boolean,name:string\n1,2.5,true,"a, b"\n2,,false,\n';
    const answer = await cluster.call('POST', '/indexes/csv/documents?primaryKey=id', csv, {
      'content-type': 'text/csv',
    });
    assert.is((await cluster.waitForTask(answer.body.taskUid)).status, 'succeeded');
    assert.equal((await cluster.call('GET', '/indexes/csv/documents/1')).body, {
      id: '1',
      price: 2.5,
      live: true,
      name: 'a, b',
    });
    assert.equal((await cluster.call('GET', '/indexes/csv/documents/2')).body, {
      id: '2',
      price: null,
      live: false,
      name: null,
    });
  },
  MINUTES,
);

e2e.test(
  'keys are judged before the body',
  async () => {
    const path = '/indexes/k/documents';
    const none = await cluster.call('POST', path, '[{"id":1}]', {
      ...JSON_TYPE,
      authorization: '',
    });
    assert.ok([401, 403].includes(none.status), none.text);
    const wrong = await cluster.call('POST', path, '[{"id":1}]', {
      ...JSON_TYPE,
      authorization: 'Bearer nope',
    });
    assertError(wrong, 403, 'invalid_api_key');
  },
  MINUTES,
);

e2e.test('routes not built say so, unknown paths are empty', async () => {
  const dump = await cluster.call('POST', '/dumps');
  assertError(dump, 501, 'miroir_not_implemented');
  const unknown = await cluster.call('GET', '/nowhere');
  assert.is(unknown.status, 404);
  assert.is(unknown.text, '');
});

e2e.test(
  'what one node would answer from its own part says what to do instead',
  async () => {
    for (const [method, path, instead] of [
      ['POST', '/export', 'documents/fetch'],
      ['POST', '/snapshots', 'documents/fetch'],
      ['PATCH', '/network', '`nodes` in the configuration'],
      ['POST', '/logs/stream', 'where it runs'],
      ['POST', '/tasks/compact', 'each node by itself'],
      ['POST', '/chats/w/chat/completions', 'hand the hits to the model'],
    ] as const) {
      const answer = await cluster.call(method, path, {});
      assertError(answer, 501, 'miroir_not_implemented');
      assert.ok(answer.body.message.includes(instead), answer.text);
    }
    if (!cluster.isReal) return;
    await cluster.call('PATCH', '/experimental-features', { foreignKeys: true });
    const keys = [{ foreignIndexUid: 'other', fieldName: 'other' }];
    const refused = await cluster.call('PUT', '/indexes/k/settings/foreign-keys', keys);
    assertError(refused, 400, 'miroir_not_shardable');
    assert.match(refused.body.message, 'filter by the ids');
    const none = await cluster.call('PUT', '/indexes/k/settings/foreign-keys', []);
    assert.is(none.status, 202, none.text);
    await cluster.waitForTask(none.body.taskUid);
  },
  MINUTES,
);

e2e.test(
  'half a body and a body shorter than its length leave no trace',
  async () => {
    await sendRaw(
      `POST /indexes/half/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${cluster.masterKey}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{"id":1}`,
    );
    assert.is((await cluster.call('GET', '/indexes/half')).status, 404);
    assert.is((await cluster.call('GET', '/health')).status, 200);
  },
  MINUTES,
);

e2e.test(
  'chunked bodies with trailers are taken',
  async () => {
    const body = '[{"id":"t1"}]';
    const text = await sendRaw(
      `POST /indexes/chunked/documents HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${cluster.masterKey}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nx-sum: 1\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 202/);
  },
  MINUTES,
);

e2e.test(
  'HEAD and HTTP/1.0 are answered',
  async () => {
    const head = await sendRaw('HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 405/, 'a node takes HEAD on no route');
    assert.not.match(head, '{');
    const old = await sendRaw('GET /health HTTP/1.0\r\n\r\n');
    assert.match(old, /^HTTP\/1\.[01] 200/);
    assert.match(old, 'available');
  },
  MINUTES,
);

e2e.run();

function assertError(answer: Answer, status: number, code: string): void {
  assert.is(answer.status, status, answer.text);
  assert.is(answer.body?.code, code, answer.text);
  assert.equal(Object.keys(answer.body), ['message', 'code', 'type', 'link']);
}

/** Writes bytes on a socket, half-closes it and returns what came back until the end (at most 5 s). */
function sendRaw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(cluster.url).port), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.setTimeout(5_000, () => socket.destroy());
    socket.write(text);
    if (text.includes('Content-Length: 1000')) setTimeout(() => socket.destroy(), 500);
  });
}
