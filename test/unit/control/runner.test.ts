/**
 * Goal: a machine that is stopped performs nothing any more, whatever becomes of its commit; and where others
 * may lead, nothing leaves it that was not made sure of.
 * Method: the runner with a commit and a proof in the test's hand.
 */
import * as assert from 'uvu/assert';
import { Runner } from '../../../control/machine/index.ts';
import { type Effect, State } from '../../../control/state/index.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('runner');

const now = { wallNs: 0n, steadyMs: 0 };

interface Held {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function world() {
  const cluster = {
    clusterId: '00',
    nodes: [],
    keys: [],
    masterKeyHashHex: '',
    versionJson: '',
    experimentalFeaturesJson: '',
  };
  const state = new State(cluster, {
    shardCount: 1,
    spread: 1,
    replicationFactor: 1,
    minCopies: 1,
    quorum: 'in_sync',
  });
  const commits: Held[] = [];
  const proofs: Held[] = [];
  const performed: Effect[] = [];
  const broken: unknown[] = [];
  const held = (list: Held[]) =>
    new Promise<void>((resolve, reject) => list.push({ resolve, reject }));
  const runner = new Runner({
    state,
    commit: async () => {
      await held(commits);
      return { epoch: 1n, index: 1n };
    },
    verify: () => held(proofs),
    position: () => ({ epoch: 1n, index: 0n }),
    perform: (effect) => performed.push(effect),
    publish: () => {},
    afterBatch: () => {},
    onBroken: (error) => broken.push(error),
  });
  return { runner, state, commits, proofs, performed, broken };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('an answer that needs no commit waits for the proof', async () => {
  const { runner, commits, proofs, performed } = world();
  runner.submit({ kind: 'confirm', sidecarId: 's', index: 0, ticket: 1, now });
  await turn();
  assert.is(commits.length, 0);
  assert.is(performed.length, 0);
  proofs[0]?.resolve();
  await turn();
  assert.is(performed[0]?.kind, 'confirmReply');
});

test('a stopped machine performs nothing, and a commit that fails then is no fault', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    const { runner, commits, performed, broken } = world();
    runner.submit({ kind: 'cluster', change: { versionJson: '{}' } });
    runner.submit({ kind: 'confirm', sidecarId: 's', index: 0, ticket: 1, now });
    await turn();
    const settled = runner.settled().then(
      () => 'settled',
      (error: Error) => error.name,
    );
    const stopped = runner.stop();
    assert.is(await settled, 'MachineStopped');
    commits[0]?.[end](new Error('not leading'));
    await stopped;
    runner.submit({ kind: 'confirm', sidecarId: 's', index: 0, ticket: 2, now });
    await turn();
    assert.equal(performed, []);
    assert.equal(broken, []);
  }
});

test('a commit that fails without a stop is one', async () => {
  const { runner, commits, broken } = world();
  runner.submit({ kind: 'cluster', change: { versionJson: '{}' } });
  await turn();
  commits[0]?.reject(new Error('no disk'));
  await turn();
  assert.is(broken.length, 1);
});

run();
