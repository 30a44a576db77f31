/**
 * Goal: a worker takes its view for current only as long as control surely counts on it, and a node for
 * sound only after control looked at it while a connection lived.
 * Method: the lease with a clock and a control made by the test; gates with a witness that the test
 * connects and cuts, and real witnesses on a server that dies and returns.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { NodeWitness, type WitnessEvents } from '../../../../core/meilisearch/witness.ts';
import type { Position } from '../../../../core/topology.ts';
import { TopologyLease } from '../../../../sidecar/cluster/lease.ts';
import { type GateOptions, NodeGate } from '../../../../sidecar/cluster/node-gate.ts';
import { suite } from '../../../kit/suite.ts';
import { until } from '../serve-app.ts';

const { test, run } = suite('leases and gates');
const at = (index: number): Position => ({ epoch: 1n, index: BigInt(index) });
const tick = () => new Promise((resolve) => setImmediate(resolve));

test('a lease counts from before the call, for two seconds at most', async () => {
  let nowMs = 0;
  let granted: number | undefined = 2_000;
  const lease = new TopologyLease({
    confirm: async () => {
      nowMs += 300;
      return granted;
    },
    position: () => at(1),
    onForgotten: () => {},
    nowMs: () => nowMs,
  });
  assert.is(lease.isHeld, false);
  await lease.confirm();
  nowMs = 1_999;
  assert.is(lease.isHeld, true);
  nowMs = 2_000;
  assert.is(lease.isHeld, false);
  granted = 60_000;
  await lease.confirm();
  nowMs = 3_999;
  assert.is(lease.isHeld, true);
  nowMs = 4_000;
  assert.is(lease.isHeld, false);
  granted = undefined;
  await lease.confirm();
  assert.is(lease.isHeld, false);
  lease.close();
});

test('a worker that control does not know follows anew; one that does not follow confirms nothing', async () => {
  let forgottenCount = 0;
  const confirmed: bigint[] = [];
  let position: Position | undefined = at(7);
  const lease = new TopologyLease({
    confirm: async ({ index }) => {
      confirmed.push(index);
      return 0;
    },
    position: () => position,
    onForgotten: () => {
      forgottenCount += 1;
    },
    nowMs: () => 0,
  });
  await lease.confirm();
  assert.is(forgottenCount, 1);
  assert.is(lease.isHeld, false);
  position = undefined;
  await lease.confirm();
  assert.equal(confirmed, [7n]);
  lease.close();
});

test('it confirms by itself each half second, and a call that hangs does not stop the next', async () => {
  let calls = 0;
  const lease = new TopologyLease({
    confirm: () => {
      calls += 1;
      return new Promise(() => {});
    },
    position: () => at(1),
    onForgotten: () => {},
    nowMs: () => 0,
  });
  await until(() => calls === 2);
  for (let more = 0; more < 10; more += 1) void lease.confirm();
  assert.is(calls, 4);
  lease.close();
});

/** A gate whose world the test plays. */
function world(): {
  gate: NodeGate;
  events: WitnessEvents;
  set: { isUp: boolean; isCurrent: boolean; held: Position; answer: Position | undefined };
  asked: () => number;
} {
  const set = { isUp: false, isCurrent: true, held: at(1), answer: at(1) as Position | undefined };
  let asked = 0;
  let events: WitnessEvents | undefined;
  const options: GateOptions = {
    confirm: async () => {
      asked += 1;
      return set.answer;
    },
    reach: async () => {},
    position: () => set.held,
    isCurrent: () => set.isCurrent,
    makeWitness: (_url, given) => {
      events = given;
      return {
        get isUp() {
          return set.isUp;
        },
        hurry: () => {},
        close: async () => {},
      };
    },
  };
  const gate = new NodeGate('http://127.0.0.1:1', options);
  assert.ok(events);
  return { gate, events, set, asked: () => asked };
}

test('a node is used only once control looked at it and the view that says so is held', async () => {
  const { gate, events, set } = world();
  assert.is(gate.isReadable(at(1)), false);
  set.answer = at(5);
  set.isUp = true;
  events.onUp();
  await tick();
  assert.is(gate.isConfirmed, false, 'the view is older than what control found');
  set.held = at(5);
  await until(() => gate.isConfirmed);
  assert.is(gate.isReadable(at(5)), true);
  assert.is(gate.isReadable(at(4)), false, 'a request that began with an older view');
  assert.is(gate.isReadable(undefined), true);
  const { incarnation } = gate;
  set.isUp = false;
  events.onLost();
  assert.is(gate.isConfirmed, false);
  assert.is(gate.isReadable(at(9)), false);
  assert.is.not(gate.incarnation, incarnation);
  set.isCurrent = false;
  assert.is(gate.isReadable(at(1)), true, 'while control is away, reads go on');
  assert.is(gate.isConfirmed, false, 'and writes do not');
  await gate.close();
});

test('an answer about an earlier incarnation counts for nothing', async () => {
  const { gate, events, set, asked } = world();
  set.isUp = true;
  events.onUp();
  // Lost and connected again while the question was on its way.
  events.onLost();
  events.onUp();
  await until(() => gate.isConfirmed);
  assert.is(asked(), 2);
  await gate.close();
});

test('a call waits for a node that is being looked at, and not for a dead one', async () => {
  const { gate, events, set } = world();
  const dead = gate.settled(2_000);
  events.onRefused();
  await dead;
  assert.is(gate.isConfirmed, false);
  set.isUp = true;
  set.answer = undefined;
  events.onUp();
  const waiting = gate.settled(2_000);
  set.answer = at(1);
  await waiting;
  assert.is(gate.isConfirmed, true);
  await gate.close();
});

test('a witness sees a node die and return, and is not disturbed by one that is slow', async () => {
  const sockets = new Set<Socket>();
  let isSlow = false;
  const serve = (port: number): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer((_request, response) => {
        if (!isSlow) response.end('{"status":"available"}');
      });
      server.on('connection', (socket) => sockets.add(socket));
      server.listen(port, '127.0.0.1', () => resolve(server));
    });
  const die = async (server: Server): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const first = await serve(0);
  const { port } = first.address() as AddressInfo;
  const seen: string[] = [];
  const witness = new NodeWitness(`http://127.0.0.1:${port}`, {
    onUp: () => seen.push('up'),
    onLost: () => seen.push('lost'),
    onRefused: () => seen.push('refused'),
  });
  await until(() => seen.length === 1);
  isSlow = true;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(seen, ['up']);
  isSlow = false;
  await die(first);
  await until(() => seen.includes('refused'));
  assert.equal(seen.slice(0, 2), ['up', 'lost']);
  assert.is(witness.isUp, false);
  const second = await serve(port);
  await until(() => witness.isUp);
  assert.is(seen.at(-1), 'up');
  await witness.close();
  await die(second);
});

run();
