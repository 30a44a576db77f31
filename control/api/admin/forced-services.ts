/**
 * What of the public API a replica serves that does not lead: an operator lets it lead, where every replica
 * that could is lost. There is nothing to note it in before it leads; it is logged.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from '../../../core/telemetry/index.ts';
import {
  type ForceLeaderRequest,
  type ForceLeaderResponse,
  ReplicaServiceService,
} from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import type { Services } from '../services.ts';
import type { AdminAccess } from './access.ts';
import { unary } from './calls.ts';
import { invalidRequest } from './errors.ts';
import { guarded, type ReplicaAdmin } from './replica-service.ts';

/** Its services. */
export function forcedServices(options: {
  readonly access: AdminAccess;
  readonly replicas: ReplicaAdmin;
  readonly wallMs: () => number;
  readonly logger: Logger;
}): Services {
  const { access, replicas, wallMs, logger } = options;
  const onUnexpected = (error: unknown, method: string): void =>
    logger.error({ err: error, method }, 'a call failed');
  const forceLeader = unary<ForceLeaderRequest, ForceLeaderResponse>(
    { access, wallMs, onUnexpected },
    async (request, { caller }) => {
      if (!request.acceptLoss && !request.dryRun) {
        throw invalidRequest('accept_loss: acknowledged changes may be lost; say that you know.');
      }
      if (!request.dryRun) {
        logger.warn({ caller: caller.name, peer: caller.peer }, 'this replica is made to lead');
      }
      return guarded(replicas.forceLeader(request));
    },
  );
  const handlers = { forceLeader } as unknown as UntypedServiceImplementation;
  return new Map([[ReplicaServiceService, handlers]]);
}
