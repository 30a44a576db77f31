/** The services of the public API. Messages that go to many readers are encoded once. */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { AuditServiceService } from '../../../proto/gen/miroir/admin/v1/audit.ts';
import { BackupServiceService } from '../../../proto/gen/miroir/admin/v1/backup.ts';
import { ConfigServiceService } from '../../../proto/gen/miroir/admin/v1/config.ts';
import { IndexServiceService } from '../../../proto/gen/miroir/admin/v1/indexes.ts';
import { JobServiceService } from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import { NodeServiceService } from '../../../proto/gen/miroir/admin/v1/nodes.ts';
import { ReplicaServiceService } from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import { TaskServiceService } from '../../../proto/gen/miroir/admin/v1/tasks.ts';
import { TopologyServiceService } from '../../../proto/gen/miroir/admin/v1/topology.ts';
import { encodedOnce } from '../encoded-once.ts';

/** TopologyService whose events are encoded once for all readers. */
const topologyDefinition = {
  ...TopologyServiceService,
  watchTopology: encodedOnce(TopologyServiceService.watchTopology),
};

/** By what the handlers of each are called. */
export const ADMIN_SERVICES = {
  topology: topologyDefinition,
  nodes: NodeServiceService,
  indexes: IndexServiceService,
  tasks: TaskServiceService,
  jobs: JobServiceService,
  config: ConfigServiceService,
  backup: BackupServiceService,
  replicas: ReplicaServiceService,
  audit: AuditServiceService,
} as const satisfies Readonly<Record<string, ServiceDefinition>>;

/** All of them, for the server. */
export const ADMIN_DEFINITIONS: readonly ServiceDefinition[] = Object.values(ADMIN_SERVICES);
