/**
 * Goal: a Report whose answer was lost is made again, and is told what it was told the first time: whatever the
 * write has come to since, and whoever leads by now.
 * Method: the reducer, and another one that loads what the first one wrote.
 */
import * as assert from 'uvu/assert';
import type { ReportReply, SendReport } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand } from './lane-hand.ts';

const { test, run } = suite('repeated reports');
const STANDS: ReportReply = { stands: true, refusal: null, missed: [] };

function begun(rules = {}): { readonly hand: Hand; readonly seq: number } {
  const hand = new Hand('all', rules);
  hand.create('movies');
  const one = addition('movies', '1');
  return { hand, seq: granted(hand.begin(one).reply) };
}

/** The same answer now, and by each of two leaders that follow. */
function isRepeated(hand: Hand, seq: number, results: SendReport[], wanted: ReportReply): void {
  for (let leader = 0; leader < 3; leader += 1) {
    assert.equal(hand.report(seq, results), wanted, `leader ${leader}`);
    hand.takeOver();
  }
}

const toEach = (hand: Hand, seq: number, outcome: SendReport['outcome']): SendReport[] =>
  Object.keys(hand.state.open.get(seq)?.intent.targets ?? {}).map((nodeId) => ({
    nodeId,
    part: 0,
    partCount: 1,
    outcome,
  }));

test('of a write that nodes took and failed', () => {
  const { hand, seq } = begun();
  const results = hand.acks(seq);
  assert.equal(hand.report(seq, results), STANDS);
  hand.endAll('failed');
  assert.is(hand.state.summaries[seq]?.status, 'failed');
  assert.not.ok(hand.state.open.has(seq));
  isRepeated(hand, seq, results, STANDS);
});

test('of one that failed before its first answer was asked for', () => {
  const { hand, seq } = begun();
  const results = hand.acks(seq);
  hand.report(seq, results);
  hand.takeOver();
  hand.endAll('failed');
  hand.takeOver();
  isRepeated(hand, seq, results, STANDS);
});

test('of one that every node refused', () => {
  const { hand, seq } = begun();
  const body = '{"message":"no","code":"payload_too_large","type":"invalid_request","link":""}';
  const results = toEach(hand, seq, { kind: 'refused', status: 413, body });
  const refusal = { code: 'payload_too_large', message: 'no' };
  const first = { stands: false, refusal, missed: [] };
  assert.equal(hand.report(seq, results), first);
  isRepeated(hand, seq, results, first);
});

test('of one whose sends were found too late for the first answer', () => {
  const { hand, seq } = begun();
  const results = toEach(hand, seq, { kind: 'unknown', reason: 'reset' });
  assert.is(hand.report(seq, results), undefined);
  hand.tick(3_000);
  const first = hand.lastReply();
  assert.is(first?.stands, false);
  for (const { nodeId } of results) {
    const uid = hand.nextUid(nodeId);
    hand.read(nodeId, [], [{ uid, tag: `m1.00.${seq}.0` }]);
  }
  assert.equal(hand.report(seq, results), first);
  hand.endAll();
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
  isRepeated(hand, seq, results, first as ReportReply);
});

test('of one that was given up and found on its node all the same', () => {
  const { hand, seq } = begun();
  const results = hand.acks(seq);
  hand.tick(5_500);
  for (const { nodeId } of results) {
    const uid = hand.nextUid(nodeId);
    hand.read(nodeId, [], [{ uid, tag: `m1.00.${seq}.0`, documentCount: 1 }]);
  }
  const first = hand.report(seq, results);
  assert.is(first?.refusal?.code, 'miroir_write_abandoned');
  hand.endAll();
  assert.is(hand.state.summaries[seq]?.status, 'succeeded');
  isRepeated(hand, seq, results, first as ReportReply);
});

test('of one that a copy missed', () => {
  const { hand, seq } = begun({ replicationFactor: 2 });
  const results = hand.acks(seq).map((result, at): SendReport => {
    const refused = { kind: 'refused', status: 0, body: 'no connection' } as const;
    return at === 0 ? { ...result, outcome: refused } : result;
  });
  const first = hand.report(seq, results);
  assert.ok(first?.stands);
  assert.is(first?.missed.length, 1);
  hand.endAll();
  isRepeated(hand, seq, results, first as ReportReply);
});

test('answers are kept of the newest ten thousand writes that did not simply stand', () => {
  const hand = new Hand();
  hand.create('movies');
  const body = '{"message":"no","code":"payload_too_large","type":"invalid_request","link":""}';
  const seqs: number[] = [];
  for (let count = 0; count < 10_002; count += 1) {
    const seq = granted(hand.begin(addition('movies', '1')).reply);
    hand.report(seq, toEach(hand, seq, { kind: 'refused', status: 413, body }));
    hand.effects.length = 0;
    seqs.push(seq);
  }
  hand.takeOver();
  const codeOf = (seq: number | undefined) => hand.report(seq ?? -1, [])?.refusal?.code;
  assert.is(codeOf(seqs.at(-1)), 'payload_too_large');
  assert.is(codeOf(seqs[2]), 'payload_too_large');
  // What it was told is not known any more, nor is it said to have been given up.
  assert.is(codeOf(seqs[0]), 'miroir_no_quorum');
  assert.is([...hand.disk.keys()].filter((key) => key.startsWith('r/')).length, 10_000);
});

run();
