/**
 * Goal: whatever dies, is lost, late, doubled or comes back as it was, writes keep to the protocol; and the
 * simulation that says so notices when a rule is left out.
 * Method: seeds of the made-up world in two processes; then some planted bugs, each to be found.
 * `npm run sim` plays more of both.
 */
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { findBugs } from './bugs/find.ts';
import { BUGS } from './bugs/list.ts';
import { runJobs } from './jobs.ts';
import { KEPT_SEEDS } from './seeds/list.ts';

const TURNS = 300;
const SEEDS = 2_000;
const BUG_SEEDS = 200;
const LIMIT_MS = 400_000;
const { test, run } = suite('simulation');

const play = (from: number, count: number) =>
  runJobs({
    world: 'lanes',
    from,
    count,
    turns: TURNS,
    jobCount: 2,
    limitMs: 1e9,
    patches: [],
    keepsGoing: false,
  });

test(
  'seeds that once broke a rule break none',
  async () => {
    for (const { seed } of KEPT_SEEDS) {
      const { failures, errors } = await play(seed, 1);
      assert.equal(failures, []);
      assert.is(errors, '');
    }
  },
  LIMIT_MS,
);

test(
  `${SEEDS} seeds break no rule`,
  async () => {
    const { count, failures, errors } = await play(1, SEEDS);
    assert.equal(failures, []);
    assert.is(errors, '');
    assert.is(count, SEEDS);
  },
  LIMIT_MS,
);

test('no two planted bugs have one name', () => {
  assert.is(new Set(BUGS.map(({ name }) => name)).size, BUGS.length);
});

test(
  'planted bugs are found',
  async () => {
    const quick = BUGS.filter(({ isQuick }) => isQuick === true);
    assert.ok(quick.length > 0);
    const lines: string[] = [];
    const onResult = (line: string) => lines.push(line);
    const found = await findBugs(quick, {
      world: 'lanes',
      turns: TURNS,
      seeds: BUG_SEEDS,
      onResult,
    });
    assert.is(found, quick.length, lines.join('\n'));
  },
  LIMIT_MS,
);

run();
