/**
 * Goal: a proxy knows its callers by their processes, and cuts the link of one, in one direction or both,
 * without touching another's.
 * Method: this process and a small child call a server through the proxy.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../../kit/suite.ts';
import { LinkProxy } from './link-proxy.ts';
import { ownerOf } from './socket-owner.ts';

const { test, after, run } = suite('link proxy');
const open: (() => unknown)[] = [];

after(async () => {
  for (const close of open.reverse()) await close();
});

const CHILD = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
socket.on('data', (chunk) => process.stdout.write(chunk));
process.stdin.on('data', (chunk) => socket.write(chunk));
`;

interface World {
  readonly proxy: LinkProxy;
  /** What the server got. */
  readonly heard: () => string;
  /** What this process got back: the server says everything again in capitals. */
  readonly answered: () => string;
  readonly mine: Socket;
  readonly child: ChildProcess;
  readonly childGot: () => string;
}

async function start(): Promise<World> {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.write(chunk.toString().toUpperCase());
    });
  });
  const port = await listen(server);
  const pids = new Map<number, string>([[process.pid, 'mine']]);
  const proxy = await LinkProxy.start(port, (from, to) => {
    const pid = ownerOf(from, to, pids.keys());
    return pid === undefined ? 'nobody' : (pids.get(pid) ?? '');
  });
  const child = spawn(process.execPath, ['-e', CHILD, String(proxy.port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  pids.set(child.pid ?? 0, 'child');
  let childGot = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    childGot += chunk.toString();
  });
  const mine = connect(proxy.port, '127.0.0.1');
  mine.on('error', () => {});
  let answered = '';
  mine.on('data', (chunk) => {
    answered += chunk.toString();
  });
  open.push(
    () => server.close(),
    () => proxy.close(),
    () => mine.destroy(),
    () => child.kill(),
  );
  await until(() => proxy.callers.size === 2);
  return {
    ...{ proxy, mine, child },
    heard: () => heard,
    answered: () => answered,
    childGot: () => childGot,
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function closedOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !holds(); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(holds(), 'it never came to be');
}

test('callers are told apart by their processes', async () => {
  const { proxy } = await start();
  assert.equal([...proxy.callers].sort(), ['child', 'mine']);
});

test('a cut link loses bytes in both directions and leaves others alone', async () => {
  const { proxy, mine, heard, answered, child, childGot } = await start();
  mine.write('a');
  await until(() => answered() === 'A');
  proxy.setMode('mine', 'lost');
  mine.write('b');
  child.stdin?.write('c');
  await until(() => childGot() === 'C');
  assert.is(heard(), 'ac');
  assert.is(answered(), 'A');
  const closed = closedOf(mine);
  proxy.heal();
  await closed;
  child.stdin?.write('d');
  await until(() => childGot() === 'CD');
});

test('a link is cut in one direction', async () => {
  const { proxy, mine, heard, answered } = await start();
  proxy.setMode('mine', 'mute');
  mine.write('a');
  await until(() => heard() === 'a');
  assert.is(answered(), '');
  const other = await start();
  other.proxy.setMode('mine', 'deaf');
  other.mine.write('a');
  other.child.stdin?.write('b');
  await until(() => other.childGot() === 'B');
  assert.is(other.heard(), 'b');
});

test('a refused caller is reset, and finds the way again later', async () => {
  const { proxy, mine } = await start();
  const closed = closedOf(mine);
  proxy.setMode('mine', 'refuse');
  await closed;
  const refused = connect(proxy.port, '127.0.0.1');
  refused.on('error', () => {});
  await closedOf(refused);
  proxy.heal();
  const again = connect(proxy.port, '127.0.0.1');
  open.push(() => again.destroy());
  again.write('x');
  const [answer] = (await once(again, 'data')) as [Buffer];
  assert.is(answer.toString(), 'X');
});

run();
