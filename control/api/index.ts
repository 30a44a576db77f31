/** The gRPC face of control. */
export { ClusterCalls } from './cluster-calls.ts';
export { type Api, ListenError, startApi } from './server.ts';
export type { Secrets } from './view-messages.ts';
export { WatchHub } from './watch-hub.ts';
export { WriteService } from './write-service.ts';
