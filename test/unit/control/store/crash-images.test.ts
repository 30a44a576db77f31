/**
 * Goal: a loss of power at any moment loses nothing that was acknowledged; a file that a bad disk spoiled is
 * refused or right, and opening either never kills the process.
 * Method: the writes of a real store are recorded; files are made of them with random loss, order and tearing
 * of what was not synced, and files with pages that are zeroed, old or flipped; each is opened. More of them:
 * npm run crash-images.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type RecordedEvent, recordByStrace } from '../../../crash/recording.ts';
import { type CrashOptions, hasStrace, runCrashes } from '../../../crash/run.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, testUnless, run } = suite('crash images');
const noStrace = hasStrace() ? undefined : 'strace is not here, or may not look at processes';
const LIMIT_MS = 25_000;

async function check(recorder: NonNullable<CrashOptions['recorder']>): Promise<void> {
  const report = await runCrashes({
    seed,
    imageCount: 60,
    writeCount: 60,
    limitMs: LIMIT_MS,
    recorder,
  });
  assert.equal(report.violations, []);
  assert.is(report.versionCount, 61);
  assert.ok(report.lossCount > 0 && report.spoiledCount > 0);
  assert.equal(report.lossRefusals, [], 'a loss of power alone never costs the file');
}

test('recorded by copies of the file', () => check('copies'), LIMIT_MS * 4);

testUnless(noStrace, 'recorded by strace', () => check('strace'), LIMIT_MS * 4);

testUnless(
  noStrace,
  'data is synced before what makes it count, and that before it is acknowledged',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-crash-order-'));
    const events = await recordByStrace({ folder, seed, writeCount: 20 });
    rmSync(folder, { recursive: true });
    let unsynced = 0;
    const first = events.findIndex(({ kind }) => kind === 'version');
    for (const event of events.slice(first)) {
      if (event.kind === 'sync') unsynced = 0;
      else if (isData(event)) unsynced += 1;
      else assert.is(unsynced, 0, `${event.kind} before the data is on disk`);
    }
  },
  LIMIT_MS * 4,
);

function isData(event: RecordedEvent): boolean {
  return event.kind === 'write' && !event.isSynced;
}

run();
