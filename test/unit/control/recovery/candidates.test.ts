/**
 * Goal: a recovery looks at every document that may differ (write-protocol rule 17), and says why it chose
 * its way. Method: two lists, tombstones and keys, each way of finding candidates, each hole of the rule.
 */
import * as assert from 'uvu/assert';
import { candidates, methodFor } from '../../../../control/recovery/candidates.ts';
import { firstVersionOf } from '../../../../core/documents/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('recovery candidates');

/** Document number -> place in the lane of its version. */
function list(versions: Readonly<Record<number, number>>): Map<bigint, bigint> {
  return new Map(
    Object.entries(versions).map(([hash, seq]) => [BigInt(hash), firstVersionOf(seq)]),
  );
}

interface Known {
  readonly reread?: readonly number[];
  readonly deleted?: readonly number[];
}

function found(
  how: { readonly from: number; readonly isKeyless: boolean },
  lists: readonly [Readonly<Record<number, number>>, Readonly<Record<number, number>>],
  known: Known = {},
): number[] {
  const { method } = methodFor(how.from, how.isKeyless);
  const hashes = candidates(
    { method, from: how.from },
    { source: list(lists[0]), target: list(lists[1]) },
    {
      reread: (known.reread ?? []).map(BigInt),
      deleted: (known.deleted ?? []).map(BigInt),
    },
  );
  return [...hashes].map(Number).sort((a, b) => a - b);
}

test('the way follows from what was noted', () => {
  assert.is(methodFor(0, false).method, 'full');
  assert.is(methodFor(0, true).method, 'full');
  assert.is(methodFor(5, true).method, 'ids');
  assert.is(methodFor(5, false).method, 'delta');
  assert.match(methodFor(5, true).words, /names no documents/);
});

test('a delta looks at what either side wrote since, and at nothing older', () => {
  const delta = { from: 5, isKeyless: false };
  assert.equal(
    found(delta, [
      { 1: 4, 2: 5 },
      { 1: 4, 2: 3 },
    ]),
    [2],
  );
  // A write that counted nowhere may be on the copy alone.
  assert.equal(found(delta, [{ 1: 4 }, { 1: 4, 3: 6 }]), [3]);
});

test('a delta names what was deleted by id and what is to be written anyhow', () => {
  const delta = { from: 5, isKeyless: false };
  const lists = [{ 1: 1 }, { 1: 1, 2: 2 }] as const;
  assert.equal(found(delta, lists), []);
  assert.equal(found(delta, lists, { deleted: [2] }), [2]);
  assert.equal(found(delta, lists, { reread: [1] }), [1]);
});

test('ids are compared on both sides; equal versions since do not count as equal', () => {
  const ids = { from: 5, isKeyless: true };
  assert.equal(
    found(ids, [
      { 1: 4, 2: 2, 3: 6 },
      { 1: 3, 3: 6, 4: 1 },
    ]),
    [1, 2, 3, 4],
  );
  assert.equal(found(ids, [{ 1: 4 }, { 1: 4 }]), []);
  assert.equal(found(ids, [{ 1: 4 }, { 1: 4 }], { deleted: [9] }), [9]);
});

test('after a loss every document of both sides is looked at', () => {
  assert.equal(found({ from: 0, isKeyless: true }, [{ 1: 1, 2: 2 }, { 3: 3 }]), [1, 2, 3]);
});

run();
