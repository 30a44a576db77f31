/** What goes wrong from outside, as a seed's rates say. */
import type { EngineMember } from '../../../control/replication/engine.ts';
import type { Replica } from './replica.ts';
import type { ReplicaWorld } from './world.ts';

/** Lets faults happen; called once a turn. */
export function disturbReplicas(world: ReplicaWorld): void {
  const { random, rates, clock, coverage, engine } = world;
  for (const replica of world.replicas) disturbReplica(world, replica);
  if (random.chance(rates.cut * 0.05)) cutSome(world);
  if (random.chance(rates.isolate * 0.03)) isolate(world);
  if (engine.isUp && random.chance(rates.engineDown * 0.04)) {
    coverage.hit('engine down');
    engine.isUp = false;
    clock.in(random.between(500, 12_000), () => {
      engine.isUp = true;
    });
  }
  if (random.chance(0.02)) engine.keep();
  if (random.chance(rates.engineBack * 0.02)) turnBack(world);
  if (random.chance(rates.handover * 0.03)) {
    coverage.hit('handover asked');
    const isNamed = random.chance(0.5);
    if (isNamed) coverage.hit('successor named');
    const successor = isNamed ? random.pick(world.replicas).id : undefined;
    world.leader()?.take({ kind: 'resign', ...(successor === undefined ? {} : { successor }) });
  }
  if (random.chance(rates.members * 0.04)) changeMembers(world);
}

/** The engine is restored from a backup, or somebody deletes the record. */
function turnBack(world: ReplicaWorld): void {
  const { engine, coverage, random, checker } = world;
  if (random.chance(0.3)) {
    coverage.hit('record deleted');
    engine.lose();
  } else if (engine.restore()) coverage.hit('engine went back');
  else return;
  world.trace(() => `the engine GOES BACK to ${engine.current?.version}`);
  checker.isTainted = true;
  checker.isEngineBack = true;
}

/** Everything works from here on. */
export function healReplicas(world: ReplicaWorld): void {
  for (const fault of Object.keys(world.rates) as (keyof typeof world.rates)[]) {
    world.rates[fault] = 0;
  }
  world.network.cut.clear();
  world.engine.cut.clear();
  world.engine.isUp = true;
  for (const replica of world.replicas) {
    replica.pausedUntilMs = Math.min(replica.pausedUntilMs, world.clock.nowMs + 1);
    if (!replica.isUp) replica.start();
  }
}

function disturbReplica(world: ReplicaWorld, replica: Replica): void {
  const { random, rates, clock, coverage, engine } = world;
  const isLeader = replica.isLeading;
  if (replica.isUp && random.chance(rates.crash * 0.05)) stop(world, replica);
  if (replica.isUp && random.chance(rates.pause * 0.04)) {
    coverage.hit(isLeader ? 'leader paused' : 'follower paused');
    const untilMs = clock.nowMs + random.pick([50, 500, 3_000, 9_000]);
    replica.pausedUntilMs = Math.max(replica.pausedUntilMs, untilMs);
    world.trace(() => `${replica.id} pauses until ${replica.pausedUntilMs.toFixed(0)}`);
  }
  if (random.chance(rates.engineCut * 0.04) && !engine.cut.has(replica.id)) {
    coverage.hit(isLeader ? 'leader cut from the engine' : 'follower cut from the engine');
    world.trace(() => `${replica.id} is cut from the engine`);
    engine.cut.add(replica.id);
    clock.in(random.between(300, 15_000), () => engine.cut.delete(replica.id));
  }
  if (random.chance(rates.madeUp * 0.02)) claim(world, replica);
  if (random.chance(0.03)) replica.disk.keep();
  if (random.chance(rates.wipe * 0.03) && mayWipe(world, replica)) {
    stop(world, replica);
    coverage.hit('disk wiped');
    world.trace(() => `${replica.id} is WIPED`);
    replica.disk.wipe(world.freshId('s'));
  } else if (random.chance(rates.rollback * 0.03)) {
    stop(world, replica);
    if (replica.disk.rollBack()) {
      coverage.hit('disk rolled back');
      world.trace(() => `${replica.id} is ROLLED BACK to ${replica.disk.last.index}`);
      world.checker.isTainted = true;
    }
  }
}

/** A caller says that it has seen what nobody committed. */
function claim(world: ReplicaWorld, replica: Replica): void {
  const { random, coverage, checker } = world;
  const { clusterId, log } = replica.coreState;
  const epoch = log.last.epoch + random.pick([0, 0, 1, 1e9]);
  const index = log.last.index + random.pick([1_000, 1e9, 1e14]);
  coverage.hit(replica.isLeading ? 'made-up claim to a leader' : 'made-up claim to a follower');
  if (epoch === replica.coreState.wholeEpoch) coverage.hit('made-up claim of a known epoch');
  world.trace(() => `${replica.id} is told of ${epoch}/${index}`);
  checker.isClaimMadeUp = true;
  replica.take({ kind: 'witnessed', position: { clusterId, epoch, index } });
}

/** The process ends, and starts again later. */
function stop(world: ReplicaWorld, replica: Replica): void {
  const { random, clock } = world;
  replica.crash();
  const { life } = replica;
  clock.in(random.pick([20, 300, 3_000, 10_000]), () => {
    if (!replica.isUp && replica.life === life) replica.start();
  });
}

function cutSome(world: ReplicaWorld): void {
  const { random, replicas, network, clock, coverage } = world;
  if (replicas.length < 2) return;
  const [from, to] = random.some(replicas, 2) as [Replica, Replica];
  const ways = [`${from.id}>${to.id}`];
  if (random.chance(0.5)) ways.push(`${to.id}>${from.id}`);
  coverage.hit(ways.length === 1 ? 'one way cut' : 'both ways cut');
  world.trace(() => `cut ${ways.join(' ')}`);
  for (const way of ways) network.cut.add(way);
  clock.in(random.between(200, 12_000), () => {
    for (const way of ways) network.cut.delete(way);
    if (!from.isUp) return;
    from.streamReset(to.id);
  });
}

/** Callers reach it, and nobody else: a leader then does not know that it was replaced. */
function isolate(world: ReplicaWorld): void {
  const { random, replicas, network, engine, clock, coverage } = world;
  const replica = (random.chance(0.7) ? world.leader() : undefined) ?? random.pick(replicas);
  const ways = replicas.flatMap(({ id }) => [`${id}>${replica.id}`, `${replica.id}>${id}`]);
  coverage.hit(replica.isLeading ? 'leader isolated' : 'follower isolated');
  world.trace(() => `${replica.id} is isolated`);
  for (const way of ways) network.cut.add(way);
  engine.cut.add(replica.id);
  clock.in(random.between(500, 14_000), () => {
    for (const way of ways) network.cut.delete(way);
    engine.cut.delete(replica.id);
  });
}

/**
 * A disk may be lost while in every in-sync set that is or may come into force another one is whole: with
 * none left nothing could be promised.
 */
function mayWipe(world: ReplicaWorld, replica: Replica): boolean {
  const records = world.engine.possible();
  return (
    records.length > 0 &&
    records.every((record) =>
      record.isr.some(({ id, storeId }) => {
        const { disk } = world.replica(id);
        return id !== replica.id && disk.storeId === storeId && !disk.isRolledBack;
      }),
    )
  );
}

function changeMembers(world: ReplicaWorld): void {
  const { random, coverage, configured } = world;
  const leader = world.leader();
  if (leader === undefined) return;
  const others = configured.filter(({ id }) => id !== leader.id);
  const kept: EngineMember[] = others.flatMap((member) =>
    random.chance(0.3)
      ? random.chance(0.5)
        ? []
        : [{ ...member, role: 'learner' as const }]
      : [member],
  );
  const own = configured.filter(({ id }) => id === leader.id);
  coverage.hit('members change asked');
  giveMembers(world, leader, [...own, ...kept]);
}

/** Asks the leader for these members. */
export function giveMembers(
  world: ReplicaWorld,
  leader: Replica,
  members: readonly EngineMember[],
): void {
  const voters = members.filter(({ role }) => role === 'voter').length;
  const minIsr = Math.min(world.profile.minIsr, voters);
  leader.take({
    kind: 'changeMembers',
    ticket: 1,
    change: { members, minIsr, featureLevel: 1 },
  });
}
