/**
 * Goal: control replicas lose nothing that was acknowledged, do nothing twice and come to rest, whatever
 * dies, is cut, lost, late, doubled, wiped or put back; and the simulation notices when a rule is left out.
 * Method: seeds of the made-up world of replicas in two processes; then planted bugs, each to be found.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../kit/suite.ts';
import { findBugs } from '../bugs/find.ts';
import { runJobs } from '../jobs.ts';
import { REPLICAS } from '../worlds.ts';

const SEEDS = 2_000;
const BUG_SEEDS = 300;
const LIMIT_MS = 400_000;
const { test, run } = suite('replication simulation');
const { name: world, turns, bugs } = REPLICAS;

test(
  `${SEEDS} seeds break no rule`,
  async () => {
    const order = { from: 1, count: SEEDS, jobCount: 2, limitMs: 1e9, keepsGoing: false };
    const { count, failures, errors } = await runJobs({ ...order, world, turns, patches: [] });
    assert.equal(failures, []);
    assert.is(errors, '');
    assert.is(count, SEEDS);
  },
  LIMIT_MS,
);

test(
  'planted bugs are found',
  async () => {
    const quick = bugs.filter(({ isQuick }) => isQuick === true);
    assert.ok(quick.length >= 9);
    const lines: string[] = [];
    const onResult = (line: string) => lines.push(line);
    const found = await findBugs(quick, { world, turns, seeds: BUG_SEEDS, onResult });
    assert.is(found, quick.length, lines.join('\n'));
  },
  LIMIT_MS,
);

run();
