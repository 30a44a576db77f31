/**
 * Credentials of gRPC between Miroir's parts: encrypted, both ends with a certificate of the same authority, each
 * end looking at the other's role. Certificates may be renewed while the program runs: new connections
 * use the new ones, those that are open go on. Without `control.tls` the connection is open; the rules of the
 * configuration keep that to this host, unless told otherwise.
 */
import {
  type ChannelCredentials,
  credentials,
  experimental,
  ResponderBuilder,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import type { MiroirConfig } from '../config/index.ts';
import { CertificateFiles } from './certificate-files.ts';
import { rolesFor, rolesIn } from './roles.ts';

type TlsOptions = MiroirConfig['control']['tls'];

/** What both kinds are made with. */
export interface CredentialsOptions {
  /** Told when renewed certificates cannot be used. */
  readonly onProblem?: (problem: string) => void;
  /** Default 1,000. */
  readonly lookAgainMs?: number;
}

/** Credentials of control's listener. Throws ConfigError if the files cannot be used. */
export function serverCredentials(
  tls: TlsOptions,
  options: CredentialsOptions = {},
): ServerCredentials {
  if (tls.cert_file === '') return ServerCredentials.createInsecure();
  const provider = new FileProvider(filesOf(tls, options));
  const encrypted = experimental.createCertificateProviderServerCredentials(
    provider,
    provider,
    true,
  );
  const guard = roleGuard(tls.cluster);
  return experimental.createServerCredentialsWithInterceptors(encrypted, [guard]);
}

/** Credentials of whoever calls control. Throws ConfigError if the files cannot be used. */
export function channelCredentials(
  tls: TlsOptions,
  options: CredentialsOptions = {},
): ChannelCredentials {
  if (tls.cert_file === '') return credentials.createInsecure();
  const provider = new FileProvider(filesOf(tls, options));
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: (_host, { subjectaltname }) =>
      rolesIn(subjectaltname, tls.cluster).includes('control')
        ? undefined
        : new Error(`its certificate is not that of control of the cluster ${tls.cluster}`),
  });
}

/** One reader of the same files for all connections of a process. */
const known = new WeakMap<TlsOptions, CertificateFiles>();

function filesOf(tls: TlsOptions, options: CredentialsOptions): CertificateFiles {
  const files =
    known.get(tls) ?? new CertificateFiles({ section: 'control.tls', paths: tls, ...options });
  known.set(tls, files);
  return files;
}

type CaListener = (update: { readonly caCertificate: Buffer } | null) => void;
type IdentityListener = (
  update: { readonly certificate: Buffer; readonly privateKey: Buffer } | null,
) => void;

const NONE = Buffer.alloc(0);

/** The files in the shape that gRPC asks for. Listeners are told later, never within the call that adds them. */
class FileProvider {
  readonly #files: CertificateFiles;
  readonly #stops = new Map<CaListener | IdentityListener, () => void>();

  constructor(files: CertificateFiles) {
    this.#files = files;
  }

  addCaCertificateListener(listener: CaListener): void {
    const { ca = NONE } = this.#files.current;
    this.#add(listener, () => listener({ caCertificate: this.#files.current.ca ?? ca }));
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#add(listener, () => {
      const { cert: certificate = NONE, key: privateKey = NONE } = this.#files.current;
      listener({ certificate, privateKey });
    });
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#remove(listener);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#remove(listener);
  }

  #add(listener: CaListener | IdentityListener, tell: () => void): void {
    this.#remove(listener);
    this.#stops.set(listener, this.#files.onChange(tell));
    process.nextTick(() => {
      if (this.#stops.has(listener)) tell();
    });
  }

  #remove(listener: CaListener | IdentityListener): void {
    this.#stops.get(listener)?.();
    this.#stops.delete(listener);
  }
}

/** Refuses calls that the caller's role does not allow. */
function roleGuard(cluster: string): ServerInterceptor {
  return (method, call) => {
    const allowed = rolesFor(method.path);
    const { sslPeerCertificate } = call.getAuthContext();
    const roles = rolesIn(sslPeerCertificate?.subjectaltname, cluster);
    if (roles.some((role) => allowed.includes(role))) return new ServerInterceptingCall(call);
    const shown = roles.length === 0 ? `no part of the cluster ${cluster}` : roles.join(', ');
    const details = `the certificate is that of ${shown}; this call is for ${allowed.join(', ')}`;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata(() => call.sendStatus({ code: status.PERMISSION_DENIED, details }))
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
}
