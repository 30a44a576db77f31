/**
 * The rules between options that JSON Schema cannot say. Each one names the option to change.
 * (The one that JSON Schema can say, `control.insecure`, stands in schema.ts and gets its text here.)
 */
import type { MiroirConfig } from './schema.ts';

/** A rule that does not hold. */
export interface BrokenRule {
  readonly keys: readonly string[];
  readonly problem: string;
}

/** Texts of the schema's own if/then rules, by their place in `allOf`. */
export const SCHEMA_RULES: readonly BrokenRule[] = [
  {
    keys: ['control', 'listen'],
    problem:
      'other addresses than loopback need `control.tls`, or `control.insecure: true` as the connection is not encrypted then',
  },
];

/** The first rule that the configuration breaks, or undefined. */
export function brokenRule(config: MiroirConfig): BrokenRule | undefined {
  for (const rule of [
    uniqueNodes,
    nodesInGroups,
    enoughNodes,
    minCopies,
    onePerPort,
    uniqueReplicas,
    wholeTls,
    etcdIsNamed,
    expiryAfterRenewal,
  ]) {
    const broken = rule(config);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function uniqueNodes(config: MiroirConfig): BrokenRule | undefined {
  for (const key of ['id', 'url'] as const) {
    const seen = new Map<string, number>();
    for (const [position, node] of config.nodes.entries()) {
      const earlier = seen.get(node[key]);
      if (earlier !== undefined) {
        const problem = `\`${node[key]}\` is already that of nodes.${earlier}`;
        return { keys: ['nodes', String(position), key], problem };
      }
      seen.set(node[key], position);
    }
  }
  return undefined;
}

function nodesInGroups(config: MiroirConfig): BrokenRule | undefined {
  const position = config.nodes.findIndex((node) => node.group >= config.replication.groups);
  if (position === -1) return undefined;
  const { groups } = config.replication;
  return {
    keys: ['nodes', String(position), 'group'],
    problem: `\`replication.groups\` is ${groups}, so groups are numbered 0 to ${groups - 1}`,
  };
}

function enoughNodes(config: MiroirConfig): BrokenRule | undefined {
  if (config.nodes.length === 0) return undefined;
  const { factor, groups } = config.replication;
  for (let group = 0; group < groups; group += 1) {
    const count = config.nodes.filter((node) => node.group === group).length;
    if (count >= factor) continue;
    if (count === 0) {
      const problem = `${groups} groups need nodes in each of them; group ${group} has none`;
      return { keys: ['replication', 'groups'], problem };
    }
    return {
      keys: ['replication', 'factor'],
      problem: `${factor} copies need as many nodes in each group; group ${group} has ${count}`,
    };
  }
  return undefined;
}

function minCopies(config: MiroirConfig): BrokenRule | undefined {
  const { factor } = config.replication;
  if (config.writes.min_copies <= factor) return undefined;
  return {
    keys: ['writes', 'min_copies'],
    problem: `${config.writes.min_copies} copies can never be in sync with \`replication.factor\` ${factor}`,
  };
}

function onePerPort(config: MiroirConfig): BrokenRule | undefined {
  const { port } = config.listen;
  if (port === 0) return undefined;
  if (port === config.telemetry.metrics_port)
    return { keys: ['telemetry', 'metrics_port'], problem: `${port} is already \`listen.port\`` };
  if (config.control.listen.endsWith(`:${port}`))
    return { keys: ['control', 'listen'], problem: `port ${port} is already \`listen.port\`` };
  return undefined;
}

function uniqueReplicas(config: MiroirConfig): BrokenRule | undefined {
  const { addresses } = config.control;
  const position = addresses.findIndex((address, at) => addresses.indexOf(address) < at);
  if (position === -1) return undefined;
  const problem = `\`${addresses[position]}\` is there twice`;
  return { keys: ['control', 'addresses', String(position)], problem };
}

/** Certificates come with their keys, and Miroir's own with the ones that sign those of the others. */
function wholeTls(config: MiroirConfig): BrokenRule | undefined {
  const { tls, etcd } = config.control;
  const places = [
    { path: ['control', 'tls'], files: tls, isMutual: true },
    { path: ['control', 'etcd'], files: etcd, isMutual: false },
    { path: ['node_tls'], files: config.node_tls, isMutual: false },
  ];
  for (const { path, files, isMutual } of places) {
    const keys = isMutual ? FILE_KEYS : FILE_KEYS.slice(1);
    if (FILE_KEYS.every((key) => files[key] === '')) continue;
    const missing = keys.find((key) => files[key] === '');
    if (missing === undefined || (!isMutual && keys.every((key) => files[key] === ''))) continue;
    const problem = `${keys.map((key) => `\`${key}\``).join(', ')} go together`;
    return { keys: [...path, missing], problem };
  }
  return undefined;
}

const FILE_KEYS = ['ca_file', 'cert_file', 'key_file'] as const;

function etcdIsNamed(config: MiroirConfig): BrokenRule | undefined {
  const { engine, etcd } = config.control;
  if (engine === 'etcd' && etcd.endpoints.length === 0)
    return { keys: ['control', 'etcd', 'endpoints'], problem: 'the engine `etcd` needs some' };
  if ((etcd.username === '') === (etcd.password_file === '')) return undefined;
  const missing = etcd.username === '' ? 'username' : 'password_file';
  const problem = '`username`, `password_file` go together';
  return { keys: ['control', 'etcd', missing], problem };
}

function expiryAfterRenewal(config: MiroirConfig): BrokenRule | undefined {
  const { renew_ms, expiry_ms } = config.control;
  if (expiry_ms >= renew_ms * 3) return undefined;
  const problem = `must be at least three times \`control.renew_ms\` (${renew_ms})`;
  return { keys: ['control', 'expiry_ms'], problem };
}
