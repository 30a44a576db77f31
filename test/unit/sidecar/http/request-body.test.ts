/**
 * Goal: a body comes out inflated and whole, in whatever pieces it arrived; a damaged, dense or long one
 * is refused in a node's words, on both kinds of routes.
 * Method: the queue and the body readers without any transport; random cuts.
 */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import {
  BodyError,
  formatBytes,
  incomplete,
  tooLarge,
} from '../../../../sidecar/http/body-error.ts';
import { BodyQueue } from '../../../../sidecar/http/body-queue.ts';
import { bodyEncoding } from '../../../../sidecar/http/inflate.ts';
import { requestBody } from '../../../../sidecar/http/request-body.ts';
import { seed, suite } from '../../../kit/suite.ts';

const tests = suite('request body');
const NO_FLOW = { pause: () => undefined, resume: () => undefined };

tests.test('pieces come out in order and whole, wherever they were cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 5000 }),
      fc.array(fc.nat(700), { maxLength: 12 }),
      fc.constantFrom('gzip', 'deflate', 'br', 'none'),
      async (bytes, cuts, encoding) => {
        const sent = encode(encoding, bytes);
        const source = pieces(sent, cuts);
        const read = await readAll(source, { 'content-encoding': encoding }, 10_000);
        assert.ok(Buffer.from(bytes).equals(read));
      },
    ),
    { seed, numRuns: 100 },
  );
});

tests.test('names of encodings are compared as a node compares them', () => {
  assert.is(bodyEncoding(' GZip '), 'gzip');
  for (const other of [undefined, '', 'x-gzip', 'gzip, br', 'zstd'])
    assert.is(bodyEncoding(other), undefined);
});

tests.test('the limit counts what was inflated, and its last byte is allowed', async () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 31) % 251));
  for (const encoding of ['none', 'gzip', 'br']) {
    const body = () => pieces(encode(encoding, bytes), [10, 20]);
    const headers = { 'content-encoding': encoding };
    assert.is((await readAll(body(), headers, 1000)).length, 1000);
    const error = await errorOf(readAll(body(), headers, 999));
    assert.is(error.code, 'payload_too_large');
    assert.is(error.status, 413);
  }
});

tests.test('an announced length is refused before anything is read', async () => {
  let isRead = false;
  const source = (async function* () {
    isRead = true;
    yield Buffer.from('x');
  })();
  const error = await errorOf(readAll(source, { 'content-length': '1001' }, 1000));
  assert.is(
    error.message,
    'The provided payload reached the size limit. The maximum accepted payload size is 1 KB.',
  );
  assert.is(
    error.forJsonBody().message,
    'JSON payload (1001 bytes) is larger than allowed (limit: 1000 bytes).',
  );
  assert.not.ok(isRead);
});

tests.test('a body far denser than any honest one is stopped early', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000));
  let readBytes = 0;
  const reading = (async () => {
    const options = { headers: new Map([['content-encoding', 'gzip']]), maxBytes: 1e9 };
    for await (const piece of requestBody(pieces(bomb, []), options)) readBytes += piece.length;
    return Buffer.alloc(0);
  })();
  const error = await errorOf(reading);
  assert.match(error.message, /more than 200 times/);
  assert.ok(readBytes < 5_000_000, `${readBytes} bytes came out first`);
  const honest = gzipSync(Buffer.alloc(900_000));
  assert.is(
    (await readAll(pieces(honest, []), { 'content-encoding': 'gzip' }, 1e6)).length,
    900_000,
  );
});

tests.test('damage is worded as each kind of route words it', async () => {
  const error = await errorOf(
    readAll(pieces(Buffer.from('no gzip at all'), []), { 'content-encoding': 'gzip' }, 1000),
  );
  assert.is(error.code, 'bad_request');
  assert.is(error.message, 'The provided payload is incomplete and cannot be parsed');
  assert.is(
    error.forJsonBody().message,
    'Error that occur during reading payload: payload reached EOF before completing: Some(Custom { kind: InvalidInput, error: "corrupt gzip stream does not have a matching checksum" })',
  );
  assert.instance(error.forJsonBody(), MiroirError);
  assert.match(incomplete().forJsonBody().message, /before completing: None$/);
});

tests.test('an error of the source passes through inflation as it is', async () => {
  const source = (async function* () {
    yield gzipSync(Buffer.from('abc')).subarray(0, 8);
    throw incomplete();
  })();
  const error = await errorOf(readAll(source, { 'content-encoding': 'gzip' }, 1000));
  assert.match(error.forJsonBody().message, /None$/);
});

tests.test('a reader that stops ends the inflation', async () => {
  let isClosed = false;
  const source = (async function* () {
    try {
      for (;;) yield gzipSync(Buffer.alloc(1000, 'abc'));
    } finally {
      isClosed = true;
    }
  })();
  const options = { headers: new Map([['content-encoding', 'gzip']]), maxBytes: 1e9 };
  for await (const piece of requestBody(source, options)) if (piece.length > 0) break;
  assert.ok(isClosed);
});

tests.test('the queue asks to pause when it is full and to go on when it is empty', async () => {
  const asked: string[] = [];
  const queue = new BodyQueue(
    { pause: () => asked.push('pause'), resume: () => asked.push('resume') },
    false,
  );
  queue.push(Buffer.alloc(600_000), false);
  assert.equal(asked, []);
  queue.push(Buffer.alloc(600_000), false);
  queue.push(Buffer.alloc(600_000), false);
  assert.equal(asked, ['pause']);
  const reader = queue[Symbol.asyncIterator]();
  await reader.next();
  await reader.next();
  await reader.next();
  assert.equal(asked, ['pause']);
  const last = reader.next();
  assert.equal(asked, ['pause', 'resume']);
  queue.push(Buffer.from('z'), true);
  assert.equal((await last).value, Buffer.from('z'));
  assert.is((await reader.next()).done, true);
});

tests.test('a queue that fails gives what it has, then the failure', async () => {
  const queue = new BodyQueue(NO_FLOW, false);
  queue.push(Buffer.from('a'), false);
  queue.fail(incomplete());
  const read: string[] = [];
  const error = await errorOf(
    (async () => {
      for await (const piece of queue) read.push(Buffer.from(piece).toString());
      return Buffer.alloc(0);
    })(),
  );
  assert.equal(read, ['a']);
  assert.is(error.code, 'bad_request');
  assert.not.ok(queue.isComplete);
});

tests.test('a discarded queue drops what comes and lets it flow', async () => {
  const asked: string[] = [];
  const queue = new BodyQueue(
    { pause: () => asked.push('pause'), resume: () => asked.push('resume') },
    false,
  );
  queue.push(Buffer.alloc(2_000_000), false);
  queue.discard();
  queue.push(Buffer.alloc(2_000_000), false);
  assert.equal(asked, ['pause', 'resume']);
  assert.is(queue.receivedBytes, 4_000_000);
});

tests.test('sizes are printed as a node prints them', () => {
  assert.is(formatBytes(100_000_000), '100 MB');
  assert.is(formatBytes(104_857_600), '100 MiB');
  assert.is(formatBytes(1_500_000), '1.5 MB');
  assert.is(formatBytes(3), '3 B');
  assert.match(tooLarge(1024).message, /1 KiB\.$/);
});

function encode(encoding: string, bytes: Uint8Array): Buffer {
  if (encoding === 'gzip') return gzipSync(bytes);
  if (encoding === 'deflate') return deflateSync(bytes);
  if (encoding === 'br') return brotliCompressSync(bytes);
  return Buffer.from(bytes);
}

async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const length of cuts) {
    yield bytes.subarray(at, at + length);
    at = Math.min(bytes.length, at + length);
  }
  yield bytes.subarray(at);
}

async function readAll(
  source: AsyncIterable<Uint8Array>,
  headers: Record<string, string>,
  maxBytes: number,
): Promise<Buffer> {
  const read: Uint8Array[] = [];
  const options = { headers: new Map(Object.entries(headers)), maxBytes };
  for await (const piece of requestBody(source, options)) read.push(piece);
  return Buffer.concat(read);
}

async function errorOf(promise: Promise<unknown>): Promise<BodyError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, BodyError);
    return error as BodyError;
  }
  throw new Error('nothing was refused');
}

tests.run();
