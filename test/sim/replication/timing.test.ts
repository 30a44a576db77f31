/**
 * Goal: how long callers wait for control is bounded: a dead leader is replaced within 9 s, a planned
 * handover takes less than 1 s, a replica that is gone holds commits up for at most 2.5 s, and a leader that
 * only lost the engine stays leader.
 * Method: made-up worlds without any other fault, several seeds each; times are those of the made-up clock.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../kit/suite.ts';
import { Coverage } from '../coverage.ts';
import { REPLICA_FAULTS, type ReplicaProfile, type ReplicaRates } from './profile.ts';
import type { Replica } from './replica.ts';
import { ReplicaWorld } from './world.ts';

const SEEDS = 20;
const START_LIMIT_MS = 20_000;
const { test, run } = suite('replication timing');

const rates = Object.fromEntries(REPLICA_FAULTS.map((fault) => [fault, 0])) as ReplicaRates;

for (const replicaCount of [2, 3]) {
  test(`a leader of ${replicaCount} that dies is replaced within 9 s`, () => {
    each(replicaCount, (world, leader) => {
      leader.crash();
      const tookMs = untilOpen(world, leader);
      assert.ok(tookMs <= 9_000, `${tookMs} ms`);
    });
  });

  test(`a planned handover of ${replicaCount} takes less than 1 s, also if the process ends`, () => {
    each(replicaCount, (world, leader) => {
      leader.take({ kind: 'resign' });
      const startedMs = world.clock.nowMs;
      while (leader.coreState.isResignAwaited) world.runFor(1);
      leader.crash();
      untilOpen(world, leader);
      assert.ok(world.clock.nowMs - startedMs < 1_000, `${world.clock.nowMs - startedMs} ms`);
    });
  });

  test(`a follower of ${replicaCount} that dies holds up commits for 2.5 s at most`, () => {
    each(replicaCount, (world, leader) => {
      world.replicas.find((replica) => replica !== leader)?.crash();
      const { index } = leader.coreState.log.commit;
      world.runFor(30);
      const startedMs = world.clock.nowMs;
      // One entry may have been on its way.
      while (leader.coreState.log.commit.index <= index + 1) world.runFor(5);
      assert.ok(world.clock.nowMs - startedMs <= 2_500, `${world.clock.nowMs - startedMs} ms`);
      assert.is(world.leader(), leader);
    });
  });

  test(`a leader of ${replicaCount} that lost the engine leads on`, () => {
    each(replicaCount, (world, leader) => {
      const { epoch } = leader.coreState.log.commit;
      world.engine.cut.add(leader.id);
      const { index } = leader.coreState.log.commit;
      world.runFor(60_000);
      assert.is(world.leader(), leader);
      assert.is(leader.coreState.log.commit.epoch, epoch);
      assert.ok(leader.coreState.log.commit.index > index + 100);
    });
  });
}

test('a leader cut from the engine gives way if commits need somebody dropped', () => {
  each(3, (world, leader) => {
    world.engine.cut.add(leader.id);
    world.replicas.find((replica) => replica !== leader)?.crash();
    const tookMs = untilOpen(world, leader);
    assert.ok(tookMs <= 20_000, `${tookMs} ms`);
  });
});

test('a leader that reaches the engine and not its followers gives way', () => {
  each(3, (world, leader) => {
    for (const { id } of world.replicas) {
      world.network.cut.add(`${id}>${leader.id}`);
      world.network.cut.add(`${leader.id}>${id}`);
    }
    const tookMs = untilOpen(world, leader);
    assert.ok(tookMs <= 9_000, `${tookMs} ms`);
  });
});

run();

/** Quiet worlds with a leader, all replicas in-sync, and callers at work. */
function each(replicaCount: number, body: (world: ReplicaWorld, leader: Replica) => void): void {
  const change: Partial<ReplicaProfile> = {
    rates: { ...rates },
    replicaCount,
    clientCount: 3,
    clientPauseMs: 50,
    minIsr: replicaCount <= 2 ? 1 : 2,
    logKept: 10_000,
    uncommittedEntries: 64,
    clockSkew: 0,
  };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const options = { coverage: new Coverage(), turns: 0, isTraced: false, change };
    const world = new ReplicaWorld(seed, options);
    for (const replica of world.replicas) replica.start();
    for (const client of world.clients) client.run();
    while (world.leader() === undefined || !isWhole(world)) {
      assert.ok(world.clock.nowMs < START_LIMIT_MS, 'all are in-sync soon');
      world.runFor(50);
    }
    world.runFor(2_000 + world.random.below(3_000));
    body(world, world.leader() as Replica);
  }
}

function isWhole({ engine, replicas }: ReplicaWorld): boolean {
  return engine.current?.record.isr.length === replicas.length;
}

/** Runs until another leader is open; returns how long that took. */
function untilOpen(world: ReplicaWorld, old: Replica): number {
  const startedMs = world.clock.nowMs;
  const { epoch } = old.coreState.log.commit;
  const limitMs = startedMs + 60_000;
  while ((world.leader()?.coreState.leading?.epoch ?? 0) <= epoch) {
    assert.ok(world.clock.nowMs < limitMs, 'another leader is there in the end');
    world.runFor(5);
  }
  return world.clock.nowMs - startedMs;
}
