/**
 * Reads as a sidecar makes them by the real rules: one in-sync copy per shard by its own view (a held one
 * only where all are held), nodes it may use, an answer without a label only while it holds its topology
 * lease, and a filter wherever a node may hold more than it is asked for.
 */
import { type Doc, shardOfText } from './documents.ts';
import type { ModelNode, NodeIndex } from './node.ts';
import type { SeenIndex, SidecarHost } from './sidecar-host.ts';
import type { World } from './world.ts';

/** Reads one whole index through one sidecar. */
export function readIndex(world: World, host: SidecarHost, uid: string): void {
  const { coverage } = world;
  if (host.isPaused || !host.hasLease) {
    coverage.hit('read without a lease: labelled');
    return;
  }
  const seen = host.view.get(uid);
  if (seen === undefined || !seen.isVisible) return;
  const plan = coveringSet(world, host, seen);
  for (const [nodeId, shards] of plan) {
    const node = world.node(nodeId);
    const { incarnation } = node;
    const asked = {
      seen,
      shards,
      isFiltered: isFilterNeeded(seen, nodeId, shards),
      finalCount: world.history.finalCount,
      viewIndex: host.viewIndex,
      sidecarId: host.id,
    };
    world.clock.in(1 + world.random.next() * 8, () => {
      if (!node.isUp || node.incarnation !== incarnation) {
        coverage.hit('read lost its connection');
        return;
      }
      takeAnswer(world, node, asked);
    });
  }
}

interface Asked {
  readonly seen: SeenIndex;
  readonly shards: readonly number[];
  readonly isFiltered: boolean;
  readonly finalCount: number;
  readonly viewIndex: number;
  readonly sidecarId: string;
}

function coveringSet(world: World, host: SidecarHost, seen: SeenIndex): Map<string, number[]> {
  const { random, coverage } = world;
  const byNode = new Map<string, number[]>();
  for (const [shard, copies] of seen.copies.entries()) {
    const usable = copies.filter((copy) => host.mayUse(world.node(copy.nodeId)));
    let readable = usable.filter((copy) => copy.state === 'in-sync');
    // Held copies are read only if no other in-sync copy exists at all, up or not.
    if (readable.length === 0 && !copies.some((copy) => copy.state === 'in-sync')) {
      readable = usable.filter((copy) => copy.state === 'held');
      if (readable.length > 0) coverage.hit('read of a held copy: all are held');
    }
    if (readable.length === 0) {
      coverage.hit('read without a readable copy: labelled');
      continue;
    }
    const { nodeId } = random.pick(readable);
    const shards = byNode.get(nodeId) ?? [];
    shards.push(shard);
    byNode.set(nodeId, shards);
  }
  return byNode;
}

function isFilterNeeded(seen: SeenIndex, nodeId: string, shards: readonly number[]): boolean {
  if (seen.foreignNodeIds.includes(nodeId)) return true;
  const held = seen.copies.filter((copies) => copies.some((copy) => copy.nodeId === nodeId));
  return held.length !== shards.length;
}

function takeAnswer(world: World, node: ModelNode, asked: Asked): void {
  const { seen, shards, isFiltered } = asked;
  const index = node.indexes.get(seen.uid);
  if (index === undefined || index.identity !== seen.id) {
    // Swaps and deletions reach nodes one after another: said in the guarantees.
    if (!world.isIndexChanging(seen.uid, asked.viewIndex)) {
      world.fail(
        'd: another index answered',
        `${seen.uid} on ${node.id} is ${index?.identity ?? 'absent'}, the view says ${seen.id}`,
      );
    }
    world.coverage.hit('limit: read while the index itself was changed');
    return;
  }
  const byShard = split(index, seen.shardCount);
  for (const [shard, docs] of byShard) {
    if (shards.includes(shard) || isFiltered || docs.size === 0) continue;
    if (world.hazards.isExcused(node.id, seen.id, shard, asked.viewIndex)) {
      world.coverage.hit('limit: foreign documents before the tail');
      continue;
    }
    world.fail(
      'd: foreign documents',
      `${node.id} answered shard ${shard} of ${seen.uid}, asked for ${shards.join()}`,
    );
  }
  for (const shard of shards) {
    world.history.reads.push({
      atMs: world.clock.nowMs,
      sidecarId: asked.sidecarId,
      indexId: seen.id,
      uid: seen.uid,
      shard,
      nodeId: node.id,
      finalCount: asked.finalCount,
      viewIndex: asked.viewIndex,
      docs: byShard.get(shard) ?? NONE,
      isExcused: world.hazards.isExcused(node.id, seen.id, shard, asked.viewIndex),
    });
  }
}

const NONE: ReadonlyMap<string, Doc> = new Map();

function split(index: NodeIndex, shardCount: number): Map<number, Map<string, Doc>> {
  const byShard = new Map<number, Map<string, Doc>>();
  for (const [key, doc] of index.docs) {
    const shard = shardOfText(key, shardCount);
    const docs = byShard.get(shard) ?? new Map<string, Doc>();
    byShard.set(shard, docs.set(key, doc));
  }
  return byShard;
}
