/** Engines by their name in the configuration. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../../core/assert.ts';
import { ConfigError, type MiroirConfig } from '../../../core/config/index.ts';
import { CertificateFiles } from '../../../core/tls/certificate-files.ts';
import type { Engine } from '../engine.ts';
import { EtcdEngine } from './etcd.ts';
import { KubernetesEngine } from './kubernetes.ts';
import { LocalEngine, type RecordPlace } from './local.ts';

/** Where Kubernetes puts what a pod needs to talk to it. */
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const SECRET_MAX_BYTES = 64 * 1024;

/** What engines need besides their options. */
export interface EngineParts {
  /** Of the own store; for `local`, and only there. */
  readonly place?: RecordPlace;
  /** Longest that one call takes in all: well below the period in which the record must be renewed. */
  readonly callTimeoutMs: number;
  /** After how long without change others may take over. */
  readonly expiryMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly wallMs: () => number;
  /** Told when renewed certificates cannot be used. */
  readonly onProblem: (problem: string) => void;
  /** Default: where Kubernetes mounts it. */
  readonly accountFolder?: string;
}

/** The engine that the configuration names. Throws ConfigError if it cannot be set up. */
export function openEngine(control: MiroirConfig['control'], parts: EngineParts): Engine {
  switch (control.engine) {
    case 'etcd':
      return openEtcd(control.etcd, parts);
    case 'kubernetes':
      return openKubernetes(control.kubernetes, parts);
    default:
      assert(parts.place !== undefined, 'the engine `local` has a place for its record');
      return new LocalEngine(parts.place);
  }
}

function openEtcd(etcd: MiroirConfig['control']['etcd'], parts: EngineParts): Engine {
  const { endpoints, key, username: name, password_file } = etcd;
  const isTls = endpoints.some((url) => url.startsWith('https:'));
  const { callTimeoutMs, onProblem } = parts;
  const section = 'control.etcd';
  return new EtcdEngine({
    endpoints,
    key,
    callTimeoutMs,
    certificates: isTls ? new CertificateFiles({ section, paths: etcd, onProblem }) : undefined,
    login:
      name === ''
        ? undefined
        : () => ({ name, password: readSmall(password_file, 'control.etcd.password_file') }),
  });
}

function openKubernetes(
  kubernetes: MiroirConfig['control']['kubernetes'],
  parts: EngineParts,
): Engine {
  const { env, callTimeoutMs, expiryMs, wallMs, onProblem } = parts;
  const section = 'control.kubernetes';
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (host === '') throw new ConfigError(section, 'this is not a pod of a Kubernetes cluster');
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const folder = parts.accountFolder ?? ACCOUNT_FOLDER;
  const token = () => readSmall(join(folder, 'token'), section);
  token();
  const paths = { ca_file: join(folder, 'ca.crt'), cert_file: '', key_file: '' };
  return new KubernetesEngine({
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: kubernetes.namespace || readSmall(join(folder, 'namespace'), section),
    lease: kubernetes.lease,
    token,
    certificates: new CertificateFiles({ section, paths, onProblem }),
    callTimeoutMs,
    expiryMs,
    wallMs,
  });
}

function readSmall(path: string, option: string): string {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (text === '' || text.length > SECRET_MAX_BYTES) throw new Error('empty or too long');
    return text;
  } catch (error) {
    throw new ConfigError(option, `${path}: ${(error as Error).message}`);
  }
}
