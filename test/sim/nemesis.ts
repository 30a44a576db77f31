/** What goes wrong from outside: processes that die, stall or come back as they were, as a seed's rates say. */
import type { OpenIntent } from '../../control/state/index.ts';
import type { ModelNode } from './node.ts';
import { readIndex } from './reader.ts';
import type { World } from './world.ts';

const STRANGERS_MAX = 20;

/** Lets faults happen; called once a turn. */
export function disturb(world: World): void {
  const { random, rates, control, coverage } = world;
  for (const sidecar of world.sidecars) {
    if (random.chance(rates.sidecarCrash * 0.012)) sidecar.crash();
    if (!sidecar.isPaused && random.chance(rates.sidecarPause * 0.012)) {
      coverage.hit('sidecar paused');
      sidecar.pausedUntilMs = world.clock.nowMs + random.between(100, 9_000);
    }
    if (random.chance(rates.watchBreak * 0.03)) {
      coverage.hit('watch broken');
      sidecar.breakWatch();
    }
    if (random.chance(rates.watchBreak * 0.03)) {
      coverage.hit('connections to a node broken');
      sidecar.loseConnections(random.pick(world.nodes).id);
    }
  }
  if (random.chance(rates.controlCrash * 0.01)) control.crash('between commits');
  if (random.chance(rates.controlPause * 0.01)) {
    coverage.hit('control paused');
    control.pause(random.between(50, 3_000));
  }
  for (const node of world.nodes) {
    // One fault at a time: what a node lost is noticed before another is gone.
    if ([...world.unnoticedLosses].every((id) => id === node.id)) disturbNode(world, node);
  }
}

function disturbNode(world: World, node: ModelNode): void {
  const { random, rates, clock, coverage } = world;
  if (node.isUp && random.chance(rates.nodeDown * 0.012)) {
    coverage.hit('node died');
    world.trace(() => `${node.id} dies`);
    node.isUp = false;
    clock.in(random.chance(0.6) ? random.between(50, 2_000) : random.between(2_000, 12_000), () =>
      world.bringUp(node),
    );
  }
  if (node.isUp && random.chance(rates.nodeStall * 0.01)) {
    coverage.hit('node stalled');
    node.stalledUntilMs = clock.nowMs + random.between(100, 6_000);
    clock.in(node.stalledUntilMs - clock.nowMs + 1, () => world.wake(node));
  }
  if (random.chance(0.02)) node.keepSnapshot();
  if (random.chance(rates.wipe * 0.01)) loseData(world, node, 'wiped');
  else if (random.chance(rates.rollback * 0.01)) loseData(world, node, 'rolled back');
}

/** A node was just read, and what it said is not yet known to control. */
export function loseDataUnseen(world: World, node: ModelNode): void {
  const { random, rates, clock } = world;
  const how = rates.wipe > rates.rollback ? 'wiped' : 'rolled back';
  if (!random.chance(Math.max(rates.wipe, rates.rollback) * 0.3)) return;
  clock.in(0.1, () => loseData(world, node, how));
}

/**
 * A node was just read. What is still on its way to it may come before control knows what was read, and takes
 * it as told by that that it never will.
 */
export function hurryUnseen(world: World, node: ModelNode, startedAtMs: number): void {
  const { random, clock, network, control } = world;
  if (!network.hasStrays(node)) return;
  const isDecided = [...control.state.unknownSends].some((seq) => {
    const open = control.state.open.get(seq);
    const isUnknown = open?.intent.targets[node.id]?.state === 'unknown';
    return isUnknown && startedAtMs >= (open.closedAtMs ?? Number.POSITIVE_INFINITY);
  });
  if (isDecided && random.chance(0.7)) clock.in(0.1, () => network.hurryStrays(node));
}

/** A call of control comes to a node: it may come back as it was before, once nobody waits for it. */
export function rollBackSoon(world: World, node: ModelNode): void {
  const { random, rates, clock } = world;
  if (!random.chance(rates.rollback * 0.2)) return;
  node.keepSnapshot();
  let isDone = false;
  for (const waitMs of [40, 120, 400, 1_000]) {
    clock.in(waitMs + random.below(40), () => {
      if (!isDone) isDone = loseData(world, node, 'rolled back');
    });
  }
}

/** A node loses what it has, or what it took since its last snapshot, if that is one fault and not two; whether it did. */
export function loseData(world: World, node: ModelNode, how: 'wiped' | 'rolled back'): boolean {
  if (how === 'rolled back' && !node.isBehindSnapshot) return false;
  if (world.isHealed || !node.isUp || !mayLoseData(world, node)) return false;
  world.coverage.hit(`node ${how}`);
  world.trace(() => `${node.id} is ${how.toUpperCase()}`);
  const taskCount = node.tasks.length;
  if (how === 'wiped') node.wipe();
  else node.rollBack();
  noteLoss(world, node);
  if (world.random.chance(0.3)) takeStrangers(world, node, taskCount - node.tasks.length);
  readSoon(world);
  world.workLater(node);
  return true;
}

/** Whoever restored the node has tasks of his own for it: as many as it lost, or a few more or less. */
function takeStrangers(world: World, node: ModelNode, lostCount: number): void {
  const { random, coverage } = world;
  coverage.hit('node that lost data took tasks of others');
  const type = 'snapshotCreation';
  const work = { kind: 'step', type, body: null, identity: '', label: '' } as const;
  const count = Math.max(1, Math.min(lostCount + random.between(-1, 2), STRANGERS_MAX));
  for (let at = 0; at < count; at += 1) {
    world.enqueue(node, {
      type,
      indexUid: '',
      tag: null,
      seq: Number.NaN,
      work,
      isLate: false,
    });
  }
}

/** Readers come just when nobody knows of the loss yet. */
function readSoon(world: World): void {
  const { random, clock, sidecars, profile } = world;
  for (let times = 0; times < 6; times += 1) {
    clock.in(random.between(1, 200), () =>
      readIndex(world, random.pick(sidecars), random.pick(profile.indexUids)),
    );
  }
}

function noteLoss(world: World, node: ModelNode): void {
  world.unnoticedLosses.add(node.id);
  const isBetween = [...world.control.state.open.values()].some(
    ({ intent }) => intent.targets[node.id]?.state === 'pending',
  );
  if (isBetween) world.coverage.hit('node lost data between a 202 and its report');
}

/**
 * One fault at a time: a node may lose its data while every shard it has a copy of has another copy that
 * is in-sync, there, and has or will have everything that was taken.
 */
function mayLoseData(world: World, node: ModelNode): boolean {
  const { control, nodes, network, clock } = world;
  if ([...world.unnoticedLosses].some((id) => id !== node.id)) return false;
  if (!control.isSettled || network.strays > 0) return false;
  if (control.state.downNodes.size > 0) return false;
  // A late request that no reading has shown yet may have spoilt the copy that is to be the other one.
  if (world.hazards.isAnyOpen) return false;
  if (nodes.some((other) => !other.isUp || other.stalledUntilMs > clock.nowMs)) return false;
  // What a node fails alone is known later: until then nobody can say which copy is whole.
  if (world.rates.taskFailure > 0 && control.state.open.size > 0) return false;
  // So it is with what it cancels alone, and what nobody has asked to cancel yet may be asked soon.
  const isLive = ({ intent }: OpenIntent): boolean => intent.internal === null && !intent.isFinal;
  if (world.profile.cancels > 0 && [...control.state.open.values()].some(isLive)) return false;
  for (const open of control.state.open.values()) {
    // Its client was answered, every node has it, and the report is on its way: that is the time to lose it.
    if (world.answeredFirst.has(open.intent.seq) && open.intent.phase === 'granted') continue;
    if (open.intent.phase !== 'running') return false;
    const targets = Object.values(open.intent.targets);
    if (targets.some((target) => target.state !== 'enqueued')) return false;
  }
  for (const index of control.state.indexes.values()) {
    const copies = world.copiesOf(index.id);
    for (const own of copies.filter((copy) => copy.nodeId === node.id)) {
      const isElsewhere = copies.some(
        (copy) => copy.shard === own.shard && copy !== own && copy.state === 'in-sync',
      );
      if (!isElsewhere) return false;
    }
  }
  return true;
}
