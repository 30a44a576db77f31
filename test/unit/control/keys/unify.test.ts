/**
 * Goal: a node that lost its data gets the keys of the others, and never gives them its own.
 * Method: two stand-in nodes, one with a key that somebody made, one as it comes from a wiped disk.
 */
import * as assert from 'uvu/assert';
import { alignKeys } from '../../../../control/keys/index.ts';
import { ControlNode } from '../../../../control/nodes/index.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('keys of a node that comes back');
const MASTER_KEY = 'keys-master-key-0123456789';
const never = new AbortController().signal;
let engines: RunningEngine[] = [];
let nodes: ControlNode[] = [];

before(async () => {
  engines = [
    await startEngine({ masterKey: MASTER_KEY }),
    await startEngine({ masterKey: MASTER_KEY }),
  ];
  nodes = engines.map(({ url }, at) => new ControlNode(`n${at}`, url, () => MASTER_KEY));
});

after(async () => {
  for (const node of nodes) await node.close();
  for (const engine of engines) await engine.close();
});

test('the wiped node takes what the other has, and the other keeps everything', async () => {
  const [kept, wiped] = nodes;
  assert.ok(kept && wiped);
  const uid = '11111111-2222-4333-8444-555555555555';
  const body = JSON.stringify({ uid, actions: ['search'], indexes: ['*'], expiresAt: null });
  await kept.call({ method: 'POST', path: '/keys', body });
  const before = await uidsOf(kept);
  assert.not.equal(await uidsOf(wiped), before);
  assert.ok(await alignKeys(wiped, kept, never));
  assert.equal(await uidsOf(wiped), before);
  assert.equal(await uidsOf(kept), before);
  assert.ok(before.includes(uid));
});

test('without an answer of the other nothing is changed', async () => {
  const [, wiped] = nodes;
  const gone = new ControlNode('gone', 'http://127.0.0.1:9', () => MASTER_KEY);
  assert.ok(wiped);
  const before = await uidsOf(wiped);
  assert.ok(await alignKeys(wiped, gone, never));
  assert.equal(await uidsOf(wiped), before);
  assert.not.ok(await alignKeys(gone, wiped, never));
  await gone.close();
});

run();

async function uidsOf(node: ControlNode): Promise<string[]> {
  const page = await node.read<{ results: { uid: string }[] }>('/keys?limit=100');
  return (page?.results ?? []).map(({ uid }) => uid).sort();
}
