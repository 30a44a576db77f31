/**
 * Goal: whatever order messages, ends and cancellations come in, a stream gives exactly one answer, never
 * ends without one, and tells its route when the client is gone.
 * Method: the state machine with a peer made of arrays; replies are read with the generated codec.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import {
  ProcessingRequest,
  ProcessingResponse,
} from '../../../../proto/gen/envoy/service/ext_proc/v3/ext_proc.ts';
import { ExtprocStream, type StreamServices } from '../../../../sidecar/extproc/stream.ts';
import { makeAnswerer } from '../../../../sidecar/http/answer.ts';
import type { GatewayReply, GatewayRequest, Handler } from '../../../../sidecar/http/exchange.ts';
import { LargeReplies } from '../../../../sidecar/http/large-replies.ts';
import { suite } from '../../../kit/suite.ts';

const tests = suite('ext_proc stream');
const FULL_DUPLEX = { requestBodyMode: 4, responseBodyMode: 0 };

function harness(handler: Handler) {
  const sent: NonNullable<ProcessingResponse['response']>[] = [];
  const log: string[] = [];
  const largeReplies = new LargeReplies();
  const services: StreamServices = {
    answer: makeAnswerer({ handler, onBug: (error) => log.push(`bug ${String(error)}`) }),
    recorder: {
      started: () => log.push('started'),
      ended: (_request, reply, { ending }) => log.push(`${ending} ${reply?.status ?? '-'}`),
    },
    largeReplies,
    httpCluster: 'worker-0',
    maxBodyBytes: 1000,
    now: () => 0,
    onFault: (reason) => log.push(`fault ${reason}`),
  };
  const peer = {
    write: (message: Buffer) => {
      const { response } = ProcessingResponse.decode(message);
      if (response !== undefined) sent.push(response);
      return true;
    },
    drained: async () => undefined,
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
    end: () => log.push('end'),
  };
  return { stream: new ExtprocStream(peer, services), sent, log, largeReplies };
}

function message(request: ProcessingRequest['request'], protocol = FULL_DUPLEX): Buffer {
  const protocolConfig = { ...protocol, sendBodyWithoutWaitingForHeaderResponse: false };
  return Buffer.from(ProcessingRequest.encode({ request, protocolConfig }).finish());
}

const head = (isEnd: boolean, more: Record<string, string> = {}, protocol = FULL_DUPLEX) =>
  message(
    {
      $case: 'requestHeaders',
      value: {
        headers: {
          headers: Object.entries({ ':method': 'POST', ':path': '/x', ...more }).map(
            ([key, value]) => ({ key, value: '', rawValue: Buffer.from(value) }),
          ),
        },
        endOfStream: isEnd,
      },
    },
    protocol,
  );

const piece = (text: string, isEnd: boolean) =>
  message({
    $case: 'requestBody',
    value: {
      body: Buffer.from(text),
      endOfStream: isEnd,
      endOfStreamWithoutMessage: false,
      grpcMessageCompressed: false,
    },
  });

const reply = (body: GatewayReply['body'], status = 200): GatewayReply => ({
  status,
  headers: [['content-type', 'text/plain']],
  body,
  route: '/x',
});

const echo: Handler = async (request) => reply([await readAll(request)]);

tests.test('headers, body, end: one answer, then the end', async () => {
  const { stream, sent, log } = harness(echo);
  stream.receive(head(false));
  stream.receive(piece('ab', false));
  await sleep(1);
  assert.is(sent.length, 0, 'nothing may be said before the body is whole');
  stream.receive(piece('cd', true));
  await sleep(1);
  assert.equal(kinds(sent), ['head 200', 'body abcd end']);
  stream.end();
  assert.equal(log, ['started', 'answered 200', 'end']);
});

tests.test('trailers end a body', async () => {
  const { stream, sent } = harness(echo);
  stream.receive(head(false));
  stream.receive(piece('ab', false));
  stream.receive(message({ $case: 'requestTrailers', value: { trailers: undefined } }));
  await sleep(1);
  assert.equal(kinds(sent), ['head 200', 'body ab end']);
});

tests.test(
  'an end or a reset before the answer tells the route, and is answered if it can be',
  async () => {
    for (const how of ['end', 'cancel'] as const) {
      let isAborted = false;
      let failure = '';
      const { stream, sent, log } = harness(async (request) => {
        request.signal.addEventListener('abort', () => {
          isAborted = true;
        });
        await readAll(request).catch((error) => {
          failure = (error as Error).message;
        });
        return reply([]);
      });
      stream.receive(head(false));
      stream.receive(piece('half', false));
      stream[how]();
      stream.receive(piece('late', true));
      await sleep(1);
      assert.ok(isAborted, how);
      assert.match(failure, /incomplete/, how);
      assert.equal(kinds(sent), how === 'end' ? ['immediate 503'] : [], how);
      assert.equal(log, ['started', ...(how === 'end' ? ['end'] : []), 'client-gone -'], how);
    }
  },
);

tests.test(
  'an early answer to an open body is one message, and only after a short drain',
  async () => {
    const { stream, sent } = harness(async () => reply([Buffer.from('no')], 403));
    stream.receive(head(false, { 'content-length': '5000000' }));
    await sleep(1);
    assert.equal(kinds(sent), ['immediate 403']);
    const drained = harness(async () => reply([Buffer.from('no')], 403));
    drained.stream.receive(head(false, { 'content-length': '4' }));
    await sleep(20);
    assert.is(drained.sent.length, 0);
    drained.stream.receive(piece('abcd', true));
    await sleep(1);
    assert.equal(kinds(drained.sent), ['head 403', 'body no end']);
    const slow = harness(async () => reply([Buffer.from('no')], 403));
    slow.stream.receive(head(false, { 'content-length': '4' }));
    await sleep(400);
    assert.equal(kinds(slow.sent), ['immediate 403']);
  },
);

tests.test('an answer without a bound is sent for to the worker, after the body', async () => {
  const source = async function* () {
    yield Buffer.from('x');
  };
  const { stream, sent, log, largeReplies } = harness(async () => reply(source()));
  stream.receive(head(false));
  await sleep(1);
  assert.is(sent.length, 0);
  stream.receive(piece('ab', true));
  await sleep(1);
  assert.equal(kinds(sent), ['route', 'empty body end']);
  const [route] = sent;
  const headers =
    route?.$case === 'requestHeaders' ? route.value.response?.headerMutation : undefined;
  const path = headers?.setHeaders.find(({ header }) => header?.key === ':path')?.header?.rawValue;
  assert.equal(log, ['started']);
  const name = (path?.toString() ?? '').slice(1);
  assert.match(name, /^[\w-]{24}$/);
  largeReplies.take(name)?.ended('answered');
  assert.is(largeReplies.take(name), undefined, 'a name works once');
  assert.equal(log, ['started', 'answered 200']);
});

tests.test('a filter that is configured otherwise, or speaks otherwise, is refused', async () => {
  for (const [name, first] of [
    ['no body', head(true, {}, { requestBodyMode: 0, responseBodyMode: 0 })],
    ['buffered', head(false, {}, { requestBodyMode: 2, responseBodyMode: 0 })],
    ['responses too', head(false, {}, { requestBodyMode: 4, responseBodyMode: 4 })],
    [
      'a response',
      message({ $case: 'responseHeaders', value: { headers: undefined, endOfStream: true } }),
    ],
    ['noise', Buffer.from([0xff, 0xff, 0xff])],
  ] as const) {
    const { stream, sent, log } = harness(echo);
    stream.receive(first);
    await sleep(1);
    assert.equal(kinds(sent), ['immediate 503'], name);
    assert.match(log[0] ?? '', /^fault /, name);
  }
});

tests.test('a bug in a route is a 500, and noticed', async () => {
  const { stream, sent, log } = harness(async () => {
    throw new TypeError('oops');
  });
  stream.receive(head(true));
  await sleep(1);
  assert.match(kinds(sent)[0] ?? '', /head 500/);
  assert.match(kinds(sent)[1] ?? '', /"code":"internal"/);
  assert.not.match(kinds(sent)[1] ?? '', /oops/);
  assert.ok(log.includes('bug TypeError: oops'));
});

tests.test('beyond a bound of work at hand requests are refused', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const answer = makeAnswerer({
    handler: async () => {
      await held;
      return reply([]);
    },
    onBug: () => undefined,
  });
  const request = { method: 'GET', headers: new Map() } as unknown as GatewayRequest;
  const waiting = Array.from({ length: 1024 }, () => answer(request));
  assert.is((await answer(request)).status, 503);
  release();
  assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200));
  assert.is((await answer(request)).status, 200);
});

async function readAll(request: GatewayRequest): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of request.body) pieces.push(chunk);
  return Buffer.concat(pieces);
}

/** What was sent, in a word or two each. */
function kinds(sent: readonly NonNullable<ProcessingResponse['response']>[]): string[] {
  return sent.map((response) => {
    switch (response.$case) {
      case 'immediateResponse':
        return `immediate ${response.value.status?.code}`;
      case 'requestHeaders':
        return 'route';
      case 'requestBody': {
        const mutation = response.value.response?.bodyMutation?.mutation;
        const isEnd = mutation?.$case === 'streamedResponse' && mutation.value.endOfStream;
        return `empty body${isEnd ? ' end' : ''}`;
      }
      case 'streamedImmediateResponse': {
        const part = response.value.response;
        if (part?.$case === 'headersResponse')
          return `head ${part.value.headers?.headers[0]?.rawValue.toString()}`;
        if (part?.$case === 'bodyResponse')
          return `body ${part.value.body.toString()}${part.value.endOfStream ? ' end' : ''}`;
        return 'trailers';
      }
      default:
        return response.$case;
    }
  });
}

tests.run();
