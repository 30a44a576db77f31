/** Rules that the simulation holds a run to, each for itself: what breaks one is a Violation. */
import { decodeJson, PREFIX } from '../../control/machine/index.ts';
import type { Intent } from '../../control/state/index.ts';
import type { Profile } from './profile.ts';

const STATUS_RANKS = ['enqueued', 'processing', 'succeeded'];

/** A rule was broken. `rule` names it, in the words that failures are counted by. */
export class Violation extends Error {
  override name = 'Violation';
  readonly rule: string;

  constructor(rule: string, words: string) {
    super(`${rule}: ${words}`);
    this.rule = rule;
  }
}

/** Statuses of tasks as they reach the disk: none may go back. */
export class StatusOrder {
  readonly #statuses = new Map<number, string>();

  /** What is wrong with a change that is being committed, or undefined. */
  check(key: string, value: Uint8Array | undefined): string | undefined {
    if (!key.startsWith(PREFIX.task) || value === undefined) return undefined;
    const { uid, status } = decodeJson<{ uid: number; status: string }>(value as Buffer);
    const rank = STATUS_RANKS.indexOf(status);
    const known = this.#statuses.get(uid);
    this.#statuses.set(uid, status);
    if (known === undefined || known === status) return undefined;
    const knownRank = STATUS_RANKS.indexOf(known);
    if (knownRank >= 0 && (rank < 0 || rank > knownRank)) return undefined;
    return `task ${uid}: ${known} -> ${status}`;
  }
}

/** The first shard for which an intent has too few copies for a 202, in words, or undefined. */
export function shortOfCopies(
  intent: Intent,
  profile: Profile,
  nodes: {
    readonly groupOf: (nodeId: string) => number;
    /** Has all of it in its queue, though control does not know. */
    readonly hasTaken: (nodeId: string) => boolean;
  },
): string | undefined {
  const { minCopies, quorum, replicationFactor } = profile;
  for (const shard of intent.shards) {
    const taken = Object.entries(intent.targets).filter(
      ([nodeId, target]) =>
        (target.state === 'enqueued' || nodes.hasTaken(nodeId)) && target.shards.includes(shard),
    );
    const groups = new Map<number, number>();
    for (const [nodeId] of taken) {
      const group = nodes.groupOf(nodeId);
      groups.set(group, (groups.get(group) ?? 0) + 1);
    }
    const needed = quorum === 'fixed' ? Math.floor(replicationFactor / 2) + 1 : 0;
    const most = Math.max(0, ...groups.values());
    if (taken.length < minCopies || most < needed) return `shard ${shard}: ${taken.length} copies`;
  }
  return undefined;
}
