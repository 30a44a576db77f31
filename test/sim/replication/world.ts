/**
 * The made-up world of control replicas of one seed: the production core in some replicas, an engine, a
 * network, callers. Everything is drawn from the seed.
 */
import { pointAt, type SeenPosition } from '../../../control/replication/core/index.ts';
import { isBehind } from '../../../control/replication/core/position.ts';
import type { EngineMember } from '../../../control/replication/engine.ts';
import { Clock } from '../clock.ts';
import type { Coverage } from '../coverage.ts';
import { Random } from '../random.ts';
import { Violation } from '../rules.ts';
import { ReplicaChecker } from './checker.ts';
import { Client } from './client.ts';
import { ModelEngine } from './engine.ts';
import { ReplicaNetwork } from './network.ts';
import { Payloads } from './payload.ts';
import { drawReplicaProfile, type ReplicaProfile, type ReplicaRates } from './profile.ts';
import { Replica } from './replica.ts';

/** In one seed; most have less than a tenth of it. */
const STEPS_MAX = 400_000;

/** What callers have seen, with the chain that only the simulation knows of. */
export type Seen = SeenPosition & { readonly chain: string };

/** The world. */
export class ReplicaWorld {
  readonly random: Random;
  readonly coverage: Coverage;
  readonly profile: ReplicaProfile;
  readonly rates: ReplicaRates;
  readonly clock = new Clock();
  readonly payloads = new Payloads();
  readonly checker: ReplicaChecker;
  readonly engine: ModelEngine;
  readonly network: ReplicaNetwork;
  readonly configured: readonly EngineMember[];
  readonly replicas: readonly Replica[];
  readonly clients: readonly Client[];
  readonly lines: string[] = [];
  /** Highest position that callers have seen. */
  seen: Seen | undefined;
  readonly #isTraced: boolean;
  #idCount = 0;
  #stepCount = 0;

  constructor(
    seed: number,
    options: {
      readonly coverage: Coverage;
      readonly turns: number;
      readonly isTraced: boolean;
      readonly change?: Partial<ReplicaProfile>;
    },
  ) {
    this.random = new Random(seed);
    this.coverage = options.coverage;
    this.#isTraced = options.isTraced;
    this.profile = { ...drawReplicaProfile(this.random, options.turns), ...options.change };
    this.rates = this.profile.rates;
    this.checker = new ReplicaChecker(this);
    this.engine = new ModelEngine(this);
    this.network = new ReplicaNetwork(this);
    const ids = Array.from({ length: this.profile.replicaCount }, (_, at) => `r${at + 1}`);
    this.configured = ids.map((id) => ({ id, address: `${id}:1`, role: 'voter' }));
    this.replicas = ids.map((id) => new Replica(this, id));
    this.clients = Array.from(
      { length: this.profile.clientCount },
      (_, at) => new Client(this, `c${at + 1}`),
    );
  }

  replica(id: string): Replica {
    const found = this.replicas.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no replica ${id}`);
    return found;
  }

  freshId(kind: string): string {
    this.#idCount += 1;
    return `${kind}${this.#idCount}`;
  }

  trace(words: () => string): void {
    if (this.#isTraced) this.lines.push(`${this.clock.nowMs.toFixed(1)} ${words()}`);
  }

  fail(rule: string, words: string): void {
    throw new Violation(rule, words);
  }

  runFor(durationMs: number): void {
    const untilMs = this.clock.nowMs + durationMs;
    while (this.clock.step(untilMs)) {
      this.#stepCount += 1;
      if (this.#stepCount > STEPS_MAX) this.fail('a storm: far more happens than should', '');
    }
  }

  /** The record changed: some hear of it soon. */
  hint(): void {
    for (const replica of this.replicas) {
      if (!this.random.chance(0.7) || this.engine.cut.has(replica.id)) continue;
      this.clock.in(this.random.between(1, 30), () => replica.take({ kind: 'engineHint' }));
    }
  }

  /** Callers saw an answer of this leader. */
  noteSeen(replica: Replica): void {
    const { coreState } = replica;
    const { clusterId, log } = coreState;
    const { epoch, index } = log.commit;
    const { seen } = this;
    // What an older generation says no longer counts.
    if (seen !== undefined && seen.clusterId !== clusterId && this.checker.generation > 1) {
      if (clusterId !== this.engine.current?.record.clusterId) return;
    } else if (seen !== undefined && !isBehind(seen, log.commit)) return;
    const chain = pointAt(coreState, index)?.chain ?? '';
    this.seen = { clusterId, epoch, index, chain };
  }

  /** What was sent between the two lately may be lost, and both hear of it. */
  resetStreams(replica: Replica): void {
    const { clock, random } = this;
    for (const other of this.replicas) {
      if (other === replica) continue;
      clock.in(random.between(1, 60), () => other.streamReset(replica.id));
    }
  }

  /** The open leader of the highest epoch. */
  leader(): Replica | undefined {
    let found: Replica | undefined;
    for (const replica of this.replicas) {
      if (!replica.isLeading) continue;
      const epoch = replica.coreState.leading?.epoch ?? 0;
      if (epoch > (found?.coreState.leading?.epoch ?? 0)) found = replica;
    }
    return found;
  }
}
