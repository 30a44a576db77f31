/**
 * Goal: each rule of the order by itself: who gets permission when, what reports and leases come to.
 * Method: events into the reducer, effects and state looked at; no clock, disk or network.
 */
import * as assert from 'uvu/assert';
import type { SendReport } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand, replyTo } from './lane-hand.ts';

const { test, run } = suite('lane');

test('a write without conflict is granted in the event that begins it', () => {
  const hand = new Hand();
  hand.create('movies');
  const { reply } = hand.begin(addition('movies', '1'));
  assert.is(granted(reply), 1);
  assert.is(reply?.kind === 'grant' ? reply.tag : '', 'm1.00.1');
});

test('writes to one document wait, writes to others do not', () => {
  const hand = new Hand();
  hand.create('movies');
  const first = granted(hand.begin(addition('movies', '1', '2')).reply);
  const same = hand.begin(addition('movies', '2', '3'));
  assert.is(same.reply, undefined);
  assert.is(hand.begin(addition('movies', '4')).reply?.kind, 'grant');
  assert.is(hand.begin({ kind: 'documentsDeleteAll', touchesAllShards: true }).reply, undefined);
  hand.report(first, hand.acks(first));
  assert.is(replyTo(hand.effects, same.ticket)?.kind, 'grant');
});

test('the same request gets the same place', () => {
  const hand = new Hand();
  hand.create('movies');
  const first = hand.begin({ ...addition('movies', '1'), requestNumber: '77' });
  const again = hand.begin({ ...addition('movies', '1'), requestNumber: '77' });
  // What was promised with the permission is not promised again: it is as old as the permission.
  assert.equal(again.reply, { ...first.reply, standsWhenTaken: false });
  assert.is(first.reply?.kind === 'grant' && first.reply.standsWhenTaken, true);
  const created = hand.begin({ kind: 'indexCreate', indexUid: 'x', body: {}, requestNumber: '78' });
  const createdAgain = hand.begin({
    kind: 'indexCreate',
    indexUid: 'x',
    body: {},
    requestNumber: '78',
  });
  assert.equal(createdAgain.reply, created.reply);
});

test('a call that is cut while it waits may come back, and is given up if it does not', () => {
  const hand = new Hand();
  hand.create('movies');
  const first = granted(hand.begin(addition('movies', '1')).reply);
  const waiting = hand.begin({ ...addition('movies', '1'), requestNumber: '90' });
  hand.apply({ kind: 'cancelBegin', ticket: waiting.ticket, now: hand.now });
  hand.tick(1_000);
  const back = hand.begin({ ...addition('movies', '1'), requestNumber: '90' });
  assert.is(back.reply, undefined);
  hand.apply({ kind: 'cancelBegin', ticket: back.ticket, now: hand.now });
  hand.tick(3_000);
  assert.is(hand.state.summaries[first + 1]?.status, 'failed');
  assert.is(hand.begin({ ...addition('movies', '1'), requestNumber: '90' }).reply?.kind, 'refusal');
});

test('a wait without end is refused in time', () => {
  const hand = new Hand();
  hand.create('movies');
  const first = granted(hand.begin(addition('movies', '1')).reply);
  const waiting = hand.begin(addition('movies', '1'));
  for (let second = 0; second < 31; second += 1) {
    hand.apply({ kind: 'renew', seqs: [first], ticket: 999, now: hand.now });
    hand.tick(1_000);
  }
  const reply = replyTo(hand.effects, waiting.ticket);
  assert.is(reply?.kind === 'refusal' ? reply.code : '', 'miroir_overloaded');
  assert.is(hand.state.open.get(first)?.intent.isAbandoned, false, 'the renewed one lives');
});

test('a write that waits for a node that goes down is told at once', () => {
  const hand = new Hand();
  hand.create('movies');
  const first = granted(hand.begin(addition('movies', '1')).reply);
  const waiting = hand.begin(addition('movies', '1'));
  const [nodeId] = Object.keys(hand.state.open.get(first)?.intent.targets ?? {});
  hand.apply({ kind: 'nodeHealth', nodeId: nodeId ?? '', isUp: false, now: hand.now });
  const reply = replyTo(hand.effects, waiting.ticket);
  assert.is(reply?.kind === 'refusal' ? reply.code : '', 'miroir_shard_unavailable');
  assert.is(hand.state.summaries[first + 1]?.status, 'failed');
  assert.is(hand.state.open.has(first), true, 'the one that is under way goes on');
});

test('a lease that runs out opens a look-up on each node; nothing found, the write is given up', () => {
  const hand = new Hand();
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const [nodeId] = Object.keys(hand.state.open.get(seq)?.intent.targets ?? {});
  assert.is(hand.tick(4_000).length, 0);
  const effects = hand.tick(1_500);
  assert.equal(effects, [{ kind: 'readNode', nodeId }]);
  const next = hand.begin(addition('movies', '1'));
  assert.is(next.reply, undefined, 'it keeps its place until that is known');
  hand.read(nodeId ?? '', []);
  assert.is(hand.state.summaries[seq]?.status, 'failed');
  assert.is(replyTo(hand.effects, next.ticket)?.kind, 'grant');
  const late = hand.report(seq, [
    { nodeId: nodeId ?? '', part: 0, partCount: 1, outcome: { kind: 'enqueued', uid: 99 } },
  ]);
  assert.is(late?.refusal?.code, 'miroir_write_abandoned');
  assert.ok(hand.effects.some((effect) => effect.kind === 'alarm'));
});

test('an unknown send holds the answer until it was looked up', () => {
  const hand = new Hand();
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const [nodeId] = Object.keys(hand.state.open.get(seq)?.intent.targets ?? {});
  const place = { nodeId: nodeId ?? '', part: 0, partCount: 1 };
  const unknown: SendReport = { ...place, outcome: { kind: 'unknown', reason: 'reset' } };
  assert.is(hand.report(seq, [unknown]), undefined);
  hand.read(nodeId ?? '', [], [{ uid: 40, tag: `m1.00.${seq}.0` }]);
  const replies = hand.effects.flatMap((item) => (item.kind === 'reportReply' ? [item.reply] : []));
  assert.equal(replies, [{ stands: true, refusal: null, missed: [] }]);
});

test("a node's own refusal reaches the client where every node refused", () => {
  const hand = new Hand();
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const body = '{"message":"no","code":"payload_too_large","type":"invalid_request","link":""}';
  const results = Object.keys(hand.state.open.get(seq)?.intent.targets ?? {}).map(
    (nodeId): SendReport => ({
      nodeId,
      part: 0,
      partCount: 1,
      outcome: { kind: 'refused', status: 413, body },
    }),
  );
  assert.equal(hand.report(seq, results), {
    stands: false,
    missed: [],
    refusal: { code: 'payload_too_large', message: 'no' },
  });
  assert.is(hand.state.summaries[seq]?.status, 'failed');
});

test('parts: a node has its share when all parts are there', () => {
  const hand = new Hand();
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const [nodeId] = Object.keys(hand.state.open.get(seq)?.intent.targets ?? {});
  const part = (at: number): SendReport => ({
    nodeId: nodeId ?? '',
    part: at,
    partCount: 2,
    outcome: { kind: 'enqueued', uid: 50 + at },
  });
  assert.equal(hand.report(seq, [part(0)], false), { stands: false, refusal: null, missed: [] });
  assert.equal(hand.report(seq, [part(1)]), { stands: true, refusal: null, missed: [] });
  hand.endAll();
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
});

test('a part that was refused and is in the queue all the same is there: the request came twice', () => {
  const hand = new Hand(1, { shardCount: 1 });
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const nodeId = Object.keys(hand.state.open.get(seq)?.intent.targets ?? {})[0] ?? '';
  hand.read(nodeId, [], [{ uid: hand.nextUid(nodeId), tag: `m1.00.${seq}.0` }]);
  const outcome = { kind: 'refused', status: 507, body: '' } as const;
  const reply = hand.report(seq, [{ nodeId, part: 0, partCount: 1, outcome }]);
  assert.is(reply?.stands, true);
  hand.endAll();
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
});

run();
