/**
 * Goal: control killed at any moment loses nothing that was acknowledged, and everything it had begun ends.
 * Method: writers that never stop, SIGKILL at random moments, then: every acknowledged document is on its
 * node with the value of the last write in lane order, every task is final, places have no gap.
 */
import * as assert from 'uvu/assert';
import { seed, suite } from '../../kit/suite.ts';
import { ControlCluster, until } from './control-cluster.ts';

const KILLS = 4;
const WRITERS = 4;
const { test, before, after, run } = suite('control killed');
const cluster = new ControlCluster();
before(() => cluster.start());
after(() => cluster.stop());

interface Acknowledged {
  readonly seq: number;
  readonly id: number;
  readonly value: string;
}

test('acknowledged writes survive, and nothing stays open', async () => {
  const acknowledged: Acknowledged[] = [];
  let isStopping = false;
  let attempts = 0;
  const writer = async (number: number): Promise<void> => {
    while (!isStopping) {
      attempts += 1;
      // Writers share documents, so their writes conflict.
      const id = attempts % 7;
      const value = `${number}-${attempts}`;
      try {
        const seq = await cluster.sidecar.write('kills', [{ id, value } as { id: number }]);
        acknowledged.push({ seq, id, value });
      } catch {
        // Control was away: whether this write is there is not known, and it was not acknowledged.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, number) => writer(number));
  for (let kill = 0; kill < KILLS; kill += 1) {
    const waitMs = 200 + ((seed * (kill + 3)) % 700);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await cluster.restart('SIGKILL');
  }
  const before = acknowledged.length;
  await until(() => acknowledged.length > before + 5);
  isStopping = true;
  await Promise.all(writers);

  const highest = Math.max(...acknowledged.map(({ seq }) => seq));
  const tasks = [];
  for (let uid = 0; uid <= highest; uid += 1) tasks.push(await cluster.sidecar.finished(uid));
  assert.is(new Set(acknowledged.map(({ seq }) => seq)).size, acknowledged.length);
  for (const { seq } of acknowledged) assert.is(tasks[seq].status, 'succeeded', `task ${seq}`);

  for (let id = 0; id < 7; id += 1) {
    const own = acknowledged.filter((item) => item.id === id).sort((a, b) => b.seq - a.seq);
    const [last] = own;
    if (last === undefined) continue;
    const held = await Promise.all(
      Object.keys(cluster.nodeUrls()).map(
        (node) =>
          cluster.sidecar.node(node, 'GET', `/indexes/kills/documents/${id}`) as Promise<{
            value?: string;
          }>,
      ),
    );
    const values = held.flatMap((document) => document.value ?? []);
    assert.is(values.length, 1, `document ${id} is on one node`);
    // A later write that was not acknowledged may stand as well, but none from before.
    const isLater = !own.some(({ value, seq }) => value === values[0] && seq < last.seq);
    assert.ok(isLater, `document ${id} holds ${values[0]}, acknowledged last was ${last.value}`);
  }
}, 120_000);

run();
