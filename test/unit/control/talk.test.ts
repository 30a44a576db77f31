/**
 * Goal: calls over the stream mean what calls by themselves mean: answered in any order, cancelled when
 * nobody waits or the stream is gone, failed as unreachable when control is, and the next one finds a new
 * stream.
 * Method: a real gRPC server with handlers in the test's hand, and the client of the sidecar.
 */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { type CallHandlers, CallStreams } from '../../../control/api/call-streams.ts';
import type { MiroirError } from '../../../core/errors.ts';
import {
  type BeginRequest,
  WriteKind,
  type WriteServiceServer,
  WriteServiceService,
} from '../../../proto/gen/miroir/write/v1/write.ts';
import { endpointOf } from '../../../sidecar/cluster/control-endpoint.ts';
import { type BeginInput, GrpcWriteClient } from '../../../sidecar/cluster/write-client.ts';
import { suite } from '../../kit/suite.ts';
import { until } from './control-cluster.ts';

const { test, run } = suite('control talk');

interface Held {
  readonly request: BeginRequest;
  readonly answer: Parameters<CallHandlers['begin']>[1];
}

interface World {
  /** Begins that wait for the test. */
  readonly held: Held[];
  readonly cancelled: string[];
  readonly client: GrpcWriteClient;
  readonly streams: CallStreams;
  lost: AbortController;
  /** Cuts every connection and listens again on the same port. */
  restart(): Promise<void>;
}

test('answers come in any order and find their calls', async () => {
  await inWorld(async ({ client, held }) => {
    const calls = ['a', 'b', 'c'].map((uid) => client.begin(begin(uid)));
    const renewed = await client.renew([7n, 9n]);
    assert.equal(renewed.lostSeqs, [9n]);
    await until(() => held.length === 3);
    for (const { request, answer } of [...held].reverse()) settle(answer, request.indexUid);
    const answers = await Promise.all(calls);
    assert.equal(
      answers.map(({ outcome }) => outcome?.$case === 'settled' && outcome.value.enqueuedAt),
      ['a', 'b', 'c'],
    );
    const numbers = held.map(({ request }) => request.requestNumber);
    assert.equal(numbers, [1n, 2n, 3n]);
    assert.is((await client.report({ seq: 1n, results: [], complete: true })).stands, true);
  });
});

test('a call that is given up is cancelled at control, the others are not', async () => {
  await inWorld(async ({ client, held, cancelled }) => {
    const abort = new AbortController();
    const gone = failureOf(client.begin(begin('gone'), abort.signal));
    const kept = client.begin(begin('kept'));
    await until(() => held.length === 2);
    abort.abort();
    assert.is((await gone).code, 'miroir_control_unavailable');
    await until(() => cancelled.length === 1);
    assert.equal(cancelled, ['gone']);
    for (const { answer, request } of held) settle(answer, request.indexUid);
    assert.is((await kept).outcome?.$case, 'settled');
  });
});

test('a stream that breaks cancels its calls, which are asked again under their numbers', async () => {
  await inWorld(async (world) => {
    const { client, held, cancelled } = world;
    const call = client.begin(begin('again'));
    await until(() => held.length === 1);
    await world.restart();
    await until(() => held.length === 2);
    assert.equal(cancelled, ['again']);
    assert.is(held[1]?.request.requestNumber, held[0]?.request.requestNumber);
    settle(held[1]?.answer, 'again');
    assert.is((await call).outcome?.$case, 'settled');
  });
});

test('control that stays away ends every call', async () => {
  await inWorld(async (world) => {
    const call = failureOf(world.client.begin(begin('x')));
    await until(() => world.held.length === 1);
    world.lost.abort();
    assert.is((await call).code, 'miroir_control_unavailable');
    await until(() => world.cancelled.length === 1);
  });
});

test('a refusal of the handler is what the caller gets', async () => {
  await inWorld(async ({ client, held }) => {
    const call = failureOf(client.begin(begin('full')));
    await until(() => held.length === 1);
    held[0]?.answer({ code: status.INVALID_ARGUMENT, details: 'no' });
    const error = await call;
    assert.match(error.message, 'no');
    assert.is((error as unknown as { code: number }).code, status.INVALID_ARGUMENT);
  });
});

test('closing answers what was taken and takes nothing more', async () => {
  await inWorld(async ({ client, held, streams, cancelled }) => {
    const call = client.begin(begin('last'));
    await until(() => held.length === 1);
    streams.close();
    settle(held[0]?.answer, 'last');
    assert.is((await call).outcome?.$case, 'settled');
    assert.equal(cancelled, []);
    assert.is((await failureOf(client.begin(begin('late')))).code, 'miroir_control_unavailable');
  });
});

test('thousands of calls at once are each answered once', async () => {
  await inWorld(async ({ client, held }) => {
    const calls = Array.from({ length: 3_000 }, (_, at) => client.begin(begin(String(at))));
    await until(() => held.length === calls.length);
    for (const { request, answer } of held) {
      settle(answer, request.indexUid);
      settle(answer, 'twice');
    }
    const answers = await Promise.all(calls);
    assert.ok(
      answers.every(
        ({ outcome }, at) =>
          outcome?.$case === 'settled' && outcome.value.enqueuedAt === String(at),
      ),
    );
  });
});

run();

function settle(answer: Held['answer'] | undefined, enqueuedAt: string): void {
  answer?.(null, { outcome: { $case: 'settled', value: { seq: 1n, enqueuedAt } } });
}

async function inWorld(body: (world: World) => Promise<void>): Promise<void> {
  const held: Held[] = [];
  const cancelled: string[] = [];
  const calls: CallHandlers = {
    begin: (call, answer) => {
      held.push({ request: call.request, answer });
      call.on('cancelled', () => cancelled.push(call.request.indexUid));
    },
    renew: (call, answer) =>
      answer(null, { lostSeqs: call.request.seqs.filter((seq) => seq === 9n) }),
    report: (_call, answer) => answer(null, { stands: true, refusal: undefined, missed: [] }),
  };
  const streams = new CallStreams(calls);
  const handlers: WriteServiceServer = { ...calls, talk: (stream) => streams.serve(stream) };
  let server = await listen(handlers, '127.0.0.1:0');
  const address = `127.0.0.1:${server.port}`;
  const lost = new AbortController();
  const client = new GrpcWriteClient(endpointOf([address]), 'test', () => lost.signal);
  const restart = async (): Promise<void> => {
    server.server.forceShutdown();
    server = await listen(handlers, address);
  };
  try {
    await body({ held, cancelled, client, streams, lost, restart });
  } finally {
    client.close();
    server.server.forceShutdown();
  }
}

function listen(handlers: WriteServiceServer, address: string) {
  const server = new Server();
  server.addService(WriteServiceService, handlers);
  return new Promise<{ server: Server; port: number }>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve({ server, port }) : reject(error),
    );
  });
}

async function failureOf(call: Promise<unknown>): Promise<MiroirError> {
  try {
    await call;
  } catch (error) {
    return error as MiroirError;
  }
  throw new Error('a failure was expected');
}

function begin(indexUid: string): BeginInput {
  return {
    kind: WriteKind.DOCUMENTS_REPLACE,
    indexUid,
    primaryKeyHashes: Buffer.alloc(0),
    touchesAllShards: false,
    customMetadata: undefined,
    detailsJson: Buffer.alloc(0),
    primaryKey: undefined,
    primaryKeyExplicit: false,
    mayCreateIndex: true,
    failure: undefined,
    failureCreatesIndex: false,
    bodyJson: Buffer.alloc(0),
    documentCount: 0n,
    skipCreation: false,
  };
}
