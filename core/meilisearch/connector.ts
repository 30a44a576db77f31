/**
 * How connections to nodes come to be: each new one uses the certificates of its time, those that are open go
 * on.
 */
import { buildConnector } from 'undici';
import type { CertificateFiles } from '../tls/certificate-files.ts';

/** A connector of undici. Without certificates, https trusts what the system trusts. */
export function connectorOf(
  timeoutMs: number,
  certificates: CertificateFiles | undefined,
): buildConnector.connector {
  let version = -1;
  let connector = buildConnector({ timeout: timeoutMs });
  if (certificates === undefined) return connector;
  return (target, callback) => {
    if (version !== certificates.version) {
      version = certificates.version;
      connector = buildConnector({ timeout: timeoutMs, ...certificates.current });
    }
    connector(target, callback);
  };
}
