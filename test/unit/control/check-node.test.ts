/**
 * Goal: only nodes that belong to the cluster, speak one version and hold what they should are used.
 * Method: stand-in nodes; each reason to refuse one, and what a fresh one is given.
 */
import * as assert from 'uvu/assert';
import { ControlNode } from '../../../control/nodes/index.ts';
import type { ClusterRecord } from '../../../control/state/index.ts';
import { checkNode, writeMarker } from '../../../control/topology/index.ts';
import { type RunningEngine, startEngine } from '../../engine/index.ts';
import { suite } from '../../kit/suite.ts';
import { MASTER_KEY } from './control-kit.ts';

const { test, after, run } = suite('check of a node');
const engines: RunningEngine[] = [];
const nodes: ControlNode[] = [];

after(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await Promise.all(engines.map((engine) => engine.close()));
});

async function freshNode(id = 'n1', key = MASTER_KEY): Promise<ControlNode> {
  const engine = await startEngine({ masterKey: MASTER_KEY });
  engines.push(engine);
  const node = new ControlNode(id, engine.url, () => key);
  nodes.push(node);
  return node;
}

function cluster(isAdopted = false): ClusterRecord {
  return {
    clusterId: 'c1',
    nodes: [
      {
        id: 'n1',
        url: '',
        group: 0,
        weight: 1,
        isAdopted,
        lastTaskUid: -1,
        lastMark: '*',
        markerSeq: -1,
        seenUid: -1,
      },
    ],
    keys: [],
    masterKeyHashHex: '',
    versionJson: '',
    experimentalFeaturesJson: '',
  };
}

const check = (node: ControlNode, record = cluster(), version?: string) =>
  checkNode(node, {
    cluster: record,
    claimVersion: (own) => version ?? own,
    signal: new AbortController().signal,
  });

async function refusal(node: ControlNode, record = cluster(), version?: string): Promise<string> {
  const found = await check(node, record, version);
  if (found.kind !== 'refused') throw new Error(`not refused: ${found.kind}`);
  assert.is(found.words.split('\n').length, 1);
  return found.words;
}

test('a fresh node is adopted, and known again', async () => {
  const node = await freshNode();
  const first = await check(node);
  assert.is(first.kind, 'usable');
  assert.ok(first.kind === 'usable' && (first.adoptedTaskUid ?? -1) >= 0);
  const again = await check(node, cluster(true));
  assert.ok(again.kind === 'usable' && again.adoptedTaskUid === null);
});

test('a node of another cluster, or under another name, is refused', async () => {
  const node = await freshNode();
  await check(node);
  assert.match(
    await refusal(node, { ...cluster(), clusterId: 'c2' }),
    /another Miroir cluster \(c1\)/,
  );
  const renamed = new ControlNode('n2', node.url, () => MASTER_KEY);
  nodes.push(renamed);
  assert.match(await refusal(renamed), /says that it is node n1/);
});

test('a node that lost its data is not taken for a fresh one', async () => {
  const found = await check(await freshNode(), cluster(true));
  assert.match(found.kind === 'lost' ? found.reason : found.kind, /has lost its data/);
});

test('a node whose marker is older than the one recorded brought old data back', async () => {
  const node = await freshNode();
  await check(node);
  const record = cluster(true);
  for (const item of record.nodes) item.markerSeq = 7;
  const found = await check(node, record);
  assert.match(found.kind === 'lost' ? found.reason : found.kind, /says 0 and not 7/);
  const marker = { cluster: 'c1', node: 'n1', seq: 7 };
  assert.ok(await writeMarker(node, marker, new AbortController().signal));
  assert.is((await check(node, record)).kind, 'usable');
});

test('a node with indexes of its own cannot join', async () => {
  const node = await freshNode();
  await node.call({ method: 'POST', path: '/indexes', body: '{"uid":"mine"}' });
  for (let tries = 0; tries < 100; tries += 1) {
    const list = await node.read<{ total: number }>('/indexes');
    if (list?.total === 1) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(await refusal(node), /already holds indexes \(mine\)/);
});

test('another master key and another version are told apart', async () => {
  assert.match(await refusal(await freshNode('n1', 'wrong-key')), /does not accept the master key/);
  const words = await refusal(await freshNode(), cluster(), '{"pkgVersion":"1.49.0"}');
  assert.match(words, /runs Meilisearch 1\.50\.0, the other nodes 1\.49\.0/);
});

test('a node that does not answer is unreachable, not refused', async () => {
  const node = new ControlNode('n1', 'http://127.0.0.1:1', () => MASTER_KEY);
  nodes.push(node);
  assert.is((await check(node)).kind, 'unreachable');
});

run();
