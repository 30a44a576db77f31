/**
 * Goal: whichever rule of the merge is broken, a test turns red.
 * Method: each mutant changes one piece of the compiled merge code while it is loaded, in a process of
 * its own, and runs the recorded cases or the property tests; they must fail, and not because the code
 * cannot be run any more.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { buildRoot, sharedFolder } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';
import { MUTANTS, type Mutant } from './mutants/list.ts';

const LIMIT_MS = 120_000;
const program = join(buildRoot, 'test', 'unit', 'merge', 'mutants', 'main.js');
const folder = join(sharedFolder ?? '', 'recordings', 'merge');
const missing =
  sharedFolder === undefined ? 'the recordings are not beside the project' : undefined;

const { test, testUnless, run } = suite('broken merges');

test('no two mutants have one name', () => {
  assert.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});

for (const mutant of MUTANTS) {
  const { name, by } = mutant;
  if (by === 'recorded') {
    testUnless(
      missing,
      `${name}: the recorded cases notice`,
      async () => {
        const { output } = await runMutant(mutant, ['recorded', folder]);
        assert.match(output, /^caught by /m, output);
        assert.not.match(output, /(Type|Reference|Syntax)Error/, output);
      },
      LIMIT_MS,
    );
  } else {
    test(
      `${name}: ${by} notices`,
      async () => {
        const { output, code } = await runMutant(mutant, ['test', join(buildRoot, 'test', by)]);
        assert.is(code, 1, output);
        assert.match(output, /FAIL/, output);
        assert.not.match(output, /(Type|Reference|Syntax)Error/, output);
      },
      LIMIT_MS,
    );
  }
}

run();

function runMutant(
  mutant: Mutant,
  what: readonly string[],
): Promise<{ output: string; code: number | null }> {
  const { file, find, replace } = mutant;
  const args = [program, JSON.stringify({ file, find, replace }), ...what];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ output, code }));
  });
}
