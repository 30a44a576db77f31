/** What the starter prints, and what it writes to run.json. */

import { envoyAdminSocket } from '../../core/sockets.ts';
import { miroirVersion } from '../../core/telemetry/index.ts';
import type { Cluster } from './cluster.ts';
import type { Part } from './part.ts';
import { clientUrl } from './parts.ts';
import type { RunFile, RunningPart } from './run-file.ts';

/** The text for a cluster that is ready. */
export function readyText(cluster: Cluster, tookMs: number): string {
  const { config, folder, masterKey, parts } = cluster;
  const url = clientUrl(config);
  const kept = masterKey.file === null ? 'as given' : `kept in ${masterKey.file}`;
  const rows: [name: string, value: string][] = [
    ['url', url],
    ['master key', `${masterKey.text}  (${kept})`],
    ['data', `${folder.path}  (logs in logs/)`],
    ['index spread', `${config.sharding.spread}, ${config.sharding.shards} shards`],
    ['copies', copiesText(config.replication)],
    ['', ''],
    ['envoy', `${cluster.envoy.version} from ${cluster.envoy.origin}, pid ${parts.envoy.pid()}`],
    [
      'sidecar',
      `${config.listen.workers} workers, pid ${parts.sidecar.pid()}, metrics ${metricsUrl(parts.sidecar)}`,
    ],
    ...parts.controls.map((part, position): [string, string] => [
      part.name,
      `${config.control.addresses[position]}, pid ${part.pid()}, metrics ${metricsUrl(part)}`,
    ]),
    ...etcdRow(cluster),
    ...config.nodes.map((node, position): [string, string] => {
      const part = parts.nodes[position];
      const what =
        part === undefined
          ? 'given by the configuration'
          : `${cluster.node?.origin}, pid ${part.pid()}`;
      const group = config.replication.groups > 1 ? `group ${node.group}, ` : '';
      return [node.id, `${node.url}  ${group}${what}`];
    }),
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const table = rows.map(([name, value]) => (name === '' ? '' : `  ${name.padEnd(width)}${value}`));
  const auth = `-H 'Authorization: Bearer ${masterKey.text}'`;
  return [
    '',
    `Miroir ${miroirVersion} is ready after ${(tookMs / 1000).toFixed(1)} s`,
    '',
    ...table,
    ...standInWarning(cluster),
    '',
    'First requests:',
    '',
    `  curl -X POST '${url}/indexes/movies/documents' ${auth} \\`,
    `    -H 'Content-Type: application/json' -d '[{"id":1,"title":"Mirror"},{"id":2,"title":"Stalker"}]'`,
    `  curl '${url}/indexes/movies/search?q=mirror' ${auth}`,
    '',
    'Ctrl-C stops everything; the data stays.',
    '',
  ].join('\n');
}

/** How many copies of each shard there are, and where. */
function copiesText(replication: Cluster['config']['replication']): string {
  const { factor, groups } = replication;
  const perGroup = `${factor} of each shard`;
  return groups === 1 ? perGroup : `${perGroup} in each of ${groups} groups`;
}

function standInWarning(cluster: Cluster): string[] {
  if (cluster.node?.kind !== 'stand-in') return [];
  return [
    '',
    '  !! No Meilisearch was found. The nodes are a small BUILT-IN STAND-IN, which is NOT Meilisearch:',
    '  !! no typos, no proximity, no geo, no vectors. It is only good for a first look.',
    '  !! Set MEILISEARCH_BIN to a Meilisearch >= 1.50, or start Docker, for the real thing.',
  ];
}

/** The content of run.json. */
export function runFileOf(cluster: Cluster, startedAt: Date): RunFile {
  const { config, parts } = cluster;
  const url = clientUrl(config);
  return {
    pid: process.pid,
    started_at: startedAt.toISOString(),
    url,
    data_dir: cluster.folder.path,
    admin_token: cluster.adminToken.text,
    master_key_file: cluster.masterKey.file,
    envoy_admin_socket: envoyAdminSocket(config.listen.socket_dir),
    sidecar_metrics_url: metricsUrl(parts.sidecar),
    control_metrics_url: parts.controls.slice(0, 1).map(metricsUrl).join(),
    parts: [
      { part: 'envoy', pid: parts.envoy.pid() ?? null, address: url },
      { part: 'sidecar', pid: parts.sidecar.pid() ?? null },
      ...workersOf(cluster),
      ...parts.controls.map((part, position) => ({
        part: 'control' as const,
        id: part.name,
        pid: part.pid() ?? null,
        ...addressOf(config.control.addresses[position]),
      })),
      ...etcdPart(cluster),
      ...config.nodes.map((node, position) => ({
        part: 'node' as const,
        id: node.id,
        group: node.group,
        pid: parts.nodes[position]?.pid() ?? null,
        address: node.url,
      })),
    ],
  };
}

function etcdRow({ etcd, config, parts }: Cluster): [name: string, value: string][] {
  if (etcd === undefined) return [];
  const { endpoints } = config.control.etcd;
  return [
    ['etcd', `${endpoints.join()}, ${etcd.version} from ${etcd.origin}, pid ${parts.etcd?.pid()}`],
  ];
}

function etcdPart({ config, parts }: Cluster): RunningPart[] {
  if (parts.etcd === undefined) return [];
  const [address] = config.control.etcd.endpoints;
  return [{ part: 'etcd', pid: parts.etcd.pid() ?? null, ...addressOf(address) }];
}

function addressOf(address: string | undefined): { readonly address?: string } {
  return address === undefined ? {} : { address };
}

function metricsUrl(part: Part): string {
  return `http://127.0.0.1:${String(part.ready()['metrics_port'])}/metrics`;
}

/** Workers as the sidecar named them when it became ready: `{pid, socket}` each. */
function workersOf(cluster: Cluster): RunningPart[] {
  const { workers } = cluster.parts.sidecar.ready();
  if (!Array.isArray(workers)) return [];
  return (workers as { pid?: number; socket?: string }[]).map(({ pid, socket }) => ({
    part: 'worker',
    pid: pid ?? null,
    ...(socket !== undefined && { address: socket }),
  }));
}
