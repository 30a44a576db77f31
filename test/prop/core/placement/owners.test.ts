/**
 * Goal: owners are balanced, whole, on distinct nodes; a joining node moves no more than its share;
 * a covering set covers what can be covered, with no node too many.
 * Method: random topologies checked against plain counting and, for covers, against trying all subsets.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  coveringSet,
  planJoin,
  planOwners,
  shardLimits,
} from '../../../../core/placement/index.ts';
import type { Copy, OwnerTable } from '../../../../core/topology.ts';
import type { IndexId, NodeId } from '../../../../core/types.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('owners');
const indexIds = fc
  .array(fc.nat(15), { minLength: 32, maxLength: 32 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join('') as IndexId);
const node = (at: number, group = 0, weight = 1) => ({ id: `n${at}` as NodeId, group, weight });

function loadsOf(owners: readonly (readonly NodeId[])[]): Map<NodeId, number> {
  const loads = new Map<NodeId, number>();
  for (const ids of owners) for (const id of ids) loads.set(id, (loads.get(id) ?? 0) + 1);
  return loads;
}

test('every shard has RF copies on distinct nodes of each group, within the limits', () => {
  fc.assert(
    fc.property(
      indexIds,
      fc.integer({ min: 0, max: 8 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 2 }),
      (indexId, log, weights, rf, groups) => {
        const shardCount = 2 ** log;
        const nodes = Array.from({ length: groups }, (_, group) =>
          weights.map((weight, at) => node(group * 100 + at, group, weight)),
        ).flat();
        const owners = planOwners({ indexId, shardCount, nodes, rf, spread: 'all' });
        const copies = Math.min(rf, weights.length);
        assert.is(owners.length, shardCount);
        const limits = shardLimits(nodes.slice(0, weights.length), shardCount, copies);
        for (const ids of owners) {
          assert.is(new Set(ids).size, ids.length);
          assert.is(ids.length, copies * groups);
        }
        for (const [id, load] of loadsOf(owners)) {
          const limit = limits.get(`n${Number(id.slice(1)) % 100}` as NodeId) as number;
          assert.ok(load <= limit + 1, `${id} holds ${load} of at most ${limit}`);
        }
      },
    ),
    { seed, numRuns: 150 },
  );
});

test('256 shards over 3 to 9 equal nodes: nobody above 1.05 x the fair share', () => {
  fc.assert(
    fc.property(indexIds, fc.integer({ min: 3, max: 9 }), (indexId, count) => {
      const nodes = Array.from({ length: count }, (_, at) => node(at));
      const owners = planOwners({ indexId, shardCount: 256, nodes, rf: 1, spread: 'all' });
      const fair = 256 / count;
      for (const load of loadsOf(owners).values()) {
        assert.ok(load <= Math.max(Math.ceil(fair), 1.05 * fair), `${load} of ${fair}`);
      }
    }),
    { seed, numRuns: 60 },
  );
});

test('a spread of 1 puts an index on RF nodes of each group', () => {
  const nodes = [0, 1, 2, 3, 4, 5].map((at) => node(at, at % 2));
  const indexId = 'ab'.repeat(16) as IndexId;
  for (const rf of [1, 2, 3]) {
    const owners = planOwners({ indexId, shardCount: 16, nodes, rf, spread: 1 });
    assert.is(loadsOf(owners).size, 2 * rf);
  }
});

test('growing from 3 to 9 nodes: at most 1/(N+1) moves each time, never between old nodes', () => {
  fc.assert(
    fc.property(indexIds, (indexId) => {
      const nodes = [node(0), node(1), node(2)];
      let owners = planOwners({ indexId, shardCount: 256, nodes, rf: 1, spread: 'all' });
      while (nodes.length < 9) {
        const newcomer = node(nodes.length);
        const moves = planJoin({ indexId, owners, nodes, newcomer });
        assert.is(moves.length, Math.floor(256 / (nodes.length + 1)));
        assert.is(new Set(moves.map((move) => move.shardIndex)).size, moves.length);
        for (const move of moves) {
          assert.is(move.to, newcomer.id);
          assert.ok(owners[move.shardIndex]?.includes(move.from));
        }
        owners = owners.map((ids, shardIndex) =>
          moves.some((move) => move.shardIndex === shardIndex) ? [newcomer.id] : ids,
        );
        nodes.push(newcomer);
        const fair = 256 / nodes.length;
        const most = Math.max(...loadsOf(owners).values());
        assert.ok(most <= Math.ceil(fair) + 1, `${most} shards where ${fair} are fair`);
      }
    }),
    { seed, numRuns: 40 },
  );
});

const states = fc.constantFrom<Copy['state']>('in-sync', 'in-sync', 'held', 'behind', 'filling');
const tables: fc.Arbitrary<OwnerTable> = fc.array(
  fc.uniqueArray(fc.record({ nodeId: fc.integer({ min: 0, max: 4 }), state: states }), {
    maxLength: 3,
    selector: (copy) => copy.nodeId,
  }),
  { minLength: 1, maxLength: 8 },
) as unknown as fc.Arbitrary<OwnerTable>;

const isInSync = ({ state }: Copy) => state === 'in-sync' || state === 'held';

test('a cover reads each readable shard once, from an in-sync copy', () => {
  fc.assert(
    fc.property(tables, fc.string(), (raw, stickyKey) => {
      const owners = raw.map((copies) =>
        copies.map((copy) => ({ ...copy, nodeId: `n${copy.nodeId}` as NodeId })),
      );
      const cover = coveringSet(owners, { stickyKey });
      const seen = cover.reads.flatMap((read) => read.shards);
      assert.is(new Set(seen).size, seen.length);
      const expected = owners.flatMap((copies, shard) => (copies.some(isInSync) ? [shard] : []));
      assert.equal([...seen].sort(), expected.sort());
      assert.is(cover.uncovered.length, owners.length - expected.length);
      for (const read of cover.reads) {
        const held = owners.flatMap((copies, shard) =>
          copies.some((copy) => copy.nodeId === read.nodeId) ? [shard] : [],
        );
        assert.is(read.isWhole, held.length === read.shards.length);
        for (const shard of read.shards) {
          const copy = owners[shard]?.find((one) => one.nodeId === read.nodeId);
          const inSync = owners[shard]?.filter(isInSync) ?? [];
          assert.ok(copy !== undefined && inSync.includes(copy));
          assert.ok(copy.state !== 'held' || inSync.every(({ state }) => state === 'held'));
        }
      }
      assert.ok(cover.reads.length <= smallestCover(owners, expected) + 1);
    }),
    { seed, numRuns: 500 },
  );
});

/** The dumb way: try all subsets of the five nodes. */
function smallestCover(owners: OwnerTable, shards: readonly number[]): number {
  let best = 5;
  for (let subset = 0; subset < 32; subset += 1) {
    const covers = shards.every((shard) => {
      const known = (owners[shard] ?? []).filter(isInSync);
      const free = known.some(({ state }) => state === 'in-sync');
      return known.some(
        ({ nodeId, state }) =>
          !(free && state === 'held') && (subset & (1 << Number(nodeId.slice(1)))) !== 0,
      );
    });
    if (covers) best = Math.min(best, subset.toString(2).replaceAll('0', '').length);
  }
  return best;
}

test('keys spread over groups, one key stays on its copies, an avoided node is the last choice', () => {
  const nodes = [0, 1, 2, 3].map((at) => node(at, at % 2));
  const indexId = 'cd'.repeat(16) as IndexId;
  const owners = planOwners({ indexId, shardCount: 64, nodes, rf: 1, spread: 'all' }).map((ids) =>
    ids.map((nodeId) => ({ nodeId, state: 'in-sync' as const })),
  );
  const used = new Map<NodeId, number>();
  for (let at = 0; at < 200; at += 1) {
    const cover = coveringSet(owners, { stickyKey: `query ${at}` });
    assert.is(cover.reads.length, 2);
    assert.is(coveringSet(owners, { stickyKey: `query ${at}` }), cover);
    for (const read of cover.reads) used.set(read.nodeId, (used.get(read.nodeId) ?? 0) + 1);
  }
  assert.is(used.size, 4);
  for (const count of used.values()) assert.ok(count > 40, `${count} of 200`);
  const avoided = new Set(['n0' as NodeId]);
  assert.not.ok(coveringSet(owners, { avoided }).reads.some((read) => read.nodeId === 'n0'));
  const excluded = new Set(['n1' as NodeId, 'n3' as NodeId]);
  const left = coveringSet(owners, { excluded, avoided });
  assert.is(left.uncovered.length, 0);
  assert.ok(left.reads.some((read) => read.nodeId === 'n0'));
});

const inSync = (ids: readonly number[]): readonly Copy[] =>
  ids.map((at) => ({ nodeId: `n${at}` as NodeId, state: 'in-sync' }));
const names = (...ids: number[]) => new Set(ids.map((at) => `n${at}` as NodeId));

test('a doubted node answers only what neither another nor an avoided one holds', () => {
  const owners = [[0, 1], [0, 1], [0, 2], [0]].map(inSync);
  const read = (options: object) =>
    coveringSet(owners, options).reads.map(({ nodeId, shards }) => [nodeId, shards.join()]);
  assert.equal(read({}), [['n0', '0,1,2,3']]);
  assert.equal(read({ avoided: names(0) }), [
    ['n1', '0,1'],
    ['n2', '2'],
    ['n0', '3'],
  ]);
  const doubts = read({ avoided: names(2), doubted: names(0) });
  assert.equal(doubts, [
    ['n1', '0,1'],
    ['n2', '2'],
    ['n0', '3'],
  ]);
  assert.equal(read({ doubted: names(0, 2), avoided: names(1) }), [
    ['n1', '0,1'],
    ['n0', '2,3'],
  ]);
});

test('a node that may hold other documents is never asked without a filter', () => {
  const owners = [[0], [1]].map(inSync);
  const { reads } = coveringSet(owners, { foreign: names(1) });
  assert.equal(reads.map(({ nodeId, isWhole }) => `${nodeId} ${isWhole}`).sort(), [
    'n0 true',
    'n1 false',
  ]);
});

test('among covers of as many nodes, one that stays inside a group is chosen', () => {
  // Two nodes of each group halve the shards alike, so that any pair of halves would do.
  const owners = Array.from({ length: 64 }, (_, shard) => inSync(shard < 32 ? [0, 2] : [1, 3]));
  const groupOf = (nodeId: NodeId) => (Number(nodeId.slice(1)) < 2 ? 0 : 1);
  const groups = new Set<number>();
  for (let at = 0; at < 100; at += 1) {
    const { reads } = coveringSet(owners, { stickyKey: `query ${at}`, groupOf });
    const used = new Set(reads.map(({ nodeId }) => groupOf(nodeId)));
    assert.is(used.size, 1);
    for (const group of used) groups.add(group);
    assert.ok(reads.every(({ isWhole }) => isWhole));
  }
  assert.is(groups.size, 2);
});

run();
