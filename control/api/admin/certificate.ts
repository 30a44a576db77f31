/**
 * The client certificate of a call, as TLS accepted it: the listener has checked that it is signed by our
 * authority and names a part of this cluster (core/tls); here it is read who that is.
 */
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { clusterIn, rolesIn } from '../../../core/tls/roles.ts';
import type { ClientCertificate } from './access.ts';

/** Of a connection; undefined without TLS, or for a certificate that is not a person's. */
export function personOf(
  context: ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>,
): ClientCertificate | undefined {
  const { sslPeerCertificate } = context;
  const names = sslPeerCertificate?.subjectaltname;
  const cluster = clusterIn(names);
  if (cluster === undefined || !rolesIn(names, cluster).includes('cli')) return undefined;
  const common = [sslPeerCertificate?.subject?.CN ?? ''].flat()[0] ?? '';
  const uri = `miroir://${cluster}/cli`;
  return { name: common === '' ? uri : `${common} (${uri})` };
}
