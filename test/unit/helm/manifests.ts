/** The objects of the chart, as tests look into them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadConfig, type MiroirConfig } from '../../../core/config/index.ts';
import { committedManifests, type HelmSample } from '../../generators/helm.ts';

/** A variable of a container. */
interface EnvVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

/** A probe over HTTP or of a port alone. */
export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
}

/** A container, as far as it is looked at. */
export interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly EnvVariable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: {
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

/** What pods are made of. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly fsGroup: number };
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  }[];
  // biome-ignore lint/suspicious/noExplicitAny: of any shape
  readonly affinity?: any;
}

/** An object. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: of any kind
  readonly [part: string]: any;
}

/** All objects of a sample. */
export function manifestsOf(sample: HelmSample): Manifest[] {
  return committedManifests(sample) as unknown as Manifest[];
}

/** The one object of a kind and, if several are there, of a name. */
export function the(objects: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} of kind ${kind} ${name ?? ''}`);
  return first;
}

/** Variables of a container in the pod of this name; what comes from a Secret is the given text. */
export function envOf(
  container: Container,
  podName: string,
  secret = 'secret',
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef?.fieldPath === 'metadata.name') env[name] = podName;
    else if (valueFrom?.secretKeyRef !== undefined) env[name] = secret;
    else env[name] = (value ?? '').replaceAll(/\$\(([A-Z_]+)\)/g, (_, other) => env[other] ?? '');
  }
  return env;
}

/** A configuration as the programs load it. */
export function loadYaml(
  config: unknown,
  env: Readonly<Record<string, string>> = {},
): MiroirConfig {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-helm-'));
  try {
    const file = join(folder, 'miroir.yaml');
    writeFileSync(file, stringify(config));
    return loadConfig({ file, env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
