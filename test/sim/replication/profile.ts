/** What a seed of the world of control replicas is about: how many there are, and which faults it knows. */
import type { Random } from '../random.ts';

/** Faults by name; the rate of each is in [0, 1], 0 for a seed that does not know it. */
export const REPLICA_FAULTS = [
  'crash',
  'pause',
  'cut',
  'isolate',
  'engineCut',
  'engineDown',
  'casUnknown',
  'slowEngine',
  'loss',
  'duplicate',
  'reorder',
  'slowNetwork',
  'slowDisk',
  'wipe',
  'rollback',
  'engineBack',
  'handover',
  'members',
  'clientLoss',
  'madeUp',
] as const;
export type ReplicaFault = (typeof REPLICA_FAULTS)[number];

/** Rates of all faults. */
export type ReplicaRates = Record<ReplicaFault, number>;

/** One seed's replicas and load. */
export interface ReplicaProfile {
  readonly rates: ReplicaRates;
  readonly replicaCount: number;
  readonly clientCount: number;
  /** Mean pause of a client between two calls. */
  readonly clientPauseMs: number;
  readonly turns: number;
  readonly turnMs: number;
  readonly minIsr: number;
  /** Applied entries that the log of a disk keeps. */
  readonly logKept: number;
  /** Most entries that may be uncommitted. */
  readonly uncommittedEntries: number;
  readonly messagesInFlight: number;
  /** In the end the in-sync set is lost with its disks, or is away, and an operator goes on without it. */
  readonly catastrophe: 'none' | 'disks' | 'away';
  /** How much faster or slower a replica's clock may go. */
  readonly clockSkew: number;
}

/** Draws what a seed is about. */
export function drawReplicaProfile(random: Random, turns: number): ReplicaProfile {
  const rates = Object.fromEntries(
    REPLICA_FAULTS.map((fault) => [fault, random.chance(0.35) ? random.next() : 0]),
  ) as ReplicaRates;
  // Faults that may stop a seed early are kept rarer than the others.
  if (random.chance(0.75)) rates.rollback = 0;
  if (random.chance(0.75)) rates.engineBack = 0;
  const replicaCount = random.pick([1, 2, 2, 3, 3, 3, 3, 5]);
  return {
    rates,
    replicaCount,
    clientCount: random.between(1, 3),
    clientPauseMs: random.pick([50, 200, 500, 1_000]),
    turns,
    turnMs: random.pick([200, 500, 900]),
    minIsr: replicaCount <= 2 ? 1 : random.pick([1, 2, 2]),
    logKept: random.pick([2, 10, 30, 10_000]),
    uncommittedEntries: random.pick([1, 4, 64]),
    messagesInFlight: random.pick([1, 2, 8]),
    catastrophe: replicaCount > 1 && random.chance(0.06) ? random.pick(['disks', 'away']) : 'none',
    clockSkew: random.pick([0, 0, 0.01, 0.2]),
  };
}
