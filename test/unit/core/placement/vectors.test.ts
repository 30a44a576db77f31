/**
 * Goal: the formulas of placement never change by accident.
 * Method: every row of the two tables in docs/reference/placement.md is computed again and compared.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type HashHalves,
  hashPrimaryKey,
  hashPrimaryKeyInto,
  rendezvousHash,
  shardOf,
  shardOfKey,
  weightedScore,
} from '../../../../core/placement/index.ts';
import type { IndexId, NodeId } from '../../../../core/types.ts';
import { projectRoot } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('placement vectors');
const page = readFileSync(join(projectRoot, 'docs/reference/placement.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );

test('ten primary keys', () => {
  const vectors = rows.filter((row) => row.length === 5);
  assert.is(vectors.length, 10);
  const halves: HashHalves = { low: 0, high: 0 };
  for (const [name, hashHex, of256, of64, bucket] of vectors) {
    const key = name === 'x × 200' ? 'x'.repeat(200) : (name as string);
    const hash = hashPrimaryKey(key);
    assert.is(hash.toString(16).padStart(16, '0'), hashHex);
    assert.is(hashPrimaryKey(new TextEncoder().encode(key)), hash);
    assert.is(shardOf(hash, 256), Number(of256));
    assert.is(shardOfKey(key, 64), Number(of64));
    assert.is(Number(hash >> 56n), Number(bucket));
    hashPrimaryKeyInto(key, halves);
    assert.is((BigInt(halves.high) << 32n) | BigInt(halves.low), hash);
  }
});

test('ten nodes', () => {
  const vectors = rows.filter((row) => row.length === 6);
  assert.is(vectors.length, 10);
  for (const [indexId, shard, node, weight, hashHex, score] of vectors) {
    const shardIndex = shard === 'none' ? undefined : Number(shard);
    const hash = rendezvousHash(indexId as IndexId, shardIndex, node as NodeId);
    assert.is(hash.toString(16).padStart(16, '0'), hashHex);
    assert.is(weightedScore(hash, Number(weight)), Number(score));
  }
});

test('the hash is the published xxh3-64', () => {
  // Values of the reference implementation (xxhsum -H3) for the empty text and for "a".
  assert.is(hashPrimaryKey(''), 0x2d06800538d394c2n);
  assert.is(hashPrimaryKey('a'), 0xe6c632b61e964e1fn);
});

test('a shard count that is no power of two is a bug of the caller', () => {
  assert.throws(() => shardOf(1n, 100));
  assert.throws(() => shardOf(1n, 8192));
});

run();
