/**
 * Credentials of gRPC between Miroir's parts: encrypted, both ends with a certificate of the same authority, each
 * end looking at the other's role. Certificates may be renewed while the program runs: new connections
 * use the new ones, those that are open go on. Without `control.tls` the connection is open; the rules of the
 * configuration keep that to this host, unless told otherwise.
 */
import { X509Certificate } from 'node:crypto';
import {
  ChannelCredentials,
  experimental,
  ResponderBuilder,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { ConfigError } from '../config/error.ts';
import {
  type CertificateFiles,
  type CertificatePaths,
  certificateFilesOf,
} from './certificate-files.ts';
import { clusterIn, type Role, rolesFor, rolesIn } from './roles.ts';

const SECTION = 'control.tls';
const NONE = Buffer.alloc(0);

/** What both kinds are made with. */
export interface CredentialsOptions {
  /** Told when renewed certificates cannot be used. */
  readonly onProblem?: (problem: string) => void;
  /** Default 1,000. */
  readonly lookAgainMs?: number;
}

/** Credentials of control's listener. Throws ConfigError if the files cannot be used. */
export function serverCredentials(
  tls: CertificatePaths,
  options: CredentialsOptions = {},
): ServerCredentials {
  if (tls.cert_file === '') return ServerCredentials.createInsecure();
  const own = new OwnCertificate(certificateFilesOf({ section: SECTION, paths: tls, ...options }));
  if (!own.roles.includes('control'))
    throw new ConfigError(
      `${SECTION}.cert_file`,
      `the certificate is that of ${own.roles.join(', ')}, not of control`,
    );
  const provider = new FileProvider(own.files);
  const encrypted = experimental.createCertificateProviderServerCredentials(
    provider,
    provider,
    true,
  );
  const guard = roleGuard(own);
  return experimental.createServerCredentialsWithInterceptors(encrypted, [guard]);
}

/** Credentials of whoever calls control. Throws ConfigError if the files cannot be used. */
export function channelCredentials(
  tls: CertificatePaths,
  options: CredentialsOptions = {},
): ChannelCredentials {
  if (tls.cert_file === '') return ChannelCredentials.createInsecure();
  const own = new OwnCertificate(certificateFilesOf({ section: SECTION, paths: tls, ...options }));
  const provider = new FileProvider(own.files);
  const encrypted = experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: (_host, { subjectaltname }) =>
      rolesIn(subjectaltname, own.cluster).includes('control')
        ? undefined
        : new Error(`its certificate is not that of control of the cluster ${own.cluster}`),
  });
  return new Nameless(encrypted);
}

/**
 * Keeps the address we call out of the handshake: it is often an IP address, which has no place there (Node
 * warns), and nobody looks at it.
 */
class Nameless extends ChannelCredentials {
  readonly #inner: ChannelCredentials;

  constructor(inner: ChannelCredentials) {
    super();
    this.#inner = inner;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    ...[target, options, calls]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): ReturnType<ChannelCredentials['_createSecureConnector']> {
    const nameless = { ...options, 'grpc.ssl_target_name_override': 'control' };
    return this.#inner._createSecureConnector(target, nameless, calls);
  }
}

/** What our own certificate says we are: others must be of the same cluster. */
class OwnCertificate {
  readonly files: CertificateFiles;
  #cluster: string;
  #names: string | undefined;
  #version = -1;

  /** Throws ConfigError if it names no part of Miroir. */
  constructor(files: CertificateFiles) {
    this.files = files;
    const cluster = clusterIn(this.#read());
    if (cluster === undefined)
      throw new ConfigError(
        `${SECTION}.cert_file`,
        'the certificate names no part of Miroir, by a URI such as miroir://CLUSTER/control',
      );
    this.#cluster = cluster;
  }

  /** Its cluster. A renewed certificate that names none leaves it as it was. */
  get cluster(): string {
    if (this.#version !== this.files.version)
      this.#cluster = clusterIn(this.#read()) ?? this.#cluster;
    return this.#cluster;
  }

  get roles(): readonly Role[] {
    return rolesIn(this.#names, this.cluster);
  }

  #read(): string | undefined {
    this.#version = this.files.version;
    this.#names = new X509Certificate(this.files.current.cert ?? NONE).subjectAltName;
    return this.#names;
  }
}

type CaListener = (update: { readonly caCertificate: Buffer } | null) => void;
type IdentityListener = (
  update: { readonly certificate: Buffer; readonly privateKey: Buffer } | null,
) => void;

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
function roleGuard(own: OwnCertificate): ServerInterceptor {
  return (method, call) => {
    const { cluster } = own;
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
