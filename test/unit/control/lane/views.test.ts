/**
 * Goal: after a change of leader writes wait for readers only where a copy was taken away that not all of
 * them are known to have left, and a reader that was silent meanwhile gets no lease on its old view.
 * Method: one copy of two is taken away by one leader; the next is loaded from what that one committed.
 */
import * as assert from 'uvu/assert';
import { demote, isShrinkConfirmed } from '../../../../control/copies/index.ts';
import { step } from '../../../../control/lane/index.ts';
import { encodeIndex, takeChanges } from '../../../../control/machine/encode.ts';
import { loadState } from '../../../../control/machine/index.ts';
import type { MachineEvent, State } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { World } from '../recovery/world.ts';

const { test, run } = suite('views after a change of leader');

const SHRUNK_AT = 50;

/** A leader of epoch 1 with two sidecars of which the second falls silent; node b's copy is taken away. */
class Leader {
  readonly disk = new Map<string, Buffer>();
  state: State;
  nowMs = 100_000;

  constructor() {
    const world = new World();
    takeChanges(world.state);
    this.disk.set(`i/${world.index.id}`, encodeIndex(world.index));
    this.state = world.state;
    this.load({ epoch: 1, previousEpoch: undefined });
    this.nowMs += 10_000;
    for (const sidecarId of ['quick', 'silent']) {
      this.apply({ kind: 'watchOpened', sidecarId, now: this.now });
      this.confirm(sidecarId, SHRUNK_AT - 1);
    }
  }

  get now() {
    return { wallNs: 0n, steadyMs: this.nowMs };
  }

  get index() {
    const [index] = this.state.indexes.values();
    assert.ok(index);
    return index;
  }

  get isConfirmed(): boolean {
    return isShrinkConfirmed(this.state, this.index, [0]);
  }

  load(leader: { readonly epoch: number; readonly previousEpoch: number | undefined }): void {
    const { cluster, placement } = this.state;
    const { disk } = this;
    const store = {
      get: (key: string) => disk.get(key),
      *range(prefix: string) {
        for (const [key, value] of disk) if (key.startsWith(prefix)) yield { key, value };
      },
    };
    const commitIndex = SHRUNK_AT - 10 + leader.epoch * 100 - 100;
    this.state = loadState(store, cluster, { placement, now: this.now, commitIndex, ...leader });
    this.commit();
  }

  takeAway(): void {
    this.state.commitIndex = SHRUNK_AT;
    const copy = { index: this.index, shard: 0, nodeId: 'b' };
    demote(this.state, copy, { to: 'behind', reason: 'by the test', missed: null });
    this.commit();
  }

  /** The lease that a sidecar is granted, in milliseconds. */
  confirm(sidecarId: string, index: number): number {
    this.state.effects = [];
    this.apply({ kind: 'confirm', sidecarId, index, ticket: 1, now: this.now });
    const [reply] = this.state.effects.filter(({ kind }) => kind === 'confirmReply');
    assert.ok(reply?.kind === 'confirmReply');
    return reply.leaseMs;
  }

  apply(event: MachineEvent): void {
    step(this.state, event);
    this.commit();
  }

  commit(): void {
    for (const { key, value } of takeChanges(this.state)) {
      if (value !== undefined) this.disk.set(key, Buffer.from(value));
    }
  }
}

test('what all readers left under one leader is not waited for under the next', () => {
  const leader = new Leader();
  leader.takeAway();
  assert.is(leader.isConfirmed, false);
  leader.confirm('quick', SHRUNK_AT);
  leader.confirm('silent', SHRUNK_AT);
  assert.is(leader.isConfirmed, true);
  leader.load({ epoch: 2, previousEpoch: 1 });
  assert.is(leader.isConfirmed, true);
});

test('what some reader may not have left is waited for: two seconds, and until others confirm', () => {
  const leader = new Leader();
  leader.takeAway();
  leader.confirm('quick', SHRUNK_AT);
  leader.load({ epoch: 2, previousEpoch: 1 });
  assert.is(leader.isConfirmed, false);
  leader.nowMs += 1_900;
  leader.apply({ kind: 'watchOpened', sidecarId: 'silent', now: leader.now });
  leader.nowMs += 200;
  leader.confirm('silent', SHRUNK_AT - 1);
  assert.is(leader.isConfirmed, false);
  leader.confirm('silent', SHRUNK_AT);
  assert.is(leader.isConfirmed, true);
});

test('nothing is taken for known if another leader was in between, or the log does not tell', () => {
  for (const previousEpoch of [2, undefined]) {
    const leader = new Leader();
    leader.load({ epoch: 3, previousEpoch });
    assert.is(leader.isConfirmed, false);
    leader.nowMs += 2_001;
    leader.apply({ kind: 'tick', now: leader.now });
    assert.is(leader.isConfirmed, true);
  }
});

test('a reader that was silent gets no lease on a view that others were told nobody reads', () => {
  const leader = new Leader();
  leader.nowMs += 3_000;
  leader.takeAway();
  leader.confirm('quick', SHRUNK_AT);
  assert.is(leader.isConfirmed, true);
  assert.is(leader.confirm('silent', SHRUNK_AT - 1), 0);
  assert.is(leader.confirm('silent', SHRUNK_AT), 2_000);

  leader.load({ epoch: 2, previousEpoch: 1 });
  leader.apply({ kind: 'watchOpened', sidecarId: 'third', now: leader.now });
  assert.is(leader.confirm('third', SHRUNK_AT - 1), 0, 'nor by the next leader');
});

run();
