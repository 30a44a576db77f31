/**
 * Goal: the server speaks gRPC as others do.
 * Method: the gRPC library's own client against it, over a unix socket: streams, health, refusals, long
 * messages, slow readers, shutdown.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  ProcessingRequest,
  ProcessingResponse,
} from '../../../../proto/gen/envoy/service/ext_proc/v3/ext_proc.ts';
import { type ExtprocServer, startExtprocServer } from '../../../../sidecar/extproc/server.ts';
import { makeAnswerer } from '../../../../sidecar/http/answer.ts';
import type { GatewayRequest } from '../../../../sidecar/http/exchange.ts';
import { LargeReplies } from '../../../../sidecar/http/large-replies.ts';
import { suite } from '../../../kit/suite.ts';

const tests = suite('ext_proc server');
const folder = mkdtempSync(join(tmpdir(), 'miroir-grpc-'));
const path = join(folder, 'extproc.sock');
const faults: string[] = [];
let ended = 0;
let server: ExtprocServer;
let client: Client;

tests.before(async () => {
  writeFileSync(path, 'left behind by a process that died');
  server = await startExtprocServer(path, {
    answer: makeAnswerer({
      handler: async (request) => ({
        status: 200,
        headers: [['content-type', 'text/plain']],
        body: [Buffer.from(`${request.target} `), await readAll(request)],
        route: '/x',
      }),
      onBug: (error) => faults.push(String(error)),
    }),
    recorder: {
      started: () => undefined,
      ended: () => {
        ended += 1;
      },
    },
    largeReplies: new LargeReplies(),
    httpCluster: 'worker-0',
    maxBodyBytes: 1e9,
    now: () => 0,
    onFault: (reason) => faults.push(reason),
  });
  client = new Client(`unix:${path}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
});
tests.after(() => {
  client.close();
  rmSync(folder, { recursive: true });
});

const asIs = (bytes: Buffer) => bytes;
type Call = ClientDuplexStream<Buffer, Buffer>;
const open = (): Call =>
  client.makeBidiStreamRequest('/envoy.service.ext_proc.v3.ExternalProcessor/Process', asIs, asIs);

const request = (value: ProcessingRequest['request']): Buffer =>
  Buffer.from(
    ProcessingRequest.encode({
      request: value,
      protocolConfig: {
        requestBodyMode: 4,
        responseBodyMode: 0,
        sendBodyWithoutWaitingForHeaderResponse: false,
      },
    }).finish(),
  );
const head = (target: string): Buffer =>
  request({
    $case: 'requestHeaders',
    value: {
      headers: { headers: [{ key: ':path', value: '', rawValue: Buffer.from(target) }] },
      endOfStream: false,
    },
  });
const piece = (body: Buffer, endOfStream: boolean): Buffer =>
  request({
    $case: 'requestBody',
    value: { body, endOfStream, endOfStreamWithoutMessage: false, grpcMessageCompressed: false },
  });

/** Reads the answer until its end; resolves with its body, and with the call's status once it is over. */
function answerOf(call: Call): { body: Promise<Buffer>; status: Promise<number> } {
  const chunks: Buffer[] = [];
  const body = new Promise<Buffer>((resolve, reject) => {
    call.on('error', reject);
    call.on('data', (message: Buffer) => {
      const { response } = ProcessingResponse.decode(message);
      if (response?.$case !== 'streamedImmediateResponse') return;
      const part = response.value.response;
      if (part?.$case !== 'bodyResponse') return;
      chunks.push(part.value.body);
      if (part.value.endOfStream) resolve(Buffer.concat(chunks));
    });
  });
  const status = new Promise<number>((resolve) => {
    call.on('status', ({ code }) => resolve(code));
  });
  return { body, status };
}

tests.test('many streams at once on one connection are each answered and ended well', async () => {
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const call = open();
      const { body, status } = answerOf(call);
      call.write(head(`/${index}`));
      call.write(piece(Buffer.from('a'), false));
      call.write(piece(Buffer.from('b'), true));
      assert.is((await body).toString(), `/${index} ab`);
      call.end();
      assert.is(await status, 0);
    }),
  );
});

tests.test('long messages and long answers pass whole', async () => {
  const call = open();
  const { body, status } = answerOf(call);
  const mebibyte = Buffer.alloc(1024 ** 2, 'abcdefg');
  call.write(head('/long'));
  for (let count = 0; count < 20; count += 1) call.write(piece(mebibyte, count === 19));
  const answer = await body;
  assert.is(answer.length, 6 + 20 * 1024 ** 2);
  assert.ok(answer.subarray(-mebibyte.length).equals(mebibyte));
  call.end();
  assert.is(await status, 0);
});

tests.test('a reset in the middle of a body is an end for the route', async () => {
  const before = ended;
  const call = open();
  call.on('error', () => undefined);
  call.write(head('/gone'));
  call.write(piece(Buffer.from('a'), false));
  await sleep(50);
  call.cancel();
  await sleep(50);
  assert.is(ended, before + 1);
});

tests.test('health is told as it is', async () => {
  for (const [isServing, expected] of [
    [false, 2],
    [true, 1],
  ] as const) {
    server.setServing(isServing);
    const answer = await unary('/grpc.health.v1.Health/Check', Buffer.alloc(0));
    assert.equal(answer, Buffer.from([8, expected]));
  }
});

tests.test('other methods are not implemented', async () => {
  for (const method of ['/grpc.health.v1.Health/Watch', '/x.Y/Z']) {
    const error = await unary(method, Buffer.alloc(0)).catch((reason) => reason);
    assert.is(error.code, 12, method);
  }
});

tests.test('bytes that are no messages are refused with an answer', async () => {
  const call = open();
  const answered = new Promise<Buffer>((resolve) => {
    call.on('data', resolve);
  });
  call.on('error', () => undefined);
  call.write(Buffer.alloc(9 * 1024 ** 2));
  const { response } = ProcessingResponse.decode(await answered);
  assert.is(response?.$case, 'immediateResponse');
  assert.ok(faults.includes('unreadable gRPC message'));
  call.cancel();
});

tests.test('at the end streams at work are finished, then nothing is taken', async () => {
  const call = open();
  const { body, status } = answerOf(call);
  call.write(head('/last'));
  await sleep(50);
  const closed = server.close(5000);
  call.write(piece(Buffer.from('a'), true));
  assert.is((await body).toString(), '/last a');
  call.end();
  assert.is(await status, 0);
  await closed;
  const error = await unary('/grpc.health.v1.Health/Check', Buffer.alloc(0)).catch(
    (reason) => reason,
  );
  assert.is(error.code, 14);
});

function unary(method: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, asIs, asIs, message, (error, answer) =>
      error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error),
    );
  });
}

async function readAll(request_: GatewayRequest): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of request_.body) pieces.push(chunk);
  return Buffer.concat(pieces);
}

tests.run();
