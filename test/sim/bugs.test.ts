/**
 * Goal: every planted bug is still planted somewhere: the source that it changes stands there once.
 * Method: the patches against the compiled files, without a run.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { apply } from '../kit/patch-hook.ts';
import { suite } from '../kit/suite.ts';
import { LANES, REPLICAS } from './worlds.ts';

const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { test, run } = suite('planted bugs');

for (const world of [LANES, REPLICAS]) {
  test(`${world.name}: each stands where it says`, () => {
    assert.ok(world.bugs.length > 0);
    for (const { name, patches } of world.bugs) {
      for (const patch of patches) {
        const source = readFileSync(join(DIST, patch.file), 'utf8');
        assert.not.throws(() => apply(source, patch), undefined, name);
      }
    }
  });
}

run();
