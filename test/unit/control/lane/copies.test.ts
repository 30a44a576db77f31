/**
 * Goal: the rules of docs/protocol.md for writes to several copies, each alone.
 * Method: the reducer with a hand on it, three nodes that each hold every shard; what the hand tells is what
 * nodes and sidecars would tell.
 */
import * as assert from 'uvu/assert';
import {
  appliedUpTo,
  type CopyPlace,
  copiesOf,
  notesOf,
  openNotes,
  setCopyState,
  startFill,
} from '../../../../control/copies/index.ts';
import { beginInternal, progress, sendInternal } from '../../../../control/lane/index.ts';
import { type IndexRecord, LOST_MARK, type SendReport } from '../../../../control/state/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand, replyTo } from './lane-hand.ts';

const { test, run } = suite('lane over copies');
const KEY = '1';
const NODES = ['n1', 'n2', 'n3'];

/** An index whose every shard is on all three nodes; the start of control is long ago. */
function world(rules: { minCopies?: number; quorum?: 'in_sync' | 'fixed' } = {}) {
  const hand = new Hand('all', { replicationFactor: 3, ...rules });
  hand.nowMs = 60_000;
  hand.create('movies');
  const index = hand.state.entryOf('movies')?.index as IndexRecord;
  const shard = Number(hashPrimaryKey(KEY) & BigInt(index.shardCount - 1));
  const copy = (nodeId: string): CopyPlace => ({ index, shard, nodeId });
  const states = () =>
    Object.fromEntries(copiesOf(index, shard).map(({ nodeId, state }) => [nodeId, state]));
  const begin = (changes = {}) =>
    granted(hand.begin({ ...addition('movies', KEY), ...changes }).reply);
  return { hand, index, copy, states, begin };
}

const told = (nodeId: string, outcome: SendReport['outcome']): SendReport => ({
  nodeId,
  part: 0,
  partCount: 1,
  outcome,
});
const ack = (hand: Hand, nodeId: string): SendReport =>
  told(nodeId, { kind: 'enqueued', uid: hand.nextUid(nodeId) });
const refused = (nodeId: string): SendReport =>
  told(nodeId, { kind: 'refused', status: 0, body: 'no connection' });
const unknown = (nodeId: string): SendReport => told(nodeId, { kind: 'unknown', reason: 'reset' });

test('a copy that refuses goes behind before the answer, which names it', () => {
  const { hand, states, begin, copy } = world();
  const seq = begin();
  const reply = hand.report(seq, [ack(hand, 'n1'), ack(hand, 'n2'), refused('n3')]);
  assert.equal(states(), { n1: 'in-sync', n2: 'in-sync', n3: 'behind' });
  assert.is(notesOf(hand.state, copy('n3'))?.from, seq);
  assert.equal(reply?.missed, [{ nodeId: 'n3', shardCount: 1, reason: 'refused' }]);
  assert.is(reply?.stands, true);
});

test('the answer waits for sidecars that may still read the copy, until they know or their lease lapsed', () => {
  const { hand, begin } = world();
  hand.apply({ kind: 'watchOpened', sidecarId: 'reader', now: hand.now });
  const seq = begin();
  hand.state.commitIndex = 40;
  assert.is(hand.report(seq, [ack(hand, 'n1'), ack(hand, 'n2'), refused('n3')]), undefined);
  hand.apply({ kind: 'confirm', sidecarId: 'reader', index: 39, ticket: 800, now: hand.now });
  assert.is(hand.lastReply(), undefined, 'an older view is not enough');
  hand.apply({ kind: 'confirm', sidecarId: 'reader', index: 40, ticket: 801, now: hand.now });
  assert.is(hand.lastReply()?.stands, true);
  const other = begin();
  hand.state.commitIndex = 41;
  assert.is(hand.report(other, [ack(hand, 'n1'), refused('n2')]), undefined);
  hand.tick(2_100);
  assert.is(hand.lastReply()?.stands, true, 'a lease that lapsed is no reader');
});

test('an unknown send makes a copy suspect only where another has the write; it comes back clean', () => {
  const { hand, states, begin } = world();
  const seq = begin();
  hand.report(seq, [ack(hand, 'n1'), ack(hand, 'n2'), unknown('n3')]);
  assert.is(states()['n3'], 'suspect');
  hand.endOn('n1', 'succeeded');
  hand.endOn('n2', 'succeeded');
  assert.is(hand.state.summaries[seq]?.status, 'succeeded', 'the task does not wait for it');
  const uid = hand.nextUid('n3');
  hand.read('n3', [], [{ uid, tag: `m1.00.${seq}.0` }]);
  assert.is(states()['n3'], 'suspect', 'it is in the queue, not applied');
  hand.endOn('n3', 'succeeded');
  assert.is(states()['n3'], 'in-sync');
  assert.is(hand.state.open.has(seq), false);
});

test('where no copy has a write and some may have it, all go on to count and it keeps its place', () => {
  const { hand, states, begin } = world();
  const seq = begin();
  hand.report(seq, NODES.map(unknown));
  assert.equal(states(), { n1: 'in-sync', n2: 'in-sync', n3: 'in-sync' });
  const next = hand.begin(addition('movies', KEY));
  assert.is(next.reply, undefined);
  for (const nodeId of NODES) hand.read(nodeId, []);
  assert.is(hand.state.summaries[seq]?.status, 'failed', 'it surely arrived nowhere');
  assert.is(replyTo(hand.effects, next.ticket)?.kind, 'grant');
});

test('a failure holds its copy until the others are done: one success puts it behind', () => {
  const { hand, states, begin, copy } = world();
  const seq = begin();
  hand.report(
    seq,
    NODES.map((nodeId) => ack(hand, nodeId)),
  );
  hand.endOn('n1', 'failed');
  assert.is(states()['n1'], 'held');
  hand.endOn('n2', 'succeeded');
  assert.is(hand.state.open.get(seq)?.intent.isFinal, false, 'one is still at work');
  hand.endOn('n3', 'succeeded');
  assert.equal(states(), { n1: 'behind', n2: 'in-sync', n3: 'in-sync' });
  assert.is(notesOf(hand.state, copy('n1'))?.reread.has(hashPrimaryKey(KEY)), true);
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
});

test('a write that a copy took over while it was filled is in, whoever else fails it', () => {
  const { hand, states, begin, copy } = world();
  setCopyState(hand.state, copy('n2'), { to: 'behind', reason: '' });
  const seq = begin();
  const last = hand.nextUid('n3');
  hand.report(seq, [ack(hand, 'n1'), ack(hand, 'n3')]);
  hand.endOn('n1', 'succeeded');
  // Filled from n1, which applied it; n3 is still at work.
  setCopyState(hand.state, copy('n2'), { to: 'in-sync', reason: '' });
  openNotes(hand.state, copy('n2')).since = seq;
  const next = begin();
  hand.report(next, [refused('n1'), ack(hand, 'n2'), ack(hand, 'n3')]);
  assert.equal(states(), { n1: 'behind', n2: 'in-sync', n3: 'in-sync' });
  hand.endTasks('n3', [last], { status: 'failed' });
  assert.equal(states(), { n1: 'behind', n2: 'in-sync', n3: 'behind' });
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
});

test('a write that fails everywhere costs no copy', () => {
  const { hand, states, begin } = world();
  const seq = begin();
  hand.report(
    seq,
    NODES.map((nodeId) => ack(hand, nodeId)),
  );
  for (const nodeId of NODES) hand.endOn(nodeId, 'failed');
  assert.equal(states(), { n1: 'in-sync', n2: 'in-sync', n3: 'in-sync' });
  assert.is(hand.state.summaries[seq]?.status, 'failed');
});

test('the last copy in sync is demoted by nothing', () => {
  const { hand, states, begin } = world();
  const first = begin();
  hand.report(first, [ack(hand, 'n1'), refused('n2'), refused('n3')]);
  hand.endOn('n1', 'succeeded');
  const second = begin();
  const reply = hand.report(second, [refused('n1')]);
  assert.is(states()['n1'], 'in-sync');
  assert.is(reply?.stands, false);
  assert.is(hand.state.summaries[second]?.status, 'failed');
});

test('a task that arrives late takes its copy out, with its documents to be written anew', () => {
  const { hand, states, begin, copy } = world();
  const seq = begin();
  hand.report(seq, [ack(hand, 'n1'), ack(hand, 'n2'), unknown('n3')]);
  hand.read('n3', []);
  assert.is(states()['n3'], 'behind', 'it surely did not arrive');
  setCopyState(hand.state, copy('n3'), { to: 'filling', reason: '' });
  hand.read('n3', [], [{ uid: 90, tag: `m1.00.${seq}.0` }]);
  assert.is(states()['n3'], 'behind');
  assert.is(notesOf(hand.state, copy('n3'))?.reread.has(hashPrimaryKey(KEY)), true);
  assert.is(hand.state.outstanding.get('n3')?.has(90), true, 'its end is waited for');
});

test('a node that lost data: all its copies go behind from the first document on', () => {
  const { hand, states, begin, copy } = world();
  const seq = begin();
  hand.report(
    seq,
    NODES.map((nodeId) => ack(hand, nodeId)),
  );
  const reading = {
    nodeId: 'n2',
    startedAtMs: hand.nowMs,
    marker: 'absent',
    lastKnown: 'absent',
    highestUid: -1,
    tasks: [],
    missingUids: [],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now: hand.now });
  assert.is(states()['n2'], 'behind');
  assert.is(notesOf(hand.state, copy('n2'))?.from, 0);
  hand.endOn('n1', 'succeeded');
  hand.endOn('n3', 'succeeded');
  assert.is(
    hand.state.summaries[seq]?.status,
    'succeeded',
    'the task does not wait for what is lost',
  );
});

test('a node that gives the uid of an unfinished task to another write has lost the first', () => {
  const { hand, states, begin } = world();
  const acked = (seq: number, uidOnN2: number) =>
    hand.report(seq, [
      ack(hand, 'n1'),
      told('n2', { kind: 'enqueued', uid: uidOnN2 }),
      ack(hand, 'n3'),
    ]);
  const first = begin();
  const uid = hand.nextUid('n2');
  acked(first, uid);
  acked(begin(), uid);
  // What is enqueued above it must not hide the loss.
  acked(begin(), uid + 1);
  for (const nodeId of NODES) hand.endOn(nodeId, 'succeeded');
  assert.is(hand.state.open.has(first), false, 'nothing waits for what is lost');
  assert.is(hand.state.cluster.nodes[1]?.lastMark, LOST_MARK, 'no reading finds the last task');
  const reading = {
    nodeId: 'n2',
    startedAtMs: hand.nowMs,
    marker: 'ours',
    lastKnown: 'other',
    highestUid: uid + 1,
    tasks: [],
    missingUids: [],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now: hand.now });
  assert.is(states()['n2'], 'behind');
  assert.is.not(hand.state.cluster.nodes[1]?.lastMark, LOST_MARK);
});

test('too few copies: no quorum, though the write is in', () => {
  const { hand, begin } = world({ minCopies: 2 });
  const seq = begin();
  const reply = hand.report(seq, [ack(hand, 'n1'), refused('n2'), refused('n3')]);
  assert.is(reply?.refusal?.code, 'miroir_no_quorum');
  hand.endOn('n1', 'succeeded');
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
  const fixed = world({ quorum: 'fixed' });
  const other = fixed.begin();
  const answer = fixed.hand.report(other, [ack(fixed.hand, 'n1'), refused('n2'), refused('n3')]);
  assert.is(answer?.refusal?.code, 'miroir_no_quorum');
});

test('a filling copy gets whole documents and deletions by id, and notes the rest', () => {
  const { hand, begin, copy } = world();
  startFill(hand.state, copy('n3'));
  setCopyState(hand.state, copy('n3'), { to: 'filling', reason: '' });
  const targetsOf = (seq: number): string[] =>
    Object.keys(hand.state.open.get(seq)?.intent.targets ?? {});
  const whole = begin();
  assert.equal(targetsOf(whole), NODES);
  hand.report(
    whole,
    NODES.map((nodeId) => ack(hand, nodeId)),
  );
  const update = begin({ kind: 'documentsUpdate' });
  assert.equal(targetsOf(update), ['n1', 'n2']);
  assert.is(notesOf(hand.state, copy('n3'))?.reread.size, 1);
  hand.report(update, [ack(hand, 'n1'), ack(hand, 'n2')]);
  const all = begin({
    kind: 'documentsDeleteAll',
    keyHashes: Buffer.alloc(0),
    touchesAllShards: true,
  });
  assert.equal(notesOf(hand.state, copy('n3'))?.again, { low: all, high: all });
});

test('a later write passes over a suspect copy, and both are noted there', () => {
  const { hand, begin, copy } = world();
  const first = begin();
  hand.report(first, [ack(hand, 'n1'), ack(hand, 'n2'), unknown('n3')]);
  openNotes(hand.state, copy('n3'));
  const second = begin();
  assert.equal(Object.keys(hand.state.open.get(second)?.intent.targets ?? {}), ['n1', 'n2']);
  assert.is(notesOf(hand.state, copy('n3'))?.from, first);
});

test('a fix stands in the lane: later writes to its documents wait until it is on its copy', () => {
  const { hand, copy, index } = world();
  setCopyState(hand.state, copy('n3'), { to: 'filling', reason: '' });
  const keyHashes = addition('movies', KEY).keyHashes as Buffer;
  const { shard } = copy('n3');
  const request = { indexId: index.id, shard, keyHashes, nodeId: 'n3', limitMs: null, under: null };
  const fix = beginInternal(hand.state, { kind: 'fix', ...request }, hand.now) ?? 0;
  progress(hand.state, [fix], hand.now);
  assert.is(hand.state.open.get(fix)?.intent.phase, 'granted');
  const waiting = hand.begin(addition('movies', KEY));
  assert.is(waiting.reply, undefined);
  const results = [ack(hand, 'n3')];
  hand.apply({ kind: 'internalReport', seq: fix, results, isComplete: true, now: hand.now });
  assert.is(replyTo(hand.effects, waiting.ticket)?.kind, 'grant');
  hand.endOn('n3', 'succeeded');
  assert.is(hand.state.open.has(fix), false);
  assert.ok(
    hand.effects.some((item) => item.kind === 'internalEnded' && item.outcome === 'applied'),
  );
});

test('a fix on its way when its time is over may arrive still: its copy is suspect until it is heard of', () => {
  const { hand, copy, states, index } = world();
  setCopyState(hand.state, copy('n3'), { to: 'filling', reason: '' });
  const keyHashes = addition('movies', KEY).keyHashes as Buffer;
  const { shard } = copy('n3');
  const request = { indexId: index.id, shard, keyHashes, nodeId: 'n3', under: null } as const;
  const fix = beginInternal(hand.state, { kind: 'fix', ...request, limitMs: 5_000 }, hand.now) ?? 0;
  progress(hand.state, [fix], hand.now);
  sendInternal(hand.state, fix);
  const waiting = hand.begin(addition('movies', KEY));
  hand.tick(5_100);
  assert.is(hand.state.open.get(fix)?.intent.targets['n3']?.state, 'unknown');
  assert.is(states()['n3'], 'suspect');
  assert.is(replyTo(hand.effects, waiting.ticket)?.kind, 'grant');
  hand.tick(60_000);
  assert.is(hand.state.open.has(fix), true);
  const results = [ack(hand, 'n3')];
  hand.apply({ kind: 'internalReport', seq: fix, results, isComplete: true, now: hand.now });
  hand.endOn('n3', 'succeeded');
  assert.is(hand.state.open.has(fix), false);
  assert.is(states()['n3'], 'behind');
});

test('a fix that is not sent in time never will be', () => {
  const { hand, copy, states, index } = world();
  setCopyState(hand.state, copy('n3'), { to: 'filling', reason: '' });
  const keyHashes = addition('movies', KEY).keyHashes as Buffer;
  const { shard } = copy('n3');
  const request = { indexId: index.id, shard, keyHashes, nodeId: 'n3', under: null } as const;
  const fix = beginInternal(hand.state, { kind: 'fix', ...request, limitMs: 5_000 }, hand.now) ?? 0;
  progress(hand.state, [fix], hand.now);
  hand.tick(5_100);
  assert.is(hand.state.open.has(fix), false);
  assert.is(states()['n3'], 'filling');
});

test('a hold stops writes to its shard for a moment, and ends by itself', () => {
  const { hand, copy, index } = world();
  const request = {
    indexId: index.id,
    shard: copy('n1').shard,
    keyHashes: null,
    nodeId: null,
    under: null,
  };
  const hold = beginInternal(hand.state, { kind: 'hold', ...request, limitMs: 200 }, hand.now) ?? 0;
  progress(hand.state, [hold], hand.now);
  const waiting = hand.begin(addition('movies', KEY));
  assert.is(waiting.reply, undefined);
  hand.tick(250);
  assert.is(replyTo(hand.effects, waiting.ticket)?.kind, 'grant');
});

test('a node away for long: its copies go behind and tasks end without it', () => {
  const { hand, states, begin, copy } = world();
  const seq = begin();
  hand.report(
    seq,
    NODES.map((nodeId) => ack(hand, nodeId)),
  );
  hand.endOn('n1', 'succeeded');
  hand.endOn('n2', 'succeeded');
  hand.apply({ kind: 'nodeHealth', nodeId: 'n3', isUp: false, now: hand.now });
  hand.tick(4_000);
  assert.is(states()['n3'], 'in-sync');
  hand.tick(1_500);
  assert.is(states()['n3'], 'behind');
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
  assert.is(appliedUpTo(hand.state, copy('n1')), seq);
});

run();
