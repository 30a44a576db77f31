/**
 * Tasks on model nodes that are in no order with the rest: that come late, or are cancelled where others have
 * done them. Readers may see what they do until control has read of them and views say so (hazards.ts).
 */
import type { NodeReading } from '../../control/state/index.ts';
import type { ModelNode, ModelTask } from './node.ts';
import { touchedBy } from './touched.ts';
import type { World } from './world.ts';

/** Whether control counts this send as surely not arrived, or knows nothing of it. */
export function isAccountedFor(world: World, seq: number, nodeId: string): boolean {
  const open = world.control.state.open.get(seq);
  if (open === undefined) return true;
  const target = open.intent.targets[nodeId];
  return target === undefined || ['none', 'refused', 'partial'].includes(target.state);
}

/** Whether control knows the task as one of a write that is not over. */
function isPart(world: World, nodeId: string, { uid, seq }: ModelTask): boolean {
  const target = world.control.state.open.get(seq)?.intent.targets[nodeId];
  return Object.values(target?.parts ?? {}).some((part) => part.uid === uid);
}

/** What came between a reading and what control makes of it, by which its send never arrived, is late. */
export function noteLate(world: World, { nodeId, highestUid }: NodeReading): void {
  for (const task of world.node(nodeId).tasks.slice(highestUid + 1)) {
    const { work, seq } = task;
    if (task.isLate || (work.kind !== 'write' && work.kind !== 'fix')) continue;
    if (isPart(world, nodeId, task) || !isAccountedFor(world, seq, nodeId)) continue;
    world.coverage.hit('request came between a reading and what it led to');
    world.trace(() => `task ${task.uid} of ${seq} on ${nodeId} is LATE: the reading was before`);
    task.isLate = true;
    if (task.status !== 'succeeded') continue;
    for (const { indexId, shard } of task.touched) world.hazards.add(nodeId, indexId, shard, task);
  }
}

/** What a committed reading is the first to show. */
export function noteTail(world: World, reading: NodeReading, index: number): void {
  const shown = world.hazards.seen(reading.nodeId, world.readAt.get(reading) ?? 0, index);
  for (const task of shown) {
    if (!task.isLate || task.status !== 'succeeded') continue;
    // It came when its send was to be accounted for, and was in time all the same.
    if (isPart(world, reading.nodeId, task)) continue;
    world.coverage.hit('late request seen by the tail');
    for (const place of task.touched) {
      const copies = world.copiesOf(place.indexId).filter((copy) => copy.shard === place.shard);
      const own = copies.find((copy) => copy.nodeId === reading.nodeId);
      const isRead = own?.state === 'in-sync' || own?.state === 'held';
      const others = copies.filter((copy) => copy !== own && copy.state === 'in-sync');
      if (!isRead || others.length > 0) continue;
      world.coverage.hit('limit: late request on the last in-sync copy');
      for (const key of place.keys) world.hazards.taint(place.indexId, key);
    }
  }
}

/** A node cancels what others may have done already: as if it failed it. */
export function noteCanceled(world: World, node: ModelNode, task: ModelTask): void {
  if (task.work.kind !== 'write') return;
  world.trace(() => `${node.id} cancels ${task.uid} of ${task.seq}`);
  task.touched = touchedBy(node, task, world.profile.shardCount);
  for (const { indexId, shard } of task.touched) world.hazards.add(node.id, indexId, shard, task);
}
