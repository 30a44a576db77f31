/** What the services of the public API share. */
import type { MiroirConfig } from '../../../core/config/index.ts';
import type { JobDrivers } from '../../jobs/index.ts';
import type { ControlNode } from '../../nodes/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeLook } from '../../topology/index.ts';
import type { CallsOptions } from './calls.ts';
import type { Changes } from './changes.ts';
import type { JobHub } from './job-hub.ts';
import type { JobSources } from './job-messages.ts';
import type { ReplicaAdmin } from './replica-service.ts';
import type { TopologyHub } from './topology-hub.ts';
import type { TopologySources } from './topology-messages.ts';

/** All of it. */
export interface ServiceParts extends CallsOptions {
  readonly sources: TopologySources;
  readonly jobSources: JobSources;
  readonly changes: Changes;
  readonly config: MiroirConfig;
  readonly store: Pick<Store, 'get' | 'range' | 'snapshot'>;
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly replicas: ReplicaAdmin;
  readonly topologyHub: TopologyHub;
  readonly jobHub: JobHub;
  /** Resolves when the state holds nothing that is not committed. */
  readonly settled: () => Promise<void>;
  /** Looks at an address before a node is registered or moved there. Changes nothing on it. */
  readonly lookAtNode: (
    node: { readonly id: string; readonly url: string },
    signal: AbortSignal,
  ) => Promise<NodeLook>;
  /** A job that a call runs by itself. */
  readonly trackJob: JobDrivers['track'];
  /** Where jobs put backups. */
  readonly backupFolder: string;
}
