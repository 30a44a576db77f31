/**
 * Goal: pages, changes of views, access and the contract check hold for any input. Method: properties against
 * the plain meaning, and made-up callers.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { AdminAccess } from '../../../../control/api/admin/access.ts';
import { AdminError } from '../../../../control/api/admin/errors.ts';
import { cutPage } from '../../../../control/api/admin/pages.ts';
import { changeBetween } from '../../../../control/api/admin/topology-messages.ts';
import { NodeState } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import { Topology, type TopologyChange } from '../../../../proto/gen/miroir/admin/v1/topology.ts';
import { brokenContract, protoImage } from '../../../generators/proto-image.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('admin parts');

test('pages put together are the list, whatever their size', () => {
  const lists = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 7 }), fc.boolean(), (list, size, isSorted) => {
      const entries = isSorted ? [...list].sort() : list;
      const seen: string[] = [];
      let token = '';
      do {
        const cut = cutPage(entries, (entry) => entry, { size, token }, isSorted);
        assert.is(Number(cut.page.total), entries.length);
        assert.ok(cut.entries.length <= size);
        seen.push(...cut.entries);
        token = cut.page.nextToken;
      } while (token !== '');
      assert.equal(seen, entries);
    }),
    { seed, numRuns: 300 },
  );
});

test('a sorted list goes on at its place if the last entry is gone', () => {
  const first = cutPage(['a', 'b', 'c'], (entry) => entry, { size: 2, token: '' }, true);
  const then = { size: 2, token: first.page.nextToken };
  assert.equal(cutPage(['a', 'c'], (entry) => entry, then, true).entries, ['c']);
  assert.throws(() => cutPage(['a', 'c'], (entry) => entry, then), /place in the list is gone/);
});

/** What a receiver of changes does. */
function applyChange(before: Topology, change: TopologyChange): Topology {
  const merged = <Entry>(
    old: readonly Entry[],
    changed: readonly Entry[],
    gone: readonly string[],
    keyOf: (entry: Entry) => string,
  ): Entry[] => {
    const byKey = new Map(old.map((entry) => [keyOf(entry), entry]));
    for (const key of gone) byKey.delete(key);
    for (const entry of changed) byKey.set(keyOf(entry), entry);
    return [...byKey.values()].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  };
  return {
    ...before,
    verdict: change.verdict ?? before.verdict,
    nodes: merged(before.nodes, change.nodes, change.removedNodeIds, (of) => of.node?.id ?? ''),
    groups: change.groups.length > 0 ? change.groups : before.groups,
    indexes: merged(before.indexes, change.indexes, change.removedIndexUids, ({ uid }) => uid),
    copies: change.copies ?? before.copies,
    activeJobCount: change.activeJobCount ?? before.activeJobCount,
  };
}

const topologies = fc
  .record({
    nodes: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
    down: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')),
    indexes: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
    covered: fc.integer({ min: 0, max: 3 }),
    jobs: fc.integer({ min: 0, max: 2 }),
    light: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ nodes, down, indexes, covered, jobs, light }) =>
    Topology.fromPartial({
      verdict: { light: light as 1 | 2 | 3, reason: `light ${light}` },
      nodes: nodes.sort().map((id) => ({
        node: { id },
        state: down.includes(id) ? NodeState.DOWN : NodeState.UP,
      })),
      groups: [{ group: 0, nodeIds: nodes }],
      indexes: indexes.sort().map((uid) => ({ uid, coveredShardCount: covered })),
      activeJobCount: jobs,
    }),
  );

test('a view with its change put in is the next view; equal views have none', () => {
  fc.assert(
    fc.property(topologies, topologies, (before, now) => {
      assert.is(changeBetween(before, structuredClone(before)), undefined);
      const change = changeBetween(before, now);
      const after = change === undefined ? before : applyChange(before, change);
      const bytes = (of: Topology) => Buffer.from(Topology.encode(of).finish()).toString('hex');
      assert.is(bytes(after), bytes(now));
    }),
    { seed, numRuns: 500 },
  );
});

test('addresses that guess wait, others do not, and time forgives', () => {
  let nowMs = 0;
  const access = new AdminAccess({ adminToken: () => 'right', steadyMs: () => nowMs });
  const judge = (token: string, peer: string): string => {
    const metadata = new Metadata();
    if (token !== '') metadata.set('authorization', `Bearer ${token}`);
    try {
      return access.judge({ metadata, getPeer: () => peer, getAuthContext: () => ({}) }).name;
    } catch (error) {
      return error instanceof AdminError ? error.code : String(error);
    }
  };
  for (let tries = 0; tries < 10; tries += 1) {
    assert.is(judge(`guess ${tries}`, `10.0.0.1:${tries}`), 'miroir_admin_token_required');
  }
  assert.is(judge('right', '10.0.0.1:77'), 'miroir_too_many_attempts');
  assert.is(judge('right', '10.0.0.2:77'), 'admin-token');
  nowMs += 6_000;
  assert.is(judge('right', '10.0.0.1:78'), 'admin-token');
  for (let at = 0; at < 3_000; at += 1) judge('', `10.1.${at >> 8}.${at & 255}:1`);
  assert.is(judge('right', '10.0.0.1:79'), 'admin-token');
});

test('a changed or missing field breaks the committed contract; the protobuf files of today do not', () => {
  assert.equal(brokenContract(), []);
  const folder = mkdtempSync(join(tmpdir(), 'miroir-contract-'));
  const file = join(folder, 'contract.json');
  const committed = protoImage();
  const other = committed.replace(
    '"name":"replication_factor","number":11',
    '"name":"rf","number":91',
  );
  assert.is.not(other, committed);
  writeFileSync(file, other);
  const lines = brokenContract(file).join('\n');
  assert.match(lines, /field .*rf/i, lines);
});

run();
