/**
 * `miroirctl status`: the traffic light, why it is not green, and what to do, before anything else. The
 * judgement is control's own, so that every client shows the same.
 */
import type { Command } from 'commander';
import { ReplicaRole } from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import {
  type Finding,
  Light,
  type Topology,
  TopologyServiceService,
} from '../../../proto/gen/miroir/admin/v1/topology.ts';
import type { Cli, Runner } from '../cli.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { goodCopies, notInSync } from '../output/copies.ts';
import { dataOf, wordOf } from '../output/data.ts';
import type { View } from '../output/emit.ts';
import type { Paint } from '../output/paint.ts';
import { renderPairs, visible } from '../output/table.ts';
import { countOf, grouped } from '../output/words.ts';
import { type Look, showOrWatch, type WatchFlags, watchOptions } from '../watch.ts';

/** Adds the command. */
export function addStatus(program: Command, run: Runner): void {
  const command = program
    .command('status')
    .summary('Traffic light, the reason, the next step.')
    .description(
      'Traffic light of the cluster, the reason, and the next step. Exit code 3 unless green.',
    );
  for (const option of watchOptions()) command.addOption(option);
  command.action(run<WatchFlags>((cli, flags) => showOrWatch(cli, flags, () => look(cli))));
}

async function look(cli: Cli): Promise<Look> {
  const topology = await readTopology(cli, false);
  return { view: statusView(topology), code: codeOf(topology) };
}

/** The cluster as control sees it. */
export async function readTopology(cli: Cli, withoutIndexes: boolean): Promise<Topology> {
  const { topology } = await cli
    .control()
    .call(TopologyServiceService.getTopology, { withoutIndexes }, 'read');
  if (topology === undefined) throw new CliError('control answered without a topology');
  return topology;
}

/** 3 unless the light is green. */
export function codeOf(topology: Pick<Topology, 'verdict'>): ExitCode {
  return topology.verdict?.light === Light.GREEN ? EXIT.ok : EXIT.degraded;
}

/** The page. */
export function statusView(topology: Topology): View {
  const { verdict, nodes, replicas, indexes } = topology;
  const light = wordOf(Light, verdict?.light ?? 0);
  const [first, ...others] = verdict?.findings ?? [];
  const sums = sumsOf(topology);
  return {
    data: {
      light,
      reason: verdict?.reason ?? '',
      next_step: verdict?.nextStep ?? '',
      findings: (verdict?.findings ?? []).map(findingData),
      cluster_id: topology.clusterId,
      position: topology.position && dataOf(topology.position),
      miroir_version: topology.miroirVersion,
      meilisearch_version: topology.meilisearchVersion,
      nodes: { up: sums.upNodes, total: nodes.length },
      replicas: { in_sync: sums.inSyncReplicas, total: replicas.length, leader: sums.leader },
      indexes: indexes.length,
      shards: { readable: sums.readable, total: sums.shards },
      copies: topology.copies && dataOf(topology.copies),
      active_jobs: topology.activeJobCount,
      feature_level: topology.featureLevel,
    },
    text: ({ paint, isWide }) => {
      const head = [
        [lightText(light, paint), verdict?.reason ?? ''],
        [
          ' '.repeat(light.length),
          verdict?.nextStep ? `-> ${verdict.nextStep}${lookAt(first)}` : '',
        ],
      ]
        .filter(([, words]) => words !== '')
        .map(([label, words]) => `${label}   ${visible(words ?? '')}\n`);
      const more = isWide || others.length <= 5 ? others : others.slice(0, 5);
      const findings = more.map((finding) => findingText(finding, paint));
      const left = others.length - more.length;
      if (left > 0) findings.push(`${left} more: miroirctl status -o wide\n`);
      if (first !== undefined && findings.length > 0) findings.unshift('\n');
      return [...head, ...findings, '\n', renderPairs(figures(topology, sums), paint)].join('');
    },
  };
}

interface Sums {
  readonly upNodes: number;
  readonly inSyncReplicas: number;
  /** Empty if nobody leads. */
  readonly leader: string;
  readonly readable: number;
  readonly shards: number;
}

function sumsOf({ nodes, replicas, indexes }: Topology): Sums {
  const leader = replicas.find(({ role }) => role === ReplicaRole.LEADER);
  return {
    upNodes: nodes.filter(({ state }) => state === 1).length,
    inSyncReplicas: replicas.filter(({ inSync }) => inSync).length,
    leader: leader?.address ?? '',
    readable: indexes.reduce((sum, index) => sum + index.coveredShardCount, 0),
    shards: indexes.reduce((sum, index) => sum + index.shardCount, 0),
  };
}

function figures(topology: Topology, sums: Sums): [string, string][] {
  const { copies, replicas, indexes, nodes } = topology;
  const meilisearch = topology.meilisearchVersion;
  const versions = [`miroir ${topology.miroirVersion}`];
  if (meilisearch !== '') versions.push(`Meilisearch ${meilisearch}`);
  const { epoch = 0n, index = 0n } = topology.position ?? {};
  const bad = notInSync(copies);
  return [
    ['cluster', `${topology.clusterId}, ${versions.join(', ')}`],
    [
      'control',
      `${sums.inSyncReplicas} of ${countOf(replicas.length, 'replica')} in sync, ${
        sums.leader === '' ? 'nobody leads' : `leader ${sums.leader}`
      }, epoch ${epoch}, log at ${grouped(index)}${levelText(topology.featureLevel)}`,
    ],
    ['nodes', `${sums.upNodes} of ${nodes.length} up`],
    [
      'indexes',
      indexes.length === 0
        ? 'none'
        : `${grouped(indexes.length)}; ${grouped(sums.readable)} of ${countOf(sums.shards, 'shard')} can be read`,
    ],
    ['copies', `${grouped(goodCopies(copies))} in sync${bad === '' ? '' : `, ${bad}`}`],
    ['jobs', topology.activeJobCount === 0 ? 'none active' : `${topology.activeJobCount} active`],
  ];
}

/** A lone replica has none. */
function levelText(level: number): string {
  return level === 0 ? '' : `, feature level ${level}`;
}

/** A finding for programs. */
export function findingData(finding: Finding): Record<string, unknown> {
  return dataOf(finding, { light: wordOf(Light, finding.light) });
}

/** A finding for people: its light, why, and under it what to do. */
export function findingText(finding: Finding, paint: Paint, hint = lookAt(finding)): string {
  const light = wordOf(Light, finding.light);
  const step =
    finding.nextStep === ''
      ? ''
      : `\n${' '.repeat(light.length)}   -> ${visible(finding.nextStep)}${hint}`;
  return `${lightText(light, paint)}   ${visible(finding.reason)}${step}\n`;
}

/** The command that shows more of it. */
function lookAt(finding: Finding | undefined): string {
  if (finding === undefined) return '';
  const { code, indexUid, nodeId } = finding;
  const command = {
    shards_unreadable: `shards ${indexUid} --not-in-sync`,
    writes_refused: `shards ${indexUid} --not-in-sync`,
    node_down: 'nodes',
    node_doubted: 'nodes',
    node_refused: 'nodes',
    recovery_paused: 'jobs --state paused',
    recovery_cancelled: `jobs start recovery ${indexUid} ${nodeId}`,
    copies_behind: 'jobs --watch',
    write_stuck: 'tasks --status enqueued processing --oldest-first',
    too_few_nodes: 'groups',
    replicas_not_in_sync: 'control',
  }[code];
  return command === undefined ? '' : `  (miroirctl ${command})`;
}

function lightText(light: string, paint: Paint): string {
  const text = light.toUpperCase();
  if (light === 'green') return paint.good(text);
  return light === 'yellow' ? paint.warn(text) : paint.bad(text);
}
