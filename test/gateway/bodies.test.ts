/**
 * Goal: a body reaches its route inflated, counted and at the route's own pace; one that lies, breaks off
 * or explodes is refused as a node refuses it, and costs no memory.
 * Method: real Envoy and worker; bodies of every encoding, good and damaged; memory read from /proc.
 */
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { call, eventually, open, raw } from './wire.ts';

const MEGABYTE = 1_000_000;
/** 300 by hand; less where the machine is shared. */
const UPLOAD_BYTES = Number(process.env['MIROIR_TEST_UPLOAD_MB'] ?? 100) * MEGABYTE;
const tests = suite('gateway: bodies');
let gateway: Gateway;
let roomy: Gateway;

tests.before(async () => {
  gateway = await startGateway({ maxBody: '10MB' });
  roomy = await startGateway({ maxBody: '400MB' });
}, 240_000);
tests.after(async () => {
  await gateway.close();
  await roomy.close();
});

const text = Buffer.from('{"q":"a body that is compressed"}');
const damaged = 'The provided payload is incomplete and cannot be parsed';

const echo = (encoding: string, body: Buffer) =>
  call(`${gateway.url}/echo`, { headers: { 'content-encoding': encoding }, body });

tests.test('gzip, deflate and br are inflated, whatever the case of their names', async () => {
  const small = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  for (const [encoding, body] of [
    ['gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', small],
    ['Br', small],
  ] as const) {
    const answer = await echo(encoding, body);
    assert.is(answer.json.body, text.toString(), encoding);
  }
});

tests.test('a large compressed body arrives whole', async () => {
  const large = Buffer.alloc(9 * MEGABYTE);
  for (let index = 0; index < large.length; index += 1) large[index] = (index * index) >> 7;
  const answer = await call(`${gateway.url}/count`, {
    headers: { 'content-encoding': 'gzip' },
    body: gzipSync(large),
  });
  assert.is(answer.json.bytes, large.length);
});

tests.test('any other encoding leaves the body as it is', async () => {
  for (const encoding of ['x-gzip', 'zstd', 'identity', 'foo', 'gzip, gzip', '*'])
    assert.is((await echo(encoding, text)).json.body, text.toString(), encoding);
});

tests.test('a damaged body is refused in a node’s words', async () => {
  const good = gzipSync(text);
  const badSum = Buffer.from(good);
  badSum.writeUInt32LE(1, badSum.length - 8);
  for (const [name, encoding, body] of [
    ['not gzip', 'gzip', text],
    ['cut off', 'gzip', good.subarray(0, -6)],
    ['wrong checksum', 'gzip', badSum],
    ['bytes after the end', 'gzip', Buffer.concat([good, Buffer.from('junk')])],
    ['empty', 'gzip', Buffer.alloc(0)],
    ['raw deflate', 'deflate', deflateRawSync(text)],
    ['not br', 'br', Buffer.concat([text, text])],
  ] as const) {
    const answer = await echo(encoding, body);
    assert.is(answer.status, 400, name);
    assert.is(answer.json.code, 'bad_request', name);
    assert.is(answer.json.message, damaged, name);
  }
});

tests.test('a body over the limit is refused, announced or not, plain or inflated', async () => {
  const large = Buffer.alloc(11 * MEGABYTE, 'a b c d e f ');
  const stream = async function* () {
    for (let sent = 0; sent < 11; sent += 1) yield large.subarray(0, MEGABYTE);
  };
  for (const [name, options] of [
    ['announced', { body: large }],
    ['chunked', { body: stream() }],
    ['inflated', { body: noise(11 * MEGABYTE), headers: { 'content-encoding': 'gzip' } }],
  ] as const) {
    const answer = await call(`${gateway.url}/count`, { method: 'POST', ...options });
    assert.is(answer.status, 413, name);
    assert.is(answer.json.code, 'payload_too_large', name);
    assert.is(
      answer.json.message,
      'The provided payload reached the size limit. The maximum accepted payload size is 10 MB.',
      name,
    );
  }
  assert.is(
    (await call(`${gateway.url}/count`, { body: large.subarray(0, 10 * MEGABYTE) })).json.bytes,
    10 * MEGABYTE,
  );
});

tests.test(
  'bombs are stopped early',
  async () => {
    const before = rssBytes(roomy.workerPids[0]);
    for (const [encoding, body] of [
      ['gzip', gzipSync(Buffer.alloc(300 * MEGABYTE))],
      ['br', brotliCompressSync(Buffer.alloc(300 * MEGABYTE), QUICK)],
      ['deflate', deflateSync(Buffer.alloc(300 * MEGABYTE))],
    ] as const) {
      const answer = await call(`${roomy.url}/count`, {
        headers: { 'content-encoding': encoding },
        body,
      });
      assert.is(answer.status, 413, encoding);
      assert.is(answer.json.code, 'payload_too_large', encoding);
      assert.match(answer.json.message, /200 times/, encoding);
    }
    const grown = rssBytes(roomy.workerPids[0]) - before;
    assert.ok(grown < 60 * MEGABYTE, `worker grew by ${grown}`);
  },
  60_000,
);

tests.test('half a body never becomes a whole one', async () => {
  const before = (await call(`${gateway.url}/seen`)).json.aborted;
  const head = 'POST /hang-body HTTP/1.1\r\nhost: x\r\n';
  await raw(gateway.port, `${head}content-length: 100\r\n\r\n{"a":1}`, { waitMs: 100 });
  await raw(gateway.port, `${head}content-length: 100\r\n\r\n{"a":1}`, { halfClose: true });
  await raw(gateway.port, `${head}transfer-encoding: chunked\r\n\r\n9\r\n{"a`, { waitMs: 100 });
  await raw(gateway.port, `${head}transfer-encoding: chunked\r\n\r\n9\r\n{"a":1}\r\n`, {
    halfClose: true,
  });
  assert.ok(
    await eventually(async () => (await call(`${gateway.url}/seen`)).json.aborted === before + 4),
    'a route still waits for, or got, half a body',
  );
});

tests.test('a length shorter than what is sent ends the body there', async () => {
  const { text: seen } = await raw(
    gateway.port,
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcdef\r\n\r\n',
  );
  assert.match(seen, /"body":"abc"/);
  assert.match(seen, /HTTP\/1.1 400 Bad Request/);
});

tests.test('an early answer does not wait for a large body', async () => {
  const startedAt = performance.now();
  const { statuses } = await raw(
    gateway.port,
    'POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\nabc',
  );
  assert.equal(statuses, ['HTTP/1.1 403 Forbidden']);
  assert.ok(performance.now() - startedAt < 2000);
});

tests.test('after an early answer to a small body the connection goes on', async () => {
  const one = 'POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc';
  const { statuses } = await raw(gateway.port, one + one);
  assert.is(statuses.length, 2);
});

tests.test(
  'a slow route slows the client down instead of filling memory',
  async () => {
    const worker = roomy.workerPids[0];
    const before = rssBytes(worker);
    const envoyBefore = rssBytes(roomy.envoyPid);
    const socket = await open(roomy.port);
    socket.write(
      `POST /slow-count?ms=1000 HTTP/1.1\r\nhost: x\r\ncontent-length: ${UPLOAD_BYTES}\r\n\r\n`,
    );
    const chunk = Buffer.alloc(MEGABYTE, 'z');
    let peak = 0;
    let envoyPeak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, rssBytes(worker));
      envoyPeak = Math.max(envoyPeak, rssBytes(roomy.envoyPid));
    }, 20);
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString();
    });
    for (let sent = 0; sent < UPLOAD_BYTES; sent += chunk.length) {
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
    }
    assert.ok(await eventually(() => answer.includes(`"bytes":${UPLOAD_BYTES}`), 20_000), answer);
    clearInterval(watch);
    socket.destroy();
    console.log(
      `## upload of ${UPLOAD_BYTES / MEGABYTE} MB: worker +${Math.round((peak - before) / MEGABYTE)} MB, Envoy +${Math.round((envoyPeak - envoyBefore) / MEGABYTE)} MB`,
    );
    assert.ok(peak - before < 150 * MEGABYTE, `worker grew by ${peak - before}`);
    assert.ok(envoyPeak - envoyBefore < 50 * MEGABYTE, `Envoy grew by ${envoyPeak - envoyBefore}`);
  },
  60_000,
);

const QUICK = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** Compresses to about a hundredth: dense, yet below the limit of density. */
function noise(bytes: number): Buffer {
  const line = Buffer.alloc(1000);
  for (let index = 0; index < line.length; index += 1) line[index] = (index * 7919) >> 3;
  return gzipSync(Buffer.alloc(bytes, line), { level: 1 });
}

function rssBytes(pid = 0): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

tests.run();
