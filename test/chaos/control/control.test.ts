/**
 * Goal: a few cycles of killed, frozen and cut off replicas of control in every test run: no acknowledged write
 * is lost, no search fails.
 * Method: as `npm run chaos -- --control 3`, with one seed, and replicas that are given up sooner; the whole of
 * it is run by hand.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../kit/suite.ts';
import { whyNoNamespaces } from './namespaces.ts';
import { controlRow } from './report.ts';
import { runControlCycles } from './run.ts';
import { startControlWorld } from './start-world.ts';
import type { ControlWorld } from './world.ts';

const MINUTE = 60_000;
const CYCLES = 10;
const LIMIT_MS = 60_000;
const EXPIRY_MS = 1_500;
const { test, testUnless, run, after } = suite('chaos of control');
let world: ControlWorld | undefined;

after(async () => {
  await world?.stop();
}, MINUTE);

test(
  'a few cycles of killed, frozen and cut off replicas leave nothing behind',
  async () => {
    const control = { renew_ms: 500, expiry_ms: EXPIRY_MS };
    world = await startControlWorld({ replicas: 3, nodeCount: 2, factor: 2, control });
    const results = await runControlCycles(world, {
      seed: 3,
      cycles: CYCLES,
      limitMs: LIMIT_MS,
      factor: 2,
      expiryMs: EXPIRY_MS,
      onCycle: () => {},
    });
    for (const result of results) {
      assert.equal(result.violations, [], controlRow(result));
      assert.ok(result.acknowledgedCount > 0);
    }
    assert.ok(results.length > 3);
    await world.stop();
    world = undefined;
  },
  6 * MINUTE,
);

testUnless(
  whyNoNamespaces(),
  'links cut by the network itself do no more harm',
  async () => {
    const control = { renew_ms: 500, expiry_ms: EXPIRY_MS };
    world = await startControlWorld({
      ...{ replicas: 3, nodeCount: 1, factor: 1, control },
      inNamespaces: true,
    });
    const faults = [
      'isolate leader',
      'leader does not hear follower',
      'cut sidecar from leader',
    ] as const;
    const results = await runControlCycles(world, {
      ...{ seed: 5, cycles: faults.length, limitMs: LIMIT_MS, factor: 1, expiryMs: EXPIRY_MS },
      faults,
      onCycle: () => {},
    });
    for (const result of results) assert.equal(result.violations, [], controlRow(result));
    assert.ok(results.length > 0);
  },
  6 * MINUTE,
);

run();
