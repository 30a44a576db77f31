/**
 * Goal: while a node works on a long queue, following it costs the node one small question at a time, and what
 * ends is still told at once, all of it.
 * Method: a server that answers GET /tasks for a queue which the test ends; what it was asked is looked at.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { ControlNode, Tail } from '../../../../control/nodes/index.ts';
import type { NodeReading } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('following a node');
const COUNT = 20;

test('a long queue is asked for whole when its first task ends', async () => {
  let status = 'enqueued';
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://node');
    asked.push(url.search);
    const uids = url.searchParams.get('uids')?.split(',').map(Number);
    const all = Array.from({ length: COUNT }, (_, uid) => taskOf(uid, status));
    const results = uids === undefined ? all : all.filter(({ uid }) => uids.includes(uid));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ results, next: null, total: COUNT }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const outstanding = new Set(Array.from({ length: COUNT }, (_, uid) => uid));
  const readings: NodeReading[] = [];
  let heard = (): void => {};
  const told = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const node = new ControlNode('n1', `http://127.0.0.1:${port}`, () => 'key');
  const tail = new Tail({
    node,
    known: () => ({ lastUid: COUNT - 1, lastMark: '*', seenUid: COUNT - 1, outstanding }),
    readMarker: () => Promise.resolve('ours'),
    steadyMs: () => performance.now(),
    onReading: (reading) => {
      readings.push(reading);
      if (reading.tasks.some(({ task }) => task !== null)) heard();
    },
  });
  tail.start();
  while (asked.filter((search) => search.includes('uids=0')).length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.is(readings.length, 0, 'nothing ended');
  status = 'succeeded';
  await told;
  assert.is(readings[0]?.tasks.filter(({ task }) => task?.status === 'succeeded').length, COUNT);
  const small = asked.filter((search) => search.includes('uids=0')).length;
  assert.ok(small > asked.length - small, `${small} of ${asked.length} questions are small`);
  tail.close();
  await node.close();
  server.close();
});

function taskOf(uid: number, status: string) {
  const enqueuedAt = '2026-11-23T20:00:00Z';
  return {
    uid,
    batchUid: 0,
    indexUid: 'cars',
    status,
    type: 'documentAdditionOrUpdate',
    error: null,
    enqueuedAt,
    startedAt: enqueuedAt,
    finishedAt: status === 'succeeded' ? enqueuedAt : null,
    customMetadata: `m1.00.${uid}.0`,
  };
}

run();
