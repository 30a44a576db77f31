/**
 * What one seed is about: how large its cluster is, which faults it knows and how often they come. Each
 * seed knows a random part of the faults only, since rare things need the absence of others to be reached.
 */
import { KEYS } from './documents.ts';
import { Random } from './random.ts';

/** Faults by name; the rate of each is in [0, 1], 0 for a seed that does not know it. */
export const FAULTS = [
  'sidecarCrash',
  'sidecarPause',
  'controlCrash',
  'controlPause',
  'nodeDown',
  'nodeStall',
  'wipe',
  'rollback',
  'taskFailure',
  'refusal',
  'requestLoss',
  'answerLoss',
  'slowRequest',
  'lateRequest',
  'duplicate',
  'controlLoss',
  'slowPoll',
  'slowReading',
  'slowWork',
  'staleView',
  'watchBreak',
  'slowCommit',
  'badWrite',
  'indexSteps',
  'clientGone',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Rates of all faults. */
export type FaultRates = Record<Fault, number>;

/** One seed's cluster and load. */
export interface Profile {
  readonly rates: FaultRates;
  readonly groupCount: number;
  readonly replicationFactor: number;
  readonly nodeGroups: readonly number[];
  readonly shardCount: 1 | 2 | 4;
  readonly minCopies: number;
  readonly quorum: 'adaptive' | 'fixed';
  readonly indexUids: readonly string[];
  readonly sidecarCount: number;
  /** Mean pause between two turns: each may bring a write, a read, a fault. */
  readonly writePauseMs: number;
  /** How many writes and faults there are before everything is healed. */
  readonly turns: number;
  /** A client that writes one after another without a pause, to the end. */
  readonly hasSteadyWriter: boolean;
  /** Documents per part of a send. */
  readonly partSize: number;
  /** How many of the world's documents are written. */
  readonly keyCount: number;
  /** How often tasks are cancelled, in [0, 1]. */
  readonly cancels: number;
}

/** Draws what a seed is about. */
export function drawProfile(random: Random, turns: number): Omit<Profile, 'cancels'> {
  const rates = Object.fromEntries(
    FAULTS.map((fault) => [fault, random.chance(0.4) ? random.next() : 0]),
  ) as FaultRates;
  const groupCount = random.chance(0.4) ? 2 : 1;
  const replicationFactor =
    groupCount === 2 ? random.between(1, 2) : random.pick([1, 2, 2, 2, 3, 3]);
  const perGroup = replicationFactor + (random.chance(0.4) ? 1 : 0);
  const nodeGroups = Array.from({ length: groupCount * perGroup }, (_, at) => at % groupCount);
  return {
    rates,
    groupCount,
    replicationFactor,
    nodeGroups,
    shardCount: random.pick([1, 2, 2, 2, 4] as const),
    minCopies: replicationFactor > 1 && random.chance(0.3) ? 2 : 1,
    quorum: random.chance(0.25) ? 'fixed' : 'adaptive',
    indexUids: random.chance(0.3) || rates.indexSteps > 0 ? ['a', 'b'] : ['a'],
    sidecarCount: random.between(1, 2),
    writePauseMs: random.pick([10, 30, 80, 200]),
    turns,
    hasSteadyWriter: random.chance(0.1),
    partSize: random.pick([1, 2, 8, 8]),
    keyCount: random.chance(0.2) ? 2 : KEYS.length,
  };
}

/** How often tasks are cancelled. Drawn apart: a seed that knows no cancelations has the life it had without. */
export function drawCancels(seed: number): number {
  const random = new Random(seed + CANCELS_APART);
  return random.chance(0.25) ? random.next() : 0;
}

const CANCELS_APART = 0x5eed;

/** Everything works from here on. */
export function heal(rates: FaultRates): void {
  for (const fault of FAULTS) rates[fault] = 0;
}
