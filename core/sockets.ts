/**
 * Names of the unix sockets between Envoy and the sidecar's workers, and of the clusters Envoy knows
 * them by. Both sides compute them from `listen.socket_dir` and a worker's place, so nothing has to be
 * handed from one to the other.
 */

/** Header that sends a request to a worker's own HTTP listener. Set by the sidecar, taken from clients. */
export const CLUSTER_HEADER = 'x-miroir-cluster';

/** Socket of worker `index` for ext_proc streams. */
export function extprocSocket(socketDir: string, index: number): string {
  return `${socketDir}/extproc-${index}.sock`;
}

/** Socket of worker `index` for answers too large for ext_proc. */
export function httpSocket(socketDir: string, index: number): string {
  return `${socketDir}/http-${index}.sock`;
}

/** Envoy's admin interface. */
export function envoyAdminSocket(socketDir: string): string {
  return `${socketDir}/envoy-admin.sock`;
}

/** Name of the Envoy cluster that leads to worker `index`'s HTTP listener. */
export function workerCluster(index: number): string {
  return `worker-${index}`;
}
