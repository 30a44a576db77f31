/**
 * Goal: a call finds the leader wherever it is, ends in bounded time whatever is dead, and never repeats a
 * change that may have been carried out.
 * Method: scripted gRPC servers over real sockets, among them ones that accept and stay silent.
 */
import { createServer, type Server as TcpServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../../../control/cli/client/index.ts';
import { CliError } from '../../../../control/cli/errors.ts';
import { JobServiceService } from '../../../../proto/gen/miroir/admin/v1/jobs.ts';
import { NodeServiceService } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import { suite } from '../../../kit/suite.ts';
import { fakeIo } from './fake-io.ts';
import {
  type Answer,
  fail,
  notLeader,
  ok,
  type Scripted,
  server as startServer,
} from './scripted-control.ts';

const { test, after, run } = suite('cli client');
const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

async function server(script: (answer: Answer) => void): Promise<Scripted> {
  const scripted = await startServer(script);
  closers.push(() => scripted.close());
  return scripted;
}

/** An address where nothing listens, and one that accepts and says nothing. */
async function deadAddress(): Promise<string> {
  const { address, tcp } = await silent();
  await new Promise((resolve) => tcp.close(resolve));
  return address;
}

async function silent(): Promise<{ readonly address: string; readonly tcp: TcpServer }> {
  const tcp = createServer((socket) => closers.push(() => socket.destroy()));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  closers.push(() => tcp.close());
  return { address: `127.0.0.1:${(tcp.address() as { port: number }).port}`, tcp };
}

function client(
  addresses: readonly string[],
  token: string | undefined = 'secret-token',
  ms = 5_000,
) {
  const made = new ControlClient(
    { addresses, origin: 'a test', token, tls: undefined },
    fakeIo({ isRealTime: true }),
    ms,
  );
  closers.push(() => made.close());
  return made;
}

const read = (from: ControlClient) => from.call(NodeServiceService.listNodes, {}, 'read');
const change = (at: ControlClient) =>
  at.call(NodeServiceService.removeNode, { nodeId: 'n', dryRun: false }, 'change');

async function failure(promise: Promise<unknown>): Promise<CliError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, CliError);
  return error as CliError;
}

test('dead addresses are passed over, and the one that answers is asked first from then on', async () => {
  const good = await server(ok);
  const dead = await deadAddress();
  const caller = client([dead, good.address]);
  assert.equal(await read(caller), { nodes: [] });
  await read(caller);
  assert.equal(good.calls, ['Bearer secret-token', 'Bearer secret-token']);
});

test('the leader that a replica names is asked, also one that was not listed', async () => {
  const leader = await server(ok);
  const follower = await server(notLeader(leader.address));
  await change(client([follower.address]));
  assert.is(follower.calls.length, 1);
  assert.is(leader.calls.length, 1);
});

test('a leader that is named and dead does not keep the others from being asked', async () => {
  const good = await server(ok);
  const follower = await server(notLeader(await deadAddress()));
  await change(client([follower.address, good.address]));
  assert.is(good.calls.length, 1);
});

test('nobody leads: it is asked again until somebody does', async () => {
  const follower = await server(notLeader(''));
  setTimeout(() => {
    follower.script = ok;
  }, 600);
  await change(client([follower.address]));
  assert.ok(follower.calls.length >= 3, String(follower.calls.length));
});

test('nobody leads for good: one line, within the time given', async () => {
  const follower = await server(notLeader(''));
  const startedMs = performance.now();
  const error = await failure(change(client([follower.address], 't', 1_000)));
  assert.match(error.message, 'no replica of control leads');
  assert.ok(performance.now() - startedMs < 5_000);
});

test('nothing there: every address and why, at once; a silent one in bounded time', async () => {
  const dead = await deadAddress();
  const { address } = await silent();
  const startedMs = performance.now();
  const error = await failure(read(client([dead, address])));
  assert.match(error.message, `${dead}: connection refused`);
  assert.match(error.message, `${address}: no answer within`);
  assert.match(error.message, 'from a test');
  assert.ok(performance.now() - startedMs < 6_000);
});

test('a change whose connection breaks is not sent again; a read is', async () => {
  const breaking = await server(fail(status.UNAVAILABLE, 'Connection dropped'));
  const good = await server(ok);
  const error = await failure(change(client([breaking.address, good.address])));
  assert.match(error.message, 'not known whether it was done');
  assert.is(breaking.calls.length, 1);
  assert.is(good.calls.length, 0);
  await read(client([breaking.address, good.address]));
  assert.is(good.calls.length, 1);
});

test('a call that is never answered ends with its time', async () => {
  const mute = await server(() => {});
  const error = await failure(change(client([mute.address], 't', 700)));
  assert.match(error.message, 'no answer in time');
  assert.match(error.message, 'not known whether it was done');
});

test('a stream that falls silent is given up, and the next one is opened where somebody answers', async () => {
  const talking = await server(ok);
  const frozen = await server(ok);
  talking.jobs = (send, end) => {
    send({ jobs: [] });
    end();
  };
  frozen.jobs = (send) => send({ jobs: [] });
  const caller = client([frozen.address, talking.address], 't', 600);
  const follow = async () => {
    let count = 0;
    const stream = caller.stream(JobServiceService.watchJobs, { jobIds: [] });
    for await (const _message of stream) count += 1;
    return count;
  };
  const error = await failure(follow());
  assert.match(error.message, 'fell silent');
  // Gone for good: it is not asked again before it has shown that it is there.
  frozen.close();
  assert.is(await follow(), 1);
});

test('refusals: exit codes and words', async () => {
  const refusing = await server(ok);
  const refused = async (script: (answer: Answer) => void, token?: string) => {
    refusing.script = script;
    const made = new ControlClient(
      { addresses: [refusing.address], origin: 'a test', token, tls: undefined },
      fakeIo({ isRealTime: true }),
      5_000,
    );
    closers.push(() => made.close());
    return failure(change(made));
  };
  const none = await refused(fail(status.UNAUTHENTICATED, 'no token'));
  assert.match(none.message, '--token-file');
  const wrong = await refused(fail(status.UNAUTHENTICATED, 'wrong: tok-3'), 'tok-3');
  assert.match(wrong.message, 'does not accept this token');
  assert.not.match(wrong.message, 'tok-3');
  const bad = await refused(fail(status.INVALID_ARGUMENT, 'no such url'));
  assert.is(bad.exitCode, 2);
  const missing = await refused(fail(status.NOT_FOUND, 'there is no node `n`'));
  assert.is(missing.exitCode, 1);
  assert.is(missing.message, 'there is no node `n`');
  assert.match((await refused(fail(status.UNIMPLEMENTED))).message, 'another version');
});

run();
