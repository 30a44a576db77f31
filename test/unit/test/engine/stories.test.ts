/**
 * Goal: the stand-in answers at least 90 % of the recorded steps about documents, tasks, settings and
 * errors as a real node did. Stories that need scripts or embedders are left out: it has neither.
 * Method: replay every such story against a fresh stand-in in this process.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { sharedFolder } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';
import { replayStory } from '../../../stories/replay.ts';
import { findStories, readStory } from '../../../stories/story.ts';
import { engineTarget } from '../../../stories/targets.ts';

const { testUnless, run } = suite('engine: recorded stories');

const FAMILIES = new Set(['documents', 'tasks', 'settings', 'errors']);
/** Scripts (17, 51, 52) and embedders (40). */
const LEFT_OUT = ['17-', '40-', '51-', '52-'];
const LEAST_PERCENT = 90;

const folder = sharedFolder === undefined ? '' : join(sharedFolder, 'recordings', 'stories');
const reason = existsSync(folder) ? undefined : 'no recorded stories beside the project';

testUnless(
  reason,
  `at least ${LEAST_PERCENT} % of the steps, in each family and in all`,
  async () => {
    const sums = new Map<string, { passed: number; total: number }>();
    for (const file of findStories([folder], [])) {
      const story = readStory(file);
      if (!FAMILIES.has(story.family)) continue;
      if (LEFT_OUT.some((number) => story.name.startsWith(number))) continue;
      const target = await engineTarget(story);
      const results = await replayStory(story, { url: target.url, taskLimitMs: 20_000 });
      await target.stop();
      for (const result of results.filter((step) => step.differences.length > 0)) {
        console.log(`${story.name} step ${result.step} ${result.request}`);
      }
      const sum = sums.get(story.family) ?? { passed: 0, total: 0 };
      sum.passed += results.filter((result) => result.differences.length === 0).length;
      sum.total += results.length;
      sums.set(story.family, sum);
    }
    assert.equal([...sums.keys()].sort(), [...FAMILIES].sort());
    for (const [family, { passed, total }] of sums) {
      console.log(`${family}: ${passed}/${total}`);
      assert.ok((100 * passed) / total >= LEAST_PERCENT, `${family}: ${passed} of ${total}`);
    }
  },
  300_000,
);

run();
