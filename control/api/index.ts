/** The gRPC face of control. */
export {
  AdminAccess,
  AdminApi,
  forcedServices,
  type ReplicaAdmin,
  ReplicaRefusal,
  soleReplica,
} from './admin/index.ts';
export { batchHandlers } from './batch-service.ts';
export { ClusterCalls } from './cluster-calls.ts';
export { clusterHandlers } from './cluster-service.ts';
export { CLUSTER_SERVICE } from './encoded-once.ts';
export { keyHandlers } from './key-service.ts';
export { type Api, ListenError, startApi } from './server.ts';
export { type CallError, LEADS_NO_MORE, notLeading, type Services } from './services.ts';
export { taskHandlers } from './task-service.ts';
export type { Secrets } from './view-messages.ts';
export { WatchHub } from './watch-hub.ts';
export { WriteService } from './write-service.ts';
