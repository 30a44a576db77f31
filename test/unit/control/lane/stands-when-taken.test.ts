/**
 * Goal: a permission promises that a write stands only where its report, come what was promised, says so too.
 * Method: the reducer with a hand on it, three nodes with all copies; each thing that stands against the
 * promise alone.
 */
import * as assert from 'uvu/assert';
import { type CopyPlace, copiesOf, setCopyState } from '../../../../control/copies/index.ts';
import type { BeginInput, BeginReply, IndexRecord } from '../../../../control/state/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import type { CopyState } from '../../../../core/topology.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand } from './lane-hand.ts';

const { test, run } = suite('lane stands when taken');
const KEY = '1';

/** An index whose every shard is on all three nodes. */
function world(rules: { minCopies?: number; quorum?: 'in_sync' | 'fixed' } = {}) {
  const hand = new Hand('all', { replicationFactor: 3, ...rules });
  hand.nowMs = 60_000;
  hand.create('movies');
  const index = hand.state.entryOf('movies')?.index as IndexRecord;
  const shard = Number(hashPrimaryKey(KEY) & BigInt(index.shardCount - 1));
  const copy: CopyPlace = { index, shard, nodeId: 'n3' };
  const become = (to: CopyState): void => setCopyState(hand.state, copy, { to, reason: 'a test' });
  const begin = (changes: Partial<BeginInput> = {}) =>
    hand.begin({ ...addition('movies', KEY), ...changes }).reply;
  return { hand, index, shard, become, begin };
}

function isPromised(reply: BeginReply | undefined): boolean {
  granted(reply);
  return reply?.kind === 'grant' && reply.standsWhenTaken;
}

test('what is promised is what the report says', () => {
  for (const rules of [{}, { minCopies: 3 }, { quorum: 'fixed' }] as const) {
    const { hand, begin } = world(rules);
    const reply = begin();
    assert.is(isPromised(reply), true);
    const seq = granted(reply);
    assert.equal(hand.report(seq, hand.acks(seq)), { stands: true, refusal: null, missed: [] });
  }
});

test('not while a copy is anything but in sync', () => {
  for (const state of ['behind', 'suspect', 'filling', 'held'] as const) {
    const { become, begin } = world();
    become(state);
    assert.is(isPromised(begin()), false, state);
  }
});

test('a copy that is about to go misses nothing', () => {
  const { hand, become, begin } = world();
  become('leaving');
  hand.state.views.shrunk.clear();
  assert.is(isPromised(begin()), true);
});

test('not with fewer copies than are needed', () => {
  const { hand, become, begin } = world({ minCopies: 3 });
  become('leaving');
  hand.state.views.shrunk.clear();
  assert.is(isPromised(begin()), false);
});

test('not while a sidecar may read a copy that was taken away', () => {
  const { hand, index, shard, begin } = world();
  const { now } = hand;
  hand.state.commitIndex = 7;
  hand.apply({ kind: 'watchOpened', sidecarId: 's9', now });
  hand.apply({ kind: 'confirm', sidecarId: 's9', index: 6, ticket: 900, now });
  const place = { index, shard, nodeId: 'n3' };
  setCopyState(hand.state, place, { to: 'behind', reason: 'a test' });
  setCopyState(hand.state, place, { to: 'in-sync', reason: 'a test' });
  assert.is(
    copiesOf(index, shard).every(({ state }) => state === 'in-sync'),
    true,
  );
  const reply = begin();
  assert.is(isPromised(reply), false);
  const seq = granted(reply);
  hand.report(seq, hand.acks(seq));
  hand.endAll();
  hand.apply({ kind: 'confirm', sidecarId: 's9', index: 7, ticket: 901, now });
  assert.is(isPromised(begin()), true);
});

test('not where only a report could tell that a write is whole', () => {
  const repeated = { documentCount: 2 };
  assert.is(isPromised(world().begin(repeated)), false);
  const ids = { kind: 'documentsDeleteById', documentCount: 0 } as const;
  const details = (providedIds: number) => ({ providedIds, deletedDocuments: null });
  assert.is(isPromised(world().begin({ ...ids, details: details(1) })), true);
  assert.is(isPromised(world().begin({ ...ids, details: details(2) })), false);
  // A filter comes as one task on each node.
  const filter = { kind: 'documentsDeleteByFilter', touchesAllShards: true } as const;
  const noKeys = { keyHashes: Buffer.alloc(0), documentCount: 0 };
  assert.is(isPromised(world().begin({ ...filter, ...noKeys })), true);
  assert.is(isPromised(world().begin({ touchesAllShards: true, ...noKeys })), false);
});

test('not of a permission that is asked for again', () => {
  const { begin } = world();
  assert.is(isPromised(begin({ requestNumber: '77' })), true);
  assert.is(isPromised(begin({ requestNumber: '77' })), false);
});

run();
