/**
 * What must be true when a client is told 202 (rule 9 of docs/protocol.md), by what the made-up nodes hold and
 * what sidecars really see, not by what control believes.
 */

import { copyKey } from '../../control/copies/index.ts';
import { shrunkAt } from '../../control/copies/shrunk.ts';
import type { Effect, Intent } from '../../control/state/index.ts';
import { shortOfCopies } from './rules.ts';
import type { SidecarHost } from './sidecar-host.ts';
import type { World } from './world.ts';

/** A 202. */
interface Accepted {
  readonly seq: number;
  /** It goes out before control answered the report. */
  readonly isFirst: boolean;
  readonly partsByNode: ReadonlyMap<string, number>;
}

/** The client of a write is told 202. */
export function checkAccepted(world: World, accepted: Accepted): void {
  const intent = world.history.bySeq.get(accepted.seq)?.intent;
  if (intent == null) return;
  checkQuorum(world, intent, accepted);
  if (!accepted.isFirst) return;
  checkFirst(world, intent, accepted);
  world.answeredFirst.add(accepted.seq);
}

/** Enough copies must have it. */
function checkQuorum(world: World, intent: Intent, accepted: Accepted): void {
  const { minCopies, quorum } = world.profile;
  if (minCopies === 1 && quorum === 'adaptive') return;
  const words = shortOfCopies(intent, world.profile, {
    groupOf: (nodeId) => world.node(nodeId).group,
    // Before its report control does not know it, and the node does.
    hasTaken: (nodeId) => accepted.isFirst && isThere(world, accepted, nodeId),
  });
  if (words !== undefined) world.fail('b: too few copies for a 202', `task ${intent.seq} ${words}`);
  world.coverage.hit('202 checked against its quorum');
}

/** Nobody missed it, and control has not given it up. */
function checkFirst(world: World, intent: Intent, accepted: Accepted): void {
  const { seq } = accepted;
  if (world.control.state.givenUp.has(seq)) {
    world.fail('4: a 202 for a write that was given up', `task ${seq}`);
  }
  if (intent.indexId === null) return;
  for (const { shard, nodeId, state } of world.copiesOf(intent.indexId)) {
    if (!intent.shards.includes(shard) || state === 'leaving') continue;
    if (isThere(world, accepted, nodeId) || world.unnoticedLosses.has(nodeId)) continue;
    const notes = world.control.state.notes.get(copyKey(intent.indexId, shard, nodeId));
    if ((notes?.since ?? -1) >= seq) continue;
    world.fail(
      '9: a 202 says nothing of a copy that missed the write',
      `task ${seq} shard ${shard} on ${nodeId} (${state})`,
    );
  }
}

function isThere(world: World, { seq, partsByNode }: Accepted, nodeId: string): boolean {
  const parts = new Set(
    world
      .node(nodeId)
      .tasks.filter((task) => task.seq === seq && task.work.kind === 'write')
      .map(({ tag }) => tag),
  );
  return parts.size > 0 && parts.size === partsByNode.get(nodeId);
}

/** A permission that lets a sidecar answer first: no sidecar may still read a copy that was taken away. */
export function checkPermissions(world: World, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.kind !== 'beginReply' || effect.reply.kind !== 'grant') continue;
    if (!effect.reply.standsWhenTaken) continue;
    const { seq, indexId } = effect.reply;
    const { state } = world.control;
    const index = state.indexes.get(indexId);
    const shards = state.open.get(seq)?.intent.shards ?? [];
    if (index === undefined || index.visibleUid === null) continue;
    const newest = Math.max(...shards.map((shard) => shrunkAt(state, index, shard)));
    // Taken away by this very event, after the permission: it was there then.
    if (newest === state.commitIndex) continue;
    // It may be shown since this very event: a view of before does not let anybody read it.
    const isShown = (sidecar: SidecarHost): boolean =>
      [...sidecar.view.values()].some(({ id, isVisible }) => id === indexId && isVisible);
    const late = world.sidecars.find(
      (sidecar) => sidecar.hasLease && sidecar.viewIndex < newest && isShown(sidecar),
    );
    if (late === undefined) continue;
    world.fail(
      '9: answered first though an older view may miss a copy',
      `task ${seq}: ${late.id} holds ${late.viewIndex} of ${newest}`,
    );
  }
}
