/**
 * Goal: watchers get a whole view first, nothing twice, nothing lost, and a deaf one costs no memory.
 * Method: the hub with made-up calls whose buffers can be full.
 */
import { EventEmitter } from 'node:events';
import * as assert from 'uvu/assert';
import { WatchHub } from '../../../control/api/index.ts';
import { State } from '../../../control/state/index.ts';
import type { WatchResponse } from '../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('watch hub');

class FakeCall extends EventEmitter {
  readonly sent: WatchResponse[] = [];
  readonly cancelled = false;
  destroyed = false;
  isFull = false;
  isEnded = false;

  write(message: WatchResponse): boolean {
    this.sent.push(message);
    return !this.isFull;
  }

  end(): void {
    this.isEnded = true;
  }
}

function world() {
  const cluster = {
    clusterId: '00',
    nodes: [],
    keys: [],
    masterKeyHashHex: '',
    versionJson: '{}',
    experimentalFeaturesJson: '{}',
  };
  const state = new State(cluster, {
    shardCount: 1,
    spread: 1,
    replicationFactor: 1,
    minCopies: 1,
    quorum: 'in_sync',
  });
  let index = 0n;
  const hub = new WatchHub({
    state,
    secrets: () => ({ masterKeyHashHex: 'aa', internalKey: 'key' }),
    steadyMs: () => 0,
    position: () => ({ epoch: 1n, index }),
  });
  const add = (): FakeCall => {
    const call = new FakeCall();
    hub.add(call as never);
    return call;
  };
  const set = (uid: string, primaryKey: string | null): void => {
    state.indexes.set(uid, {
      id: uid,
      headUid: uid,
      visibleUid: uid,
      primaryKey,
      createdAt: '',
      updatedAt: '',
      shardCount: 1,
      copiesPerShard: 1,
      nodeIds: ['n1'],
      owners: Buffer.alloc(2),
      copyStates: Buffer.alloc(1),
      settings: {},
      settingsVersion: 0,
      pending: [],
      needs: {},
      foreignNodeIds: [],
    });
    state.visible.set(uid, uid);
    publish(uid);
  };
  const remove = (uid: string): void => {
    state.visible.delete(uid);
    state.indexes.delete(uid);
    publish(uid);
  };
  const publish = (uid: string): void => {
    index += 1n;
    hub.publish({ position: { epoch: 1n, index }, uids: new Set([uid]), isClusterChanged: false });
  };
  return { hub, add, set, remove };
}

/** What a receiver holds after these messages. */
function held(messages: readonly WatchResponse[]): Record<string, string | undefined> {
  const indexes = new Map<string, string | undefined>();
  for (const { event } of messages) {
    if (event?.$case === 'heartbeat' || event === undefined) continue;
    if (event.$case === 'delta')
      for (const uid of event.value.removedIndexUids) indexes.delete(uid);
    for (const item of event.value.indexes) indexes.set(item.uid, item.primaryKey);
  }
  return Object.fromEntries(indexes);
}

test('a watcher holds what the state holds, whenever it came', () => {
  const { hub, add, set, remove } = world();
  const early = add();
  set('a', 'id');
  set('b', null);
  const late = add();
  remove('a');
  set('b', 'pk');
  assert.equal(held(early.sent), { b: 'pk' });
  assert.equal(held(late.sent), { b: 'pk' });
  assert.is(late.sent[0]?.event?.$case, 'view');
  hub.close();
  assert.ok(early.isEnded && late.isEnded);
});

test('a full watcher is not written to, and gets all it missed in one message', () => {
  const { hub, add, set, remove } = world();
  const slow = add();
  slow.isFull = true;
  set('a', 'id');
  const before = slow.sent.length;
  for (let at = 0; at < 1_000; at += 1) set('b', String(at));
  set('c', 'id');
  remove('a');
  assert.is(slow.sent.length, before, 'nothing is queued for it');
  slow.isFull = false;
  slow.emit('drain');
  assert.is(slow.sent.length, before + 1);
  assert.equal(held(slow.sent), { b: '999', c: 'id' });
  set('d', null);
  assert.ok('d' in held(slow.sent));
  hub.close();
});

test('a watcher that goes away is forgotten', () => {
  const { hub, add, set } = world();
  const call = add();
  assert.is(hub.watcherCount, 1);
  call.emit('cancelled');
  assert.is(hub.watcherCount, 0);
  set('a', 'id');
  assert.is(call.sent.length, 1);
  hub.close();
});

run();
