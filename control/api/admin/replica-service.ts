/** ReplicaService: the replicas of control. What they do is replication's; here it is asked and audited. */
import { status } from '@grpc/grpc-js';
import type { Plan } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type {
  AddReplicaRequest,
  AddReplicaResponse,
  ForceLeaderRequest,
  ForceLeaderResponse,
  HandoverRequest,
  HandoverResponse,
  ListReplicasResponse,
  RaiseFeatureLevelRequest,
  RaiseFeatureLevelResponse,
  RemoveReplicaRequest,
  RemoveReplicaResponse,
  ReplicaServiceServer,
} from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import type { Finding } from '../../../proto/gen/miroir/admin/v1/topology.ts';
import { unary } from './calls.ts';
import { changing } from './changes.ts';
import { AdminError, invalidRequest } from './errors.ts';
import type { ServiceParts } from './parts.ts';

/** What can be asked of the replicas. Functions that change something throw ReplicaRefusal. */
export interface ReplicaAdmin {
  list(): ListReplicasResponse;
  /** What is not as it should be, for the verdict. */
  findings(): readonly Finding[];
  add(request: AddReplicaRequest): Promise<Plan>;
  remove(request: RemoveReplicaRequest): Promise<Plan>;
  handover(request: HandoverRequest): Promise<{ readonly plan: Plan; readonly leaderId: string }>;
  raiseFeatureLevel(
    request: RaiseFeatureLevelRequest,
  ): Promise<{ readonly plan: Plan; readonly featureLevel: number }>;
  forceLeader(
    request: ForceLeaderRequest,
  ): Promise<{ readonly plan: Plan; readonly epoch: bigint }>;
}

/** The replicas are in a state in which that cannot be done. `message` says what to do instead. */
export class ReplicaRefusal extends Error {
  override name = 'ReplicaRefusal';
}

/** Handlers for the gRPC server. */
export function replicaHandlers(parts: ServiceParts): Partial<ReplicaServiceServer> {
  const { replicas } = parts;
  return {
    listReplicas: unary(parts, () => replicas.list()),
    addReplica: changing<AddReplicaRequest, AddReplicaResponse>(parts, {
      action: 'AddReplica',
      target: ({ id }) => id,
      plan: async (request) => ({ plan: await guarded(replicas.add(checkNew(request))) }),
      run: async (request, _context, audit) => {
        const plan = await guarded(replicas.add(checkNew(request)));
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return { plan };
      },
    }),
    removeReplica: changing<RemoveReplicaRequest, RemoveReplicaResponse>(parts, {
      action: 'RemoveReplica',
      target: ({ id }) => id,
      plan: async (request) => ({ plan: await guarded(replicas.remove(request)) }),
      run: async (request, _context, audit) => {
        const plan = await guarded(replicas.remove(request));
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return { plan };
      },
    }),
    handover: changing<HandoverRequest, HandoverResponse>(parts, {
      action: 'Handover',
      target: ({ toId }) => toId,
      plan: (request) => guarded(replicas.handover(request)),
      run: async (request, _context, audit) => {
        // What is refused is refused before anything is noted; afterwards this replica cannot write any more.
        await guarded(replicas.handover({ ...request, dryRun: true }));
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return guarded(replicas.handover(request));
      },
    }),
    raiseFeatureLevel: changing<RaiseFeatureLevelRequest, RaiseFeatureLevelResponse>(parts, {
      action: 'RaiseFeatureLevel',
      target: ({ level }) => (level === 0 ? '' : String(level)),
      plan: (request) => guarded(replicas.raiseFeatureLevel(request)),
      run: async (request, _context, audit) => {
        const done = await guarded(replicas.raiseFeatureLevel(request));
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return done;
      },
    }),
    forceLeader: changing<ForceLeaderRequest, ForceLeaderResponse>(parts, {
      action: 'ForceLeader',
      target: () => '',
      plan: (request) => guarded(replicas.forceLeader(request)),
      run: async (request, _context, audit) => {
        if (!request.acceptLoss) {
          throw invalidRequest('accept_loss: acknowledged changes may be lost; say that you know.');
        }
        const done = await guarded(replicas.forceLeader(request));
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return done;
      },
    }),
  };
}

function checkNew(request: AddReplicaRequest): AddReplicaRequest {
  if (request.id === '') throw invalidRequest('id: a replica has a name.');
  if (!/^\S+:[0-9]{1,5}$/.test(request.address)) {
    throw invalidRequest(`address: "${request.address}" is not HOST:PORT.`);
  }
  return request;
}

/** Tells a refusal as the API does. */
export async function guarded<Answer>(doing: Promise<Answer>): Promise<Answer> {
  try {
    return await doing;
  } catch (error) {
    if (!(error instanceof ReplicaRefusal)) throw error;
    throw new AdminError('miroir_replica_state', error.message, {
      status: status.FAILED_PRECONDITION,
    });
  }
}
