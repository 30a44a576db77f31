/** The made-up worlds, and what belongs to each. */
import { BUGS, type Bug } from './bugs/list.ts';
import type { WorldName } from './job/main.ts';
import { REPLICA_BUGS } from './replication/bugs.ts';
import { REPLICA_SOMETIMES } from './replication/sometimes.ts';
import { SOMETIMES } from './sometimes.ts';

/** One of them. */
export interface SimulatedWorld {
  readonly name: WorldName;
  /** Rounds of load and faults in one seed. */
  readonly turns: number;
  readonly bugs: readonly Bug[];
  /** What must be met often enough. */
  readonly sometimes: readonly string[];
}

/** Sidecars, control and recovery with model nodes. */
export const LANES: SimulatedWorld = {
  name: 'lanes',
  turns: 300,
  bugs: BUGS,
  sometimes: SOMETIMES,
};

/** Control replicas with an engine. */
export const REPLICAS: SimulatedWorld = {
  name: 'replicas',
  turns: 80,
  bugs: REPLICA_BUGS,
  sometimes: REPLICA_SOMETIMES,
};
