/**
 * Goal: every answer of a route reaches the client whole, whatever its size or kind.
 * Method: real Envoy, one real worker with a scripted app; sizes on both sides of every limit, slow
 * readers, compression, HEAD, errors.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { call, eventually, open, raw } from './wire.ts';

const MEGABYTE = 1_000_000;
const tests = suite('gateway: answers');
let gateway: Gateway;

tests.before(async () => {
  gateway = await startGateway();
}, 240_000);
tests.after(() => gateway.close());

for (const bytes of [0, 1, 65_536, 65_537, MEGABYTE, 30 * MEGABYTE, 32 * 1024 ** 2 + 1]) {
  tests.test(`an answer of ${bytes} bytes is whole`, async () => {
    const answer = await call(`${gateway.url}/bytes?n=${bytes}&chunk=1000003`);
    assert.is(answer.status, 200);
    assert.is(answer.bytes.length, bytes);
    assert.is(answer.headers['content-length'], String(bytes));
    assert.ok(answer.bytes.equals(expected(bytes)), 'bytes differ');
    assert.is(answer.headers['x-envoy-upstream-service-time'], undefined);
  });
}

tests.test('an answer of 100 MB is whole, with and without a request body', async () => {
  for (const body of [undefined, 'a body']) {
    const answer = await call(`${gateway.url}/bytes?n=${100 * MEGABYTE}`, body ? { body } : {});
    assert.is(answer.bytes.length, 100 * MEGABYTE);
  }
});

tests.test('a stream of 100 MB is whole, and its source is closed', async () => {
  const before = (await call(`${gateway.url}/seen`)).json.streamsEnded;
  const answer = await call(`${gateway.url}/stream?n=${100 * MEGABYTE}`, { body: 'a body' });
  assert.is(answer.bytes.length, 100 * MEGABYTE);
  assert.is((await call(`${gateway.url}/seen`)).json.streamsEnded, before + 1);
});

tests.test('a slow reader of a large answer does not fill Envoy', async () => {
  const before = rssBytes(gateway.envoyPid);
  const socket = await open(gateway.port);
  socket.write(`GET /stream?n=${300 * MEGABYTE} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  await sleep(1500);
  const grown = rssBytes(gateway.envoyPid) - before;
  socket.destroy();
  assert.ok(grown < 50 * MEGABYTE, `Envoy grew by ${grown} bytes`);
});

tests.test('a client that leaves a large answer ends its source', async () => {
  const before = (await call(`${gateway.url}/seen`)).json.streamsEnded;
  const socket = await open(gateway.port);
  socket.write(`GET /stream?n=${300 * MEGABYTE}&ms=5 HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(socket, 'data');
  socket.destroy();
  assert.ok(
    await eventually(
      async () => (await call(`${gateway.url}/seen`)).json.streamsEnded === before + 1,
    ),
    'the source went on',
  );
});

tests.test('events of a stream arrive one by one and uncompressed', async () => {
  const socket = await open(gateway.port);
  const arrivals: number[] = [];
  socket.on('data', () => arrivals.push(performance.now()));
  socket.write(
    `GET /stream?n=${5 * 65_536}&ms=200&type=text/event-stream HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n`,
  );
  await sleep(1600);
  socket.destroy();
  const spreadMs = (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0);
  assert.ok(arrivals.length >= 5, `${arrivals.length} arrivals`);
  assert.ok(spreadMs > 600, `all within ${spreadMs} ms`);
});

tests.test('HEAD: the length is kept, the body is not sent', async () => {
  const { text } = await raw(gateway.port, 'HEAD /bytes?n=1234 HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.match(text, /content-length: 1234\r/);
  assert.ok(text.endsWith('\r\n\r\n'));
  const large = await raw(gateway.port, 'HEAD /bytes?n=50000000 HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.match(large.text, /content-length: 50000000\r/);
  const stream = await raw(gateway.port, 'HEAD /stream?n=50 HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.match(stream.text, /^HTTP\/1.1 200 OK\r/);
});

tests.test('gzip and br are made by Envoy, for texts of some size only', async () => {
  const plain = (await call(`${gateway.url}/json?n=5000`)).bytes;
  for (const [name, inflate] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const) {
    const headers = { 'accept-encoding': name };
    const answer = await call(`${gateway.url}/json?n=5000`, { headers });
    assert.is(answer.headers['content-encoding'], name);
    assert.ok(inflate(answer.bytes).equals(plain), 'bytes differ');
    assert.is((await call(`${gateway.url}/json?n=50`, { headers })).bytes.length, 50);
    const large = await call(`${gateway.url}/json?n=${40 * MEGABYTE}`, { headers });
    assert.is(inflate(large.bytes).length, 40 * MEGABYTE);
  }
  const binary = await call(`${gateway.url}/bytes?n=5000`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  assert.is(binary.headers['content-encoding'], undefined);
});

tests.test('no status closes the connection', async () => {
  for (const status of [200, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 501, 503]) {
    const one = `GET /empty?status=${status} HTTP/1.1\r\nhost: x\r\n\r\n`;
    const { statuses, isClosed } = await raw(gateway.port, one + one, { waitMs: 150 });
    assert.is(statuses.length, 2, `status ${status}`);
    assert.is(isClosed, false, `status ${status}`);
  }
});

tests.test("errors have Meilisearch's shape", async () => {
  const early = await call(`${gateway.url}/early`);
  assert.is(early.status, 403);
  assert.is(early.headers['content-type'], 'application/json');
  assert.equal(early.json, {
    message: 'The provided API key is invalid.',
    code: 'invalid_api_key',
    type: 'auth',
    link: 'https://docs.meilisearch.com/errors#invalid_api_key',
  });
  const later = await call(`${gateway.url}/retry-after`);
  assert.is(later.status, 503);
  assert.is(later.headers['retry-after'], '7');
  assert.is(later.json.code, 'miroir_control_unavailable');
});

tests.test('a bug is a 500 that tells nothing, and is logged', async () => {
  for (const path of ['/bug', '/broken']) {
    const answer = await call(`${gateway.url}${path}`);
    assert.is(answer.status, 500);
    assert.is(answer.json.code, 'internal');
    assert.not.match(answer.text, /secret/);
  }
  assert.match(gateway.log(), /a bug with a secret in it/);
});

tests.test('one access line a request, without query, key or body', async () => {
  await call(`${gateway.url}/count?token=query-canary`, {
    headers: { authorization: 'Bearer key-canary', 'x-request-id': 'access-line-1' },
    body: 'body-canary',
  });
  assert.ok(await eventually(() => gateway.log().includes('access-line-1')));
  const lines = gateway
    .log()
    .split('\n')
    .filter((line) => line.includes('access-line-1'));
  assert.is(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '');
  assert.is(line.route, '/scripted');
  assert.is(line.status, 200);
  assert.is(line.plan, 'scripted');
  assert.is(line.method, 'POST');
  assert.type(line.duration_ms, 'number');
  assert.not.match(gateway.log(), /canary/);
});

function expected(bytes: number): Buffer {
  const chunk = Buffer.alloc(1_000_003, 'abcdefghij');
  const whole = Array.from({ length: Math.floor(bytes / chunk.length) }, () => chunk);
  return Buffer.concat([...whole, chunk.subarray(0, bytes % chunk.length)]);
}

function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

tests.run();
