/**
 * The whole cluster: nodes, then control, then the sidecar, then Envoy, each waited for; stopped in the
 * opposite order. What fails on the way stops what already runs.
 */
import { writeFileSync } from 'node:fs';
import type { MiroirConfig } from '../../core/config/index.ts';
import type { Environment } from './command.ts';
import {
  checkRecord,
  type DataFolder,
  openDataFolder,
  readRecord,
  removeLeftovers,
} from './data-folder.ts';
import { StartError } from './error.ts';
import { type FoundEnvoy, findEnvoy } from './find-envoy.ts';
import { findEtcd } from './find-etcd.ts';
import { type FoundNode, findNode } from './find-nodes.ts';
import type { FoundProgram } from './find-program.ts';
import { startGuard } from './guard.ts';
import { type Lock, takeLock } from './lock.ts';
import { trimLog } from './logs.ts';
import type { StartOptions } from './options.ts';
import { createPart, type Part, type PartHost, type PartSpec } from './part.ts';
import {
  controlSpec,
  envoySpec,
  etcdSpec,
  nodeSpec,
  type PartsInput,
  sidecarSpec,
} from './parts.ts';
import { checkPort, freePort } from './ports.ts';
import { findSecret, requireGivenKey, type Secret } from './secrets.ts';
import { needsEtcd, ownNodes, partsConfig, userConfig } from './settings.ts';
import { waitForOk } from './wait.ts';

const EXTERNAL_LIMIT_MS = 30_000;
const TRIM_MS = 30_000;

/** What is to be started, from where. */
export interface ClusterInput {
  readonly options: StartOptions;
  readonly env: Environment;
  /** The data folder if no flag names one. */
  readonly defaultDataDir: string;
  readonly cacheDir: string;
  /** Says a line about what takes a while. */
  progress(line: string): void;
  /** Says a line about something that went wrong later. */
  announce(line: string): void;
}

/** A cluster that answers. */
export interface Cluster {
  readonly config: MiroirConfig;
  readonly folder: DataFolder;
  readonly envoy: FoundEnvoy;
  /** Undefined if the nodes run elsewhere. */
  readonly node: FoundNode | undefined;
  /** Undefined unless several replicas of control agree in one started here. */
  readonly etcd: FoundProgram | undefined;
  readonly masterKey: Secret;
  readonly adminToken: Secret;
  readonly parts: {
    readonly nodes: readonly Part[];
    readonly etcd: Part | undefined;
    readonly controls: readonly Part[];
    readonly sidecar: Part;
    readonly envoy: Part;
  };
  /** Restarts parts from now on; `changed` is called after each. */
  watch(changed: () => void): void;
}

/** A start under way; can be stopped at any moment. */
export interface ClusterStart {
  readonly done: Promise<Cluster>;
  /** Stops everything that runs; a second call kills what is left. */
  stop(): Promise<void>;
}

interface State {
  readonly parts: Part[];
  readonly closers: (() => Promise<void> | void)[];
  isStopping: boolean;
  changed: () => void;
}

/** Begins to start a cluster. */
export function startCluster(input: ClusterInput): ClusterStart {
  const state: State = { parts: [], closers: [], isStopping: false, changed: () => {} };
  let stopping: Promise<void> | undefined;
  return {
    done: assemble(input, state),
    stop() {
      if (stopping === undefined) stopping = stopAll(state);
      else for (const part of state.parts) void part.stop(true);
      return stopping;
    },
  };
}

async function assemble(input: ClusterInput, state: State): Promise<Cluster> {
  const { options, env } = input;
  const given = userConfig(options, env);
  if (given.listen.port !== 0) await checkPort(given.listen.host, given.listen.port);
  const folder = openDataFolder(options.data ?? input.defaultDataDir);
  const lock = await takeLock(folder.path);
  state.closers.push(
    () => removeLeftovers(folder),
    () => lock.release(),
  );
  const isExternal = given.nodes.length > 0;
  if (isExternal && options.nodes !== undefined)
    throw new StartError('--nodes starts nodes, but the configuration names some already');
  if (isExternal) requireGivenKey(given.auth, env);
  const control = options.control ?? 1;
  const find = { env, cacheDir: input.cacheDir, onProgress: input.progress };
  const [envoy, node, etcd] = await Promise.all([
    findEnvoy(find),
    isExternal ? undefined : findNode(env, input.progress),
    needsEtcd(given, control) ? findEtcd(find) : undefined,
  ]);
  const config = await finalConfig(input, given, folder);
  checkRecord(folder, {
    kind: node?.kind ?? 'external',
    node_count: config.nodes.length,
    ...(control > 1 && { control_addresses: config.control.addresses }),
  });
  writeFileSync(folder.configFile, JSON.stringify(config, null, 2), { mode: 0o600 });
  const masterKey = findSecret(given.auth, 'master_key', { env, folder });
  const adminToken = findSecret(given.auth, 'admin_token', { env, folder });
  const secrets = { masterKey: masterKey.text, adminToken: adminToken.text };
  const parts = await startParts(
    { config, folder, env, ...secrets },
    { envoy, node, etcd },
    {
      state,
      lock,
      input,
    },
  );
  return {
    ...{ config, folder, envoy, node, etcd, masterKey, adminToken, parts },
    watch(changed) {
      state.changed = changed;
      for (const part of state.parts) part.watch();
      const trim = setInterval(() => {
        for (const part of state.parts) trimLog(part.logFile);
      }, TRIM_MS);
      state.closers.push(() => clearInterval(trim));
    },
  };
}

async function finalConfig(
  input: ClusterInput,
  given: MiroirConfig,
  folder: DataFolder,
): Promise<MiroirConfig> {
  const { options, env } = input;
  const port = given.listen.port === 0 ? await freePort() : given.listen.port;
  const withPort = { ...options, port };
  const record = readRecord(folder);
  const wish = { control: options.control ?? 1, controlAddresses: record?.control_addresses };
  if (given.nodes.length > 0) return partsConfig(userConfig(withPort, env), folder, wish);
  const nodes = await ownNodes(given, options.nodes ?? record?.node_count);
  return partsConfig(userConfig(withPort, env, nodes), folder, wish);
}

async function startParts(
  parts: PartsInput,
  found: {
    readonly envoy: FoundEnvoy;
    readonly node: FoundNode | undefined;
    readonly etcd: FoundProgram | undefined;
  },
  around: { readonly state: State; readonly lock: Lock; readonly input: ClusterInput },
): Promise<Cluster['parts']> {
  const { state, lock, input } = around;
  const guard = startGuard();
  lock.noteGuard(guard.pid);
  state.closers.unshift(() => guard.close());
  const host: PartHost = { guard, announce: input.announce, changed: () => state.changed() };
  const start = async (spec: PartSpec): Promise<Part> => {
    if (state.isStopping) throw new StartError('stopped');
    const part = createPart(spec, host);
    state.parts.push(part);
    await part.start();
    return part;
  };
  const { node } = found;
  if (node === undefined) await waitForExternal(parts.config.nodes);
  else input.progress(`starting ${parts.config.nodes.length} nodes: ${node.origin}`);
  const nodes = await Promise.all(
    node === undefined
      ? []
      : parts.config.nodes.map((_, position) => start(nodeSpec(parts, node, position))),
  );
  input.progress('starting control, sidecar and Envoy');
  const etcd = found.etcd && (await start(etcdSpec(parts, found.etcd, await freePort())));
  const controls = await Promise.all(
    parts.config.control.addresses.map((_, position) => start(controlSpec(parts, position))),
  );
  const sidecar = await start(sidecarSpec(parts));
  const envoy = await start(envoySpec(parts, found.envoy));
  return { nodes, etcd, controls, sidecar, envoy };
}

async function waitForExternal(nodes: MiroirConfig['nodes']): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      const health = `${node.url}/health`;
      await waitForOk(health, AbortSignal.timeout(EXTERNAL_LIMIT_MS)).catch(() => {
        throw new StartError(`node ${node.id} does not answer at ${health}`);
      });
    }),
  );
}

async function stopAll(state: State): Promise<void> {
  state.isStopping = true;
  const isNode = (part: Part) => part.name.startsWith('node-');
  for (const part of state.parts.filter((item) => !isNode(item)).reverse()) await part.stop();
  await Promise.all(state.parts.filter(isNode).map((part) => part.stop()));
  for (const close of state.closers) await close();
}
