/**
 * Goal: the merge turns the recorded answers of three nodes into the answer of one, and a broken merge
 * would be noticed.
 * Method: every recorded case is run and judged; then answers are spoiled on purpose and must be caught.
 */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { sharedFolder } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';
import { checkCase, checkFolder } from '../../merge/check.ts';
import { judge } from '../../merge/compare.ts';
import { readFixtures } from '../../merge/fixture.ts';
import { runCase } from '../../merge/run-case.ts';

const { testUnless, run } = suite('recorded merges');
const missing =
  sharedFolder === undefined ? 'the recordings are not beside the project' : undefined;
const folder = join(sharedFolder ?? '', 'recordings', 'merge');

testUnless(
  missing,
  'every recorded case is merged as its class demands',
  () => {
    const result = checkFolder(folder);
    assert.equal(result.failures, []);
    assert.ok(result.passed >= 563, `${result.passed} cases passed`);
    assert.ok((result.classes.get('exact')?.passed ?? 0) >= 537);
  },
  60_000,
);

testUnless(missing, 'a spoiled answer fails', () => {
  const fixture = readFixtures(folder).find((one) => one.name === 'packages-2k');
  assert.ok(fixture);
  const one = fixture.cases.find((candidate) => candidate.body['q'] === 'python library');
  assert.ok(one);
  const merged = runCase(fixture, one).body.toString();
  const spoil = (text: string) => judge(fixture, one, { status: 200, body: Buffer.from(text) });
  assert.is(spoil(merged), undefined);
  const hits = JSON.parse(merged) as { hits: unknown[]; estimatedTotalHits: number };
  assert.is(spoil(JSON.stringify({ ...hits, hits: [...hits.hits].reverse() })), 'order');
  assert.is(spoil(JSON.stringify({ ...hits, hits: hits.hits.slice(1) })), 'hit set');
  assert.ok(spoil(merged.replace('"estimatedTotalHits":', '"estimatedTotalHits":1')));
  assert.ok(spoil(merged.replace('"id":', '"_miroir_shard":"x","id":')));
  assert.ok(spoil(merged.replace('"name":"', '"name":"x')));
});

testUnless(missing, 'a case that cannot be run is a failure', () => {
  const fixture = readFixtures(folder)[0];
  const one = fixture?.cases[0];
  assert.ok(fixture !== undefined && one !== undefined);
  assert.ok(checkCase(fixture, { ...one, kind: 'unheard-of' }));
});

run();
