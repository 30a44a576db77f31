/**
 * Goal: failpoints act where, when and as often as was asked, and never outside tests.
 * Method: lists are parsed here; processes of their own are killed and stopped for real.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseFailpoints } from '../../../core/failpoint.ts';
import { buildRoot } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('core/failpoint');

/** Passes the failpoint three times, with a line before each; says how long that took. */
const PROGRAM = `
  const { armFailpoints, failpoint } = await import(${JSON.stringify(join(buildRoot, 'core/failpoint.js'))});
  armFailpoints(process.env);
  const startedAt = performance.now();
  for (const n of [1, 2, 3]) { console.log(n); failpoint('sidecar.before-report'); }
  console.log(performance.now() - startedAt >= 200 ? 'paused' : 'fast');
`;

function runWith(list: string, nodeEnv = 'test') {
  const args = ['--input-type=module', '-e', PROGRAM];
  const env = { ...process.env, MIROIR_FAILPOINTS: list, NODE_ENV: nodeEnv };
  const { signal, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  return { signal, lines: stdout.trim().split('\n') };
}

test('a list names places, actions and hits', () => {
  const list = parseFailpoints('sidecar.before-begin=exit, control.after-commit=pause:500@3');
  assert.equal(list.get('sidecar.before-begin'), { action: 'exit', pauseMs: 0, left: 1 });
  assert.equal(list.get('control.after-commit'), { action: 'pause', pauseMs: 500, left: 3 });
  assert.throws(() => parseFailpoints('sidecar.nowhere=exit'), /`sidecar.nowhere=exit` is no/);
  assert.throws(() => parseFailpoints('sidecar.before-begin=explode'), /is no failpoint/);
});

test('the process dies at the hit that was asked for', () => {
  assert.equal(runWith('sidecar.before-report=exit@2'), { signal: 'SIGKILL', lines: ['1', '2'] });
});

test('a pause happens once', () => {
  const { signal, lines } = runWith('sidecar.before-report=pause:200');
  assert.is(signal, null);
  assert.equal(lines, ['1', '2', '3', 'paused']);
});

test('nothing is armed outside tests', () => {
  const { lines } = runWith('sidecar.before-report=exit', 'production');
  assert.equal(lines, ['1', '2', '3', 'fast']);
});

test('a file arms one process and is empty for the next', () => {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-failpoint-'));
  try {
    const path = join(folder, 'list');
    writeFileSync(path, 'sidecar.before-report=exit\n');
    assert.equal(runWith(`@${path}`), { signal: 'SIGKILL', lines: ['1'] });
    assert.is(readFileSync(path, 'utf8'), '');
    assert.equal(runWith(`@${path}`).lines, ['1', '2', '3', 'fast']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

run();
