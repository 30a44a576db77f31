/**
 * Goal: a failing case is cut down to little and told as a story that stands by itself. Method: a proxy
 * raises a total whenever a search sorts; the case must shrink to a handful of documents, and its story
 * must replay without a difference on a fresh server, and with one on the broken one. The same seed
 * must make the same scenario.
 */
import * as assert from 'uvu/assert';
import { startEngine } from '../../engine/index.ts';
import type { Kind } from '../../fuzz/kinds.ts';
import { MUTATIONS, startMutant } from '../../fuzz/mutant.ts';
import { signature } from '../../fuzz/report.ts';
import { type Arena, runScenario } from '../../fuzz/run.ts';
import { makeScenario } from '../../fuzz/scenario.ts';
import { Server } from '../../fuzz/server.ts';
import { shrink } from '../../fuzz/shrink.ts';
import { storyText } from '../../fuzz/story-file.ts';
import { suite } from '../../kit/suite.ts';
import { replayStory } from '../../stories/replay.ts';
import { storyFromText } from '../../stories/story.ts';

const KEY = 'masterKey-masterKey';
const DOCUMENTS_MAX = 3;
const shrinking = suite('fuzz shrinking');

shrinking.test('the same seed makes the same scenario, another seed another', () => {
  const make = (seed: number) =>
    JSON.stringify(makeScenario({ seed, number: 5, requestCount: 50 }));
  assert.is(make(9), make(9));
  assert.is.not(make(9), make(10));
});

shrinking.test(
  'a failing case becomes small and its story stands by itself',
  async () => {
    const mutation = MUTATIONS.find(({ name }) => name === 'a total one too high');
    if (mutation === undefined) throw new Error('no such mutation');
    const engines = await Promise.all([0, 1].map(() => startEngine({ masterKey: KEY })));
    const [first, second] = engines;
    if (first === undefined || second === undefined) throw new Error('two engines');
    const mutant = await startMutant(first.url, mutation.mutate);
    const arena: Arena = {
      target: new Server('target', mutant.url, KEY),
      reference: new Server('reference', second.url, KEY),
      freedom: { hasSpread: false, hasSeveralOwners: false },
      isGateway: false,
    };
    const fresh = await startEngine({ masterKey: KEY });
    try {
      const only = new Set(['search-sort'] as const);
      // In some scenarios no request sorts by what may be sorted by.
      const found = await firstFailing(arena, only);
      if (found === undefined) throw new Error('nothing failed');
      const { scenario, failing } = found;
      const small = await shrink(
        arena,
        { ...scenario, requests: [failing.request] },
        { limitMs: 20_000, signature: signature(failing) },
      );
      if (small === undefined) throw new Error('not seen again');
      assert.ok(small.documentCount <= DOCUMENTS_MAX, `${small.documentCount} documents`);
      assert.is(small.scenario.indexes.length, 1);
      const text = await storyText(arena.reference, 'small', small.scenario);
      const story = storyFromText('small', text);
      const replay = async (url: string) => {
        const results = await replayStory(story, { url, taskLimitMs: 10_000 });
        return results.filter((result) => result.differences.length > 0);
      };
      assert.equal(await replay(fresh.url), []);
    } finally {
      await Promise.all([arena.target.close(), arena.reference.close()]);
      await mutant.close();
      await Promise.all([...engines, fresh].map((engine) => engine.close()));
    }
  },
  60_000,
);

const SCENARIOS_MAX = 10;

async function firstFailing(arena: Arena, only: ReadonlySet<Kind>) {
  for (let number = 1; number <= SCENARIOS_MAX; number += 1) {
    const scenario = makeScenario({ seed: 2, number, requestCount: 20, only });
    const outcomes = await runScenario(arena, scenario);
    const failing = outcomes.find(({ verdict }) => verdict.class === 'difference');
    if (failing !== undefined) return { scenario, failing };
  }
  return undefined;
}

shrinking.run();
