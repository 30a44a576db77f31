/** Plays one seed of control replicas: load under faults, then everything heals and must come to rest. */
import type { Coverage } from '../coverage.ts';
import type { SeedResult } from '../run-seed.ts';
import { goOnWithout, loseInSyncSet } from './catastrophe.ts';
import { disturbReplicas, giveMembers, healReplicas } from './nemesis.ts';
import type { Replica } from './replica.ts';
import { ReplicaWorld } from './world.ts';

/** Made-up time in which a healed world must have come to rest. */
const REST_LIMIT_MS = 40_000;
/** After that an operator looks at a world in which a disk or the engine went back. */
const OPERATOR_MS = 25_000;
const LOOK_MS = 250;

/** Plays one seed. */
export function runReplicaSeed(
  seed: number,
  options: { readonly coverage: Coverage; readonly turns: number; readonly isTraced: boolean },
): SeedResult {
  const world = new ReplicaWorld(seed, options);
  try {
    play(world);
    return { rule: null, words: '', lines: world.lines };
  } catch (error) {
    const known = error as { readonly rule?: string; readonly message: string; stack?: string };
    const rule = known.rule ?? `crash: ${known.message.replace(/\d+/g, '#').slice(0, 80)}`;
    const words = known.rule === undefined ? (known.stack ?? known.message) : known.message;
    world.trace(() => `FAILED ${words}`);
    return { rule, words, lines: world.lines };
  }
}

function play(world: ReplicaWorld): void {
  const { random, profile, checker, coverage } = world;
  world.trace(() => `profile ${JSON.stringify(profile)}`);
  for (const replica of world.replicas)
    world.clock.in(random.between(0, 500), () => begin(replica));
  for (const client of world.clients) client.run();
  for (let turn = 0; turn < profile.turns; turn += 1) {
    disturbReplicas(world);
    world.runFor(-Math.log(1 - random.next()) * profile.turnMs);
  }
  if (profile.catastrophe === 'disks') loseInSyncSet(world);
  if (profile.catastrophe === 'away') goOnWithout(world);
  world.trace(() => 'everything heals');
  healReplicas(world);
  rest(world);
  checker.checkEnd(world.replicas);
  coverage.hit('entry committed', checker.committed.length);
  coverage.hit('made-up seconds', Math.round(world.clock.nowMs / 1_000));
}

function begin(replica: Replica): void {
  if (!replica.isUp && replica.life === 0) replica.start();
}

/** A leader is open, all are in the in-sync set, callers are answered, and all disks hold the same. */
function rest(world: ReplicaWorld): void {
  const { clock, checker } = world;
  const healedAtMs = clock.nowMs;
  let limitMs = healedAtMs + REST_LIMIT_MS;
  let isOperatorCalled = false;
  while (!isAtRest(world)) {
    if (clock.nowMs > limitMs) world.fail('no rest after healing', restText(world));
    if (checker.isTainted && !isOperatorCalled && clock.nowMs > healedAtMs + OPERATOR_MS) {
      isOperatorCalled = true;
      limitMs = clock.nowMs + REST_LIMIT_MS;
      forceBest(world);
    }
    world.runFor(LOOK_MS);
    restoreMembers(world);
    if (clock.nowMs > healedAtMs + 8_000)
      for (const client of world.clients) client.isStopped = true;
  }
}

function isAtRest(world: ReplicaWorld): boolean {
  const leader = world.leader();
  const record = world.engine.current?.record;
  if (leader === undefined || record?.leader !== leader.id) return false;
  const { index } = leader.coreState.log.commit;
  return (
    world.clients.every((client) => client.isIdle && client.isStopped) &&
    record.isr.length === world.replicas.length &&
    leader.coreState.log.last.index === index &&
    world.replicas.every(({ disk }) => disk.content.appliedIndex === index)
  );
}

function restoreMembers(world: ReplicaWorld): void {
  const leader = world.leader();
  const members = world.engine.current?.record.members ?? [];
  const isWhole =
    members.length === world.configured.length && members.every(({ role }) => role === 'voter');
  const isAsked = leader?.coreState.leading?.change !== undefined;
  if (leader !== undefined && !isWhole && !isAsked) giveMembers(world, leader, world.configured);
}

/** An operator looks for the replica that holds most, and lets it lead. */
function forceBest(world: ReplicaWorld): void {
  const { checker, coverage } = world;
  const holding = world.replicas.filter((replica) => checker.holdsSeen(replica, world.seen));
  const candidates = holding.length > 0 ? holding : world.replicas;
  let [best] = candidates;
  for (const replica of candidates) {
    const { last } = replica.disk;
    const top = best?.disk.last ?? last;
    if (last.epoch > top.epoch || (last.epoch === top.epoch && last.index > top.index)) {
      best = replica;
    }
  }
  if (holding.length === 0) coverage.hit('nobody holds what callers saw');
  world.trace(() => `the operator lets ${best?.id} lead`);
  coverage.hit('leader forced');
  for (const replica of world.replicas) if (replica !== best) replica.take({ kind: 'resign' });
  best?.take({ kind: 'forceLeader' });
  for (const replica of world.replicas) {
    // It founded a cluster of its own when the record was gone.
    if (!replica.coreState.alarmed.has('foreignCluster')) continue;
    replica.crash();
    replica.disk.wipe(world.freshId('s'));
    replica.start();
  }
}

function restText(world: ReplicaWorld): string {
  const replicas = world.replicas.map(({ id, coreState, disk }) => {
    const { leading, log } = coreState;
    return `${id} ${leading?.phase ?? 'follows'} last ${log.last.epoch}/${log.last.index} commit ${log.commit.index} applied ${disk.content.appliedIndex} ${disk.storeId}`;
  });
  return `${replicas.join('; ')}; clients ${world.clients.map(({ isIdle }) => isIdle)}; record ${JSON.stringify(world.engine.current)}`;
}
