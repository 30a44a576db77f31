/**
 * Goal: a leader that follows one which may still live takes nothing of it for closed before its time: a fix
 * that the other may have under way is looked up only then.
 * Method: a fix granted by one leader, loaded by the next with and without such a bound, and time.
 */
import * as assert from 'uvu/assert';
import { beginInternal, progress, step } from '../../../../control/lane/index.ts';
import { encodeIndex, takeChanges } from '../../../../control/machine/encode.ts';
import { loadState } from '../../../../control/machine/index.ts';
import type { Effect, State } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { World } from '../recovery/world.ts';

const { test, run } = suite('takeover of the lane');

/** What is on disk when a fix of node b was granted and nothing is known of it. */
function stored() {
  const world = new World();
  const { state } = world;
  const disk = new Map([[`i/${world.index.id}`, encodeIndex(world.index)]]);
  takeChanges(state);
  const request = {
    kind: 'fix',
    indexId: world.index.id,
    shard: 0,
    keyHashes: null,
    nodeId: 'b',
    limitMs: null,
    under: null,
  } as const;
  const seq = beginInternal(state, request, world.now) as number;
  progress(state, [seq], world.now);
  assert.is(state.open.get(seq)?.intent.phase, 'granted');
  for (const { key, value } of takeChanges(state)) {
    if (value !== undefined) disk.set(key, Buffer.from(value));
  }
  const store = {
    get: (key: string) => disk.get(key),
    *range(prefix: string) {
      for (const [key, value] of disk) if (key.startsWith(prefix)) yield { key, value };
    },
  };
  return { store, seq, world };
}

function load(othersCallUntilMs?: number): { readonly state: State; readonly seq: number } {
  const { store, seq, world } = stored();
  const { cluster, placement } = world.state;
  const now = { wallNs: 0n, steadyMs: 1_000 };
  const options = othersCallUntilMs === undefined ? {} : { othersCallUntilMs };
  const state = loadState(store, cluster, { placement, now, ...options });
  return { state, seq };
}

function reads({ effects }: State): Effect[] {
  return effects.filter((effect) => effect.kind === 'readNode' && effect.nodeId === 'b');
}

test('the last leader ended: its connections are closed, and the node is read at once', () => {
  const { state, seq } = load();
  assert.is(state.open.get(seq)?.closedAtMs, 1_000);
  assert.is(reads(state).length, 1);
});

test('the last leader may live: nothing is known of its send until it must have let go', () => {
  const { state, seq } = load(9_000);
  const open = state.open.get(seq);
  assert.is(open?.intent.targets['b']?.state, 'unknown');
  assert.is(open?.closedAtMs, null);
  assert.is(reads(state).length, 0);
  const tick = (steadyMs: number) => step(state, { kind: 'tick', now: { wallNs: 0n, steadyMs } });
  tick(8_999);
  assert.is(open?.closedAtMs, null);
  tick(9_000);
  assert.is(open?.closedAtMs, 9_000);
  assert.is(reads(state).length, 1);
  tick(9_250);
  assert.is(reads(state).length, 1);
});

run();
