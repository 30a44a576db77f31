/**
 * Goal: what goes from replica to replica gets there in order or its sender hears that it may not have; a
 * stranger is refused; a peer that takes the connection and stays silent, or that beats no more, is left and
 * found again; a snapshot is not read faster than the other side takes it.
 * Method: links and the service over real gRPC, a bare TCP server for the silent peer.
 */
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { ReplicaMessage } from '../../../../control/replication/core/index.ts';
import { PeerLink } from '../../../../control/replication/net/peer-link.ts';
import {
  PeerService,
  type PeerServiceOptions,
} from '../../../../control/replication/net/peer-service.ts';
import { sendSnapshot } from '../../../../control/replication/net/send-snapshot.ts';
import { freePort } from '../../../../envoy/start/ports.ts';
import {
  type Hello,
  ReplicationServiceService,
} from '../../../../proto/gen/miroir/replication/v1/replication.ts';
import { suite } from '../../../kit/suite.ts';
import { until } from '../control-cluster.ts';

const { test, run } = suite('network between replicas');

const hello = (replicaId: string, clusterId = 'c'): Hello => ({
  version: 1,
  clusterId,
  replicaId,
  storeId: `store of ${replicaId}`,
  featureLevel: 1,
});

async function serve(address: string, options: Partial<PeerServiceOptions>) {
  const heard: [from: string, message: ReplicaMessage][] = [];
  const service = new PeerService({
    hello: () => hello('b'),
    objection: () => undefined,
    onMessage: (from, message) => heard.push([from, message]),
    onSnapshot: async () => {},
    ...options,
  });
  const server = new Server();
  server.addService(ReplicationServiceService, service.handlers);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  const close = (): void => {
    service.close();
    server.forceShutdown();
  };
  return { heard, close };
}

function link(address: string, objection: (hello: Hello) => string | undefined = () => undefined) {
  let resets = 0;
  const refusals: string[] = [];
  const peer = new PeerLink({
    address,
    credentials: credentials.createInsecure(),
    hello: () => hello('a'),
    objection,
    onReset: () => {
      resets += 1;
    },
    onRefused: (words) => refusals.push(words),
    random: () => 0.5,
  });
  return { peer, refusals, resets: () => resets };
}

test('messages come in order, and each end of a stream is told', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const first = await serve(address, {});
  const { peer, resets } = link(address);
  await until(() => peer.isUp);
  assert.is(resets(), 1);
  for (let askNo = 1; askNo <= 200; askNo += 1) peer.send({ kind: 'ask', askNo });
  await until(() => first.heard.length === 200);
  assert.equal(
    first.heard.map(([from, message]) => [from, message.kind === 'ask' && message.askNo]),
    Array.from({ length: 200 }, (_, at) => ['a', at + 1]),
  );
  first.close();
  await until(() => resets() === 2);
  peer.send({ kind: 'ask', askNo: 201 });
  const second = await serve(address, {});
  await until(() => resets() === 3);
  assert.equal(second.heard, []);
  peer.close();
  second.close();
});

test('strangers are refused on either side', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const server = await serve(address, {
    objection: ({ replicaId }) => (replicaId === 'a' ? 'a is no replica' : undefined),
  });
  const asked = link(address);
  await until(() => asked.refusals.length > 0);
  assert.is(asked.refusals[0], 'a is no replica');
  assert.not(asked.peer.isUp);
  asked.peer.send({ kind: 'ask', askNo: 1 });
  asked.peer.close();
  server.close();
  const other = await serve(address, {});
  const asking = link(address, ({ replicaId }) => `${replicaId} is not who it should be`);
  await until(() => asking.refusals.length > 0);
  assert.is(asking.refusals[0], 'b is not who it should be');
  assert.equal([...server.heard, ...other.heard], []);
  asking.peer.close();
  other.close();
});

test('a peer that takes the connection and says nothing is left, and found when it speaks', async () => {
  const port = await freePort();
  const sockets: Socket[] = [];
  const silent: TcpServer = createServer((socket) => sockets.push(socket)).listen(
    port,
    '127.0.0.1',
  );
  const { peer } = link(`127.0.0.1:${port}`);
  await until(() => sockets.length >= 2);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  const server = await serve(`127.0.0.1:${port}`, {});
  await until(() => peer.isUp);
  peer.close();
  server.close();
});

test('a snapshot is read as fast as it is taken, and arrives whole', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const chunk = Buffer.alloc(256 * 1024, 7);
  const count = 200;
  let given = 0;
  let taken = 0;
  let ahead = 0;
  const server = await serve(address, {
    onSnapshot: async ({ epoch, storeId, chunks }) => {
      assert.is(epoch, 9);
      assert.is(storeId, 'old');
      for await (const piece of chunks) {
        taken += 1;
        ahead = Math.max(ahead, given - taken);
        assert.is(piece.length, chunk.length);
        if (taken % 10 === 0) await sleep(5);
      }
    },
  });
  async function* chunks() {
    for (; given < count; given += 1) yield chunk;
  }
  const delivery = {
    address,
    credentials: credentials.createInsecure(),
    hello: hello('a'),
    epoch: 9,
    storeId: 'old',
    signal: new AbortController().signal,
  };
  await sendSnapshot({ ...delivery, chunks: chunks() });
  assert.is(taken, count);
  assert.ok(ahead < 100, `${ahead} chunks ahead`);
  server.close();
  const refusing = await serve(address, {
    onSnapshot: async () => {
      throw new Error('a later leader was obeyed');
    },
  });
  given = 0;
  const failed = await sendSnapshot({ ...delivery, chunks: chunks() }).then(
    () => 'installed',
    (error: Error) => error.message,
  );
  assert.match(failed, 'a later leader was obeyed');
  refusing.close();
});

run();
