/**
 * What goes wrong with replicas of control in a cycle. Each fault begins, lasts for a while and ends; what it
 * should do to writes is part of it: a change of the leader that was planned, one that was not, or none.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkMode } from './link-proxy.ts';
import { SIDECAR } from './network.ts';
import { end, type Replica, revive, signal } from './replica.ts';
import type { ControlWorld } from './world.ts';

/** What becomes of the leader. */
export type Change = 'planned' | 'unplanned' | 'none';

/** Who is who when a fault begins. */
interface Roles {
  readonly world: ControlWorld;
  readonly leader: Replica;
  readonly followers: readonly Replica[];
  /** One of them, by the seed. */
  readonly follower: Replica;
  /** Beyond which a leader that is not heard is replaced. */
  readonly expiryMs: number;
}

interface Kind {
  readonly change: Change;
  readonly run: (roles: Roles) => Promise<void>;
}

/** For one that should be over before anybody takes over. */
const SHORT_MS = 4_000;
/** A while with the new leader before the old one comes back. */
const NEXT_MS = 1_000;
/** Beyond the expiry; what takes longer is found by the cycle. */
const TAKEOVER_LIMIT_MS = 15_000;

const KINDS = {
  'kill leader': {
    change: 'unplanned',
    run: async (roles) => {
      await end(roles.leader.part, 'SIGKILL');
      await replaced(roles);
      await revive(roles.leader.part);
    },
  },
  'kill leader, back at once': {
    change: 'unplanned',
    run: async ({ leader }) => {
      await end(leader.part, 'SIGKILL');
      await revive(leader.part);
    },
  },
  'hand over': {
    change: 'planned',
    run: async ({ leader }) => {
      await end(leader.part, 'SIGTERM');
      await revive(leader.part);
    },
  },
  'pause leader': {
    change: 'unplanned',
    run: (roles) => paused(roles.leader, () => replaced(roles)),
  },
  'isolate leader': {
    change: 'unplanned',
    // Sidecars still reach it.
    run: async (roles) => {
      const { leader, followers } = roles;
      leader.engineLink.setMode('silent');
      await cut(
        followers.map((follower) => [leader, follower] as const),
        () => replaced(roles),
      );
      leader.engineLink.setMode('pass');
    },
  },
  'kill follower': {
    change: 'none',
    run: async ({ follower }) => {
      await end(follower.part, 'SIGKILL');
      await sleep(SHORT_MS);
      await revive(follower.part);
    },
  },
  'pause follower': { change: 'none', run: ({ follower }) => paused(follower, aWhile) },
  'cut leader from follower': {
    change: 'none',
    run: ({ leader, follower }) => cut([[leader, follower]], aWhile),
  },
  'follower does not hear leader': {
    change: 'none',
    run: ({ leader, follower }) => unheard(leader, follower),
  },
  'leader does not hear follower': {
    change: 'none',
    run: ({ leader, follower }) => unheard(follower, leader),
  },
  'cut leader from etcd': {
    change: 'none',
    run: async ({ leader, expiryMs }) => {
      leader.engineLink.setMode('silent');
      await sleep(expiryMs + NEXT_MS);
      leader.engineLink.setMode('pass');
    },
  },
  'cut sidecar from leader': {
    change: 'none',
    run: ({ leader }) => unreached([leader]),
  },
  'cut sidecar from control': {
    change: 'none',
    run: ({ world }) => unreached(world.replicas),
  },
  'kill etcd': {
    change: 'none',
    run: async ({ world }) => {
      await world.etcd.kill();
      await sleep(SHORT_MS);
      await world.etcd.start();
    },
  },
  'kill all': {
    change: 'unplanned',
    run: async ({ world }) => {
      await Promise.all(world.replicas.map(({ part }) => end(part, 'SIGKILL')));
      await Promise.all(world.replicas.map(({ part }) => revive(part)));
    },
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** Name of a kind of faults. */
export type ControlFault = keyof typeof KINDS;

/** All of them. */
export const CONTROL_FAULTS = Object.keys(KINDS) as readonly ControlFault[];

/** What a fault should do to the leader. */
export function changeBy(fault: ControlFault): Change {
  return KINDS[fault].change;
}

/** Runs one; resolves when it is over. Nothing is healed but what it did. */
export function runControlFault(fault: ControlFault, roles: Roles): Promise<void> {
  return KINDS[fault].run(roles);
}

const aWhile = (): Promise<void> => sleep(SHORT_MS);

/** Waits until another replica leads, and a while more. */
async function replaced({ followers, world, expiryMs }: Roles): Promise<void> {
  await world.leader(expiryMs + TAKEOVER_LIMIT_MS, followers);
  await sleep(NEXT_MS);
}

async function paused({ part }: Replica, meanwhile: () => Promise<void>): Promise<void> {
  signal(part, 'SIGSTOP');
  await meanwhile();
  signal(part, 'SIGCONT');
}

/** Links between replicas, whoever of the two made the connection. */
async function cut(
  pairs: readonly (readonly [Replica, Replica])[],
  meanwhile: () => Promise<void>,
): Promise<void> {
  const set = (mode: LinkMode): void => {
    for (const [one, other] of pairs) {
      one.links.setMode(other.name, mode);
      other.links.setMode(one.name, mode);
    }
  };
  set('lost');
  await meanwhile();
  set('pass');
}

/** What `speaker` sends to `listener` is lost; the other way is open. */
async function unheard(speaker: Replica, listener: Replica): Promise<void> {
  listener.links.setMode(speaker.name, 'deaf');
  speaker.links.setMode(listener.name, 'mute');
  await aWhile();
  listener.links.setMode(speaker.name, 'pass');
  speaker.links.setMode(listener.name, 'pass');
}

async function unreached(replicas: readonly Replica[]): Promise<void> {
  for (const { links } of replicas) links.setMode(SIDECAR, 'lost');
  await aWhile();
  for (const { links } of replicas) links.setMode(SIDECAR, 'pass');
}
