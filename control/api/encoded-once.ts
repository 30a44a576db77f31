/** Messages that go to many readers are encoded for the first of them only. */
import type { MethodDefinition } from '@grpc/grpc-js';
import { ClusterServiceService } from '../../proto/gen/miroir/cluster/v1/cluster.ts';

/** A method of which the same message object is encoded once. */
export function encodedOnce<Request, Response extends object>(
  method: MethodDefinition<Request, Response>,
): MethodDefinition<Request, Response> {
  const known = new WeakMap<Response, Buffer>();
  return {
    ...method,
    responseSerialize: (message) => {
      const encoded = known.get(message) ?? method.responseSerialize(message);
      known.set(message, encoded);
      return encoded;
    },
  };
}

/** ClusterService as it is served: an event of Watch is one message for all sidecars. */
export const CLUSTER_SERVICE = {
  ...ClusterServiceService,
  watch: encodedOnce(ClusterServiceService.watch),
};
