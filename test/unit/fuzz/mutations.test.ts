/**
 * Goal: the equality fuzzer notices whatever a merge may do wrong. Method: two equal servers, one of
 * them behind a proxy that breaks answers in one way at a time; each way must turn the verdict to
 * `difference`, both where answers must be exact and where ties and estimates are allowed. Without a
 * proxy the two servers must be found equal in every kind of request.
 */
import * as assert from 'uvu/assert';
import { startEngine } from '../../engine/index.ts';
import { KINDS, type Kind } from '../../fuzz/kinds.ts';
import { clear } from '../../fuzz/load.ts';
import { MUTATIONS, type Mutate, startMutant } from '../../fuzz/mutant.ts';
import { Tally } from '../../fuzz/report.ts';
import { type Arena, runScenario } from '../../fuzz/run.ts';
import { makeScenario } from '../../fuzz/scenario.ts';
import { Server } from '../../fuzz/server.ts';
import { suite } from '../../kit/suite.ts';

const KEY = 'a-master-key-of-16-bytes';
const SCENARIOS_MAX = 8;
const LIMIT_MS = 120_000;

const mutations = suite('fuzz mutations');

mutations.test(
  'two equal servers are found equal in all kinds of requests',
  async () => {
    const { tally } = await fuzz({ mutate: undefined, hasSpread: false, requestCount: 400 });
    assert.is(tally.count('difference'), 0, JSON.stringify(tally.failures[0]));
    assert.is(tally.count('equal', 'write') > 0, true);
    for (const kind of KINDS) assert.ok(tally.count('equal', kind) > 0, `${kind} not asked`);
  },
  LIMIT_MS,
);

for (const mutation of MUTATIONS) {
  for (const hasSpread of [false, true]) {
    mutations.test(
      `${mutation.name}: noticed ${hasSpread ? 'with ties allowed' : 'where answers are exact'}`,
      async () => {
        const only = new Set(mutation.only.split(',') as Kind[]);
        const { tally, changed } = await fuzz({ ...mutation, hasSpread, requestCount: 60, only });
        assert.ok(changed > 0, 'nothing was changed');
        assert.ok(tally.count('difference') > 0, JSON.stringify(tally.toJson()));
      },
      LIMIT_MS,
    );
  }
}

mutations.run();

/** Runs scenarios until an answer was changed and noticed, or a few of them if none is to be. */
async function fuzz(options: {
  readonly mutate: Mutate | undefined;
  readonly hasSpread: boolean;
  readonly requestCount: number;
  readonly only?: ReadonlySet<Kind>;
}): Promise<{ tally: Tally; changed: number }> {
  const engines = await Promise.all([0, 1].map(() => startEngine({ masterKey: KEY })));
  const [first, second] = engines;
  if (first === undefined || second === undefined) throw new Error('two engines');
  const mutant = await startMutant(first.url, options.mutate ?? (() => false));
  const { hasSpread } = options;
  const arena: Arena = {
    target: new Server('target', mutant.url, KEY),
    reference: new Server('reference', second.url, KEY),
    freedom: { hasSpread, hasSeveralOwners: hasSpread },
    isGateway: false,
  };
  const tally = new Tally();
  try {
    await Promise.all([clear(arena.target), clear(arena.reference)]);
    for (let number = 0; number < SCENARIOS_MAX; number++) {
      const { requestCount, only } = options;
      tally.add(
        number,
        await runScenario(arena, makeScenario({ seed: 3, number, requestCount, only })),
      );
      if (options.mutate === undefined ? number >= 3 : tally.count('difference') > 0) break;
    }
    return { tally, changed: mutant.changed() };
  } finally {
    await Promise.all([arena.target.close(), arena.reference.close()]);
    await mutant.close();
    await Promise.all(engines.map((engine) => engine.close()));
  }
}
