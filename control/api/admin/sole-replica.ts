/** The replicas of a control that has one: itself. */

import type { Position } from '../../../core/topology.ts';
import { ReplicaRole } from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import { type ReplicaAdmin, ReplicaRefusal } from './replica-service.ts';

/** Tells of the one replica; everything else is refused. */
export function soleReplica(of: {
  readonly address: () => string;
  readonly storeId: () => string;
  readonly position: () => Position;
}): ReplicaAdmin {
  const refuse = async (): Promise<never> => {
    throw new ReplicaRefusal(
      'This control has one replica and nothing to agree with others in: set `control.engine` and `control.addresses`, and start it anew.',
    );
  };
  return {
    list: () => ({
      replicas: [
        {
          id: of.address(),
          address: of.address(),
          role: ReplicaRole.LEADER,
          inSync: true,
          position: of.position(),
          lagEntryCount: 0n,
          silentMs: 0n,
          storeId: of.storeId(),
          featureLevel: 0,
        },
      ],
      epoch: of.position().epoch,
      minInSync: 1,
      engine: 'local',
      featureLevel: 0,
    }),
    findings: () => [],
    add: refuse,
    remove: refuse,
    handover: refuse,
    raiseFeatureLevel: refuse,
    forceLeader: refuse,
  };
}
