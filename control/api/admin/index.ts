/**
 * The public API of control while it leads: everything under `miroir.admin.v1`. It reads the state, sends
 * changes through the machine, and lets those who watch know.
 */
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { type MiroirConfig, readSecret } from '../../../core/config/index.ts';
import { type Logger, miroirVersion } from '../../../core/telemetry/index.ts';
import type { KnownHealth } from '../../health-book.ts';
import type { JobDrivers } from '../../jobs/index.ts';
import type { Runner, ViewChange } from '../../machine/index.ts';
import type { ControlNode, NodeMaker } from '../../nodes/index.ts';
import type { AdminEffect, Now, State } from '../../state/index.ts';
import type { Store } from '../../store/index.ts';
import { lookAtNode } from '../../topology/index.ts';
import type { Services } from '../services.ts';
import { AdminAccess } from './access.ts';
import { auditHandlers } from './audit-service.ts';
import { backupHandlers } from './backup-service.ts';
import { Changes } from './changes.ts';
import { configHandlers } from './config-service.ts';
import { ADMIN_SERVICES } from './definitions.ts';
import { Figures } from './figures.ts';
import { JobHub } from './job-hub.ts';
import { jobHandlers } from './job-service.ts';
import { nodeHandlers } from './node-service.ts';
import type { ServiceParts } from './parts.ts';
import { indexHandlers, taskHandlers, topologyHandlers } from './read-services.ts';
import { type ReplicaAdmin, replicaHandlers } from './replica-service.ts';
import { TopologyHub } from './topology-hub.ts';
import type { TopologySources } from './topology-messages.ts';

export { AdminAccess } from './access.ts';
export { ADMIN_DEFINITIONS } from './definitions.ts';
export { forcedServices } from './forced-services.ts';
export { type ReplicaAdmin, ReplicaRefusal } from './replica-service.ts';
export { soleReplica } from './sole-replica.ts';

/** What the API works with. */
export interface AdminApiOptions {
  readonly config: MiroirConfig;
  readonly state: State;
  readonly runner: Pick<Runner, 'submit' | 'settled'>;
  readonly store: Pick<Store, 'get' | 'range' | 'position' | 'snapshot'>;
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly makeNode: NodeMaker;
  readonly healthOf: (nodeId: string) => KnownHealth;
  readonly isStorageFull: () => boolean;
  readonly replicas: ReplicaAdmin;
  readonly drivers: JobDrivers;
  readonly now: () => Now;
  readonly logger: Logger;
}

/** The API. */
export class AdminApi {
  readonly services: Services;
  readonly #parts: ServiceParts;
  readonly #figures: Figures;
  readonly #drivers: JobDrivers;

  constructor(options: AdminApiOptions) {
    this.#figures = new Figures(options.state);
    this.#drivers = options.drivers;
    this.#parts = makeParts(options, this.#figures);
    this.services = makeServices(this.#parts);
  }

  /** An effect of a change is committed. */
  perform(effect: Exclude<AdminEffect, { kind: 'nodesChanged' }>): void {
    if (effect.kind === 'adminReply') this.#parts.changes.answer(effect.ticket, effect.reply);
    else this.#drivers.changed(effect.job);
  }

  /** A commit changed what readers see. */
  publish({ uids, isClusterChanged }: Pick<ViewChange, 'uids' | 'isClusterChanged'>): void {
    this.#figures.changed(uids);
    if (isClusterChanged) this.#figures.clear();
    this.#parts.topologyHub.changed();
  }

  /** Something that is in no commit changed: the health of a node, the replicas. */
  touch(): void {
    this.#parts.topologyHub.changed();
  }

  /** Ends what would not end by itself: those who watch. */
  drain(): void {
    this.#parts.topologyHub.close();
    this.#parts.jobHub.close();
  }

  /** Ends what is under way: this replica leads no more, or the process ends. */
  close(): void {
    this.#parts.changes.close();
    this.drain();
  }
}

function makeParts(options: AdminApiOptions, figures: Figures): ServiceParts {
  const { config, state, runner, store, now, drivers, replicas, logger } = options;
  const steadyMs = () => now().steadyMs;
  const settled = () => runner.settled();
  const sources: TopologySources = {
    state,
    figures,
    healthOf: options.healthOf,
    isStorageFull: options.isStorageFull,
    replicas: () => replicas.list().replicas,
    featureLevel: () => replicas.list().featureLevel,
    replicaFindings: () => replicas.findings(),
    position: () => store.position,
    steadyMs,
    version: miroirVersion,
  };
  const jobSources = { state, progressOf: (job: number) => drivers.progressOf(job) };
  return {
    access: new AdminAccess({
      adminToken: () => readSecret(config.auth, 'admin_token'),
      steadyMs,
    }),
    wallMs: () => Number(now().wallNs / 1_000_000n),
    onUnexpected: (error, method) => logger.error({ err: error, method }, 'a call failed'),
    sources,
    jobSources,
    changes: new Changes({ submit: (event) => runner.submit(event), now }),
    config,
    store,
    nodes: options.nodes,
    replicas,
    topologyHub: new TopologyHub({ sources, settled }),
    jobHub: new JobHub({ sources: jobSources, settled, steadyMs }),
    settled,
    lookAtNode: (node, signal) => look(options, node, signal),
    trackJob: (job) => drivers.track(job),
    backupFolder: join(config.control.data_dir, 'backups'),
  };
}

async function look(
  { state, makeNode }: AdminApiOptions,
  { id, url }: { readonly id: string; readonly url: string },
  signal: AbortSignal,
): ReturnType<ServiceParts['lookAtNode']> {
  const node = makeNode(id, url);
  try {
    return await lookAtNode(node, { cluster: state.cluster, signal });
  } finally {
    await node.close();
  }
}

function makeServices(parts: ServiceParts): Services {
  const handlers: Readonly<Record<keyof typeof ADMIN_SERVICES, object>> = {
    topology: topologyHandlers(parts),
    nodes: nodeHandlers(parts),
    indexes: indexHandlers(parts),
    tasks: taskHandlers(parts),
    jobs: jobHandlers(parts),
    config: configHandlers(parts),
    backup: backupHandlers(parts),
    replicas: replicaHandlers(parts),
    audit: auditHandlers(parts),
  };
  return new Map(
    Object.entries(ADMIN_SERVICES).map(([name, definition]) => [
      definition,
      handlers[name as keyof typeof ADMIN_SERVICES] as UntypedServiceImplementation,
    ]),
  );
}
