/**
 * A snapshot on its way: it takes its time, the other side may go on when its leader has given up or is gone,
 * and begins anew a moment after the answer.
 */
import { type CoreEffect, mayBeReplaced } from '../../../control/replication/core/index.ts';
import type { Replica } from './replica.ts';
import type { ReplicaWorld } from './world.ts';

type Order = Extract<CoreEffect, { kind: 'sendSnapshot' }>;

/** Sends it; its leader is answered, right or wrong, while it lives. */
export function sendSnapshot(world: ReplicaWorld, from: Replica, order: Order): void {
  const { random, clock, coverage } = world;
  const { to: peer, storeId } = order;
  const content = from.disk.copy();
  const leaderLife = from.life;
  const to = world.replica(peer);
  const { life } = to;
  coverage.hit('snapshot sent');
  world.trace(() => `${from.id} fills ${peer} ${storeId}`);
  const answer = (isInstalled: boolean): void => {
    if (from.life !== leaderLife) return;
    from.take({ kind: 'snapshotEnded', peer, storeId, isInstalled });
  };
  const canReach = (): boolean =>
    from.life === leaderLife && !world.network.cut.has(`${from.id}>${peer}`);
  const put = (hasAll: boolean): void => {
    const isSame = to.isUp && to.life === life;
    if (isSame && clock.nowMs < to.pausedUntilMs) {
      clock.at(to.pausedUntilMs, () => put(hasAll));
      return;
    }
    const isThere = isSame && (hasAll || canReach()) && !random.chance(0.1);
    const isPut = isThere && mayBeReplaced(to.coreState, order);
    if (isThere && !isPut) coverage.hit('snapshot refused');
    if (isPut) {
      coverage.hit('snapshot installed');
      world.trace(() => `${peer} is filled by ${from.id}`);
      to.install(content, order);
    }
    if (!hasAll) answer(isPut);
  };
  // It has all of it when the connection breaks: the leader takes that for a failure.
  const isCutOff = random.chance(0.3);
  if (isCutOff) {
    coverage.hit('snapshot given up by its leader');
    clock.in(random.between(20, 700), () => {
      answer(false);
      // Then another one leads when it comes.
      const isDisturbed = Object.values(world.rates).some((rate) => rate > 0);
      if (isDisturbed && random.chance(0.6)) from.take({ kind: 'resign' });
    });
  }
  const placeMs = isCutOff
    ? random.between(700, random.pick([2_000, 20_000, 20_000]))
    : random.between(20, 1_500);
  clock.in(placeMs, () => put(isCutOff));
}
