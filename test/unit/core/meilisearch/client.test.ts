/**
 * Goal: every end of a call to a node is the right value, and nothing is left hanging.
 * Method: a real HTTP server on a free port that does to each path what its name says.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { NodeClient } from '../../../../core/meilisearch/client.ts';
import type { NodeCall } from '../../../../core/meilisearch/outcome.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('node client');

let server: Server;
let client: NodeClient;
let url: string;
let connections = 0;

before(async () => {
  server = createServer(answer);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new NodeClient(url, { connections: 2 });
});

after(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  switch (request.url) {
    case '/silence':
      return;
    case '/cut':
      request.socket.destroy();
      return;
    case '/half':
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345', () => request.socket.destroy());
      return;
    case '/large':
      response.end(Buffer.alloc(100_000));
      return;
    default: {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { headers, method } = request;
        const body = Buffer.concat(chunks).toString('utf8');
        response.writeHead(request.url === '/teapot' ? 418 : 200, { 'x-kind': 'echo' });
        response.end(JSON.stringify({ method, headers, body }));
      });
    }
  }
}

function call(path: string, more: Partial<NodeCall> = {}): NodeCall {
  return { method: 'GET', path, headers: {}, deadlineMs: 5_000, ...more };
}

async function echo(
  more: Partial<NodeCall>,
): Promise<{ body: string; headers: NodeJS.Dict<string> }> {
  const outcome = await client.call(call('/echo', { method: 'POST', ...more }));
  assert.is(outcome.kind, 'answered');
  if (outcome.kind !== 'answered') throw new Error('unreachable');
  return JSON.parse(Buffer.from(outcome.body).toString('utf8'));
}

test('an answer of any status is an answer', async () => {
  const outcome = await client.call(call('/teapot'));
  assert.is(outcome.kind, 'answered');
  if (outcome.kind !== 'answered') return;
  assert.is(outcome.status, 418);
  assert.is(outcome.headers['x-kind'], 'echo');
  assert.ok(outcome.elapsedMs > 0);
});

test('accept-encoding is never sent', async () => {
  assert.is((await echo({ body: '{}' })).headers['accept-encoding'], undefined);
});

test('bytes, text, chunks and streams arrive with their exact length', async () => {
  assert.is((await echo({ body: 'häß' })).body, 'häß');
  assert.is((await echo({ body: Buffer.from('bytes') })).body, 'bytes');
  const chunks = await echo({ body: [Buffer.from('a'), Buffer.from('bc')] });
  assert.is(chunks.body, 'abc');
  assert.is(chunks.headers['content-length'], '3');
  const large = Array.from({ length: 5 }, () => Buffer.alloc(100_000, 'x'));
  const many = await echo({ body: large });
  assert.is(many.body.length, 500_000);
  assert.is(many.headers['content-length'], '500000');
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one ');
    yield Buffer.from('two');
  }
  const streamed = await echo({ body: stream(), bodyBytes: 7 });
  assert.is(streamed.body, 'one two');
  assert.is(streamed.headers['content-length'], '7');
});

test('a stream that is shorter than promised ends as reset, not as a wrong body', async () => {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one');
  }
  const outcome = await client.call(
    call('/echo', { method: 'POST', body: stream(), bodyBytes: 7 }),
  );
  assert.is(outcome.kind, 'reset');
});

test('nobody listening is refused: surely nothing was done', async () => {
  const nobody = new NodeClient('http://127.0.0.1:9');
  assert.is((await nobody.call(call('/echo'))).kind, 'refused');
  await nobody.close();
});

test('a connection that breaks is reset, before or inside the answer', async () => {
  assert.is((await client.call(call('/cut'))).kind, 'reset');
  assert.is((await client.call(call('/half'))).kind, 'reset');
});

test('the deadline ends a call that gets no answer', async () => {
  const outcome = await client.call(call('/silence', { deadlineMs: 50 }));
  assert.equal(outcome, { kind: 'timeout', afterMs: 50 });
});

test('a call that waits for a connection past its deadline is never sent', async () => {
  const hogs = [1, 2].map(() => client.call(call('/silence', { deadlineMs: 300 })));
  const outcome = await client.call(call('/echo', { deadlineMs: 50 }));
  assert.equal(outcome, { kind: 'timeout', afterMs: 50 });
  await Promise.all(hogs);
});

test('the caller can abort, before and during the call', async () => {
  const early = AbortSignal.abort();
  assert.is((await client.call(call('/echo', { signal: early }))).kind, 'aborted');
  const controller = new AbortController();
  const pending = client.call(call('/silence', { signal: controller.signal }));
  setTimeout(() => controller.abort(), 20);
  assert.is((await pending).kind, 'aborted');
});

test('many calls under one signal are no reason for a warning', async () => {
  const warnings: Error[] = [];
  const keep = (warning: Error): number => warnings.push(warning);
  process.on('warning', keep);
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 20 }, () => client.call(call('/echo', { signal }))));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', keep);
  assert.equal(warnings, []);
});

test('an answer beyond the limit is cut', async () => {
  const outcome = await client.call(call('/large', { answerBytesMax: 1_000 }));
  assert.equal(outcome, { kind: 'too-large', limitBytes: 1_000 });
});

test('calls in a row share connections', async () => {
  await client.call(call('/echo'));
  const before = connections;
  for (let count = 0; count < 20; count += 1) await client.call(call('/echo'));
  assert.is(connections, before);
});

test('a path that HTTP cannot carry is refused, not thrown', async () => {
  assert.is((await client.call(call('/a b\r\nx: y'))).kind, 'refused');
});

run();
