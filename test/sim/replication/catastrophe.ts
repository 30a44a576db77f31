/** What only an operator who accepts a loss brings a cluster of replicas over. */
import type { ReplicaWorld } from './world.ts';

/** All disks of the in-sync set are lost at once. */
export function loseInSyncSet(world: ReplicaWorld): void {
  const isr = world.engine.current?.record.isr ?? [];
  world.trace(() => 'all disks of the in-sync set are LOST');
  world.checker.isTainted = true;
  for (const { id, storeId } of isr) {
    const replica = world.replica(id);
    if (replica.disk.storeId !== storeId) continue;
    replica.crash();
    replica.disk.wipe(world.freshId('s'));
  }
}

/**
 * One replica is down for a while; when it is back, all the others are away, and an operator lets it lead.
 * They come back with entries that were committed and are not any more.
 */
export function goOnWithout(world: ReplicaWorld): void {
  const { random, replicas, checker, coverage } = world;
  const leader = world.leader();
  const survivor = random.pick(replicas.filter((replica) => replica !== leader));
  world.trace(() => `${survivor.id} will go on without the others`);
  survivor.crash();
  world.runFor(random.between(0, 6_000));
  for (const replica of replicas) replica.crash();
  checker.isTainted = true;
  survivor.start();
  world.runFor(random.between(500, 3_000));
  coverage.hit('forced while the others were away');
  survivor.take({ kind: 'forceLeader' });
  world.runFor(random.between(0, 8_000));
}
