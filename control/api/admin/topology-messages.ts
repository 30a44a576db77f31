/** The whole cluster as the public API shows it, and what changed between two such views. Pure. */
import type { LogPosition } from '../../../proto/gen/miroir/admin/v1/common.ts';
import { GroupStatus, NodeStatus } from '../../../proto/gen/miroir/admin/v1/nodes.ts';
import { ReplicaStatus } from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import {
  type Finding,
  IndexSummary,
  type Topology,
  type TopologyChange,
  Verdict,
} from '../../../proto/gen/miroir/admin/v1/topology.ts';
import type { IndexRecord } from '../../state/index.ts';
import { addCounts, type Figures, noCopies } from './figures.ts';
import { groupStatuses, type NodeSources, nodeStatuses } from './node-messages.ts';
import { activeJobCount, judgeCluster, named } from './verdict.ts';

/** What the view is made from. */
export interface TopologySources extends NodeSources {
  readonly figures: Figures;
  readonly isStorageFull: () => boolean;
  readonly replicas: () => ReplicaStatus[];
  /** Of all of them. */
  readonly featureLevel: () => number;
  readonly replicaFindings: () => readonly Finding[];
  readonly position: () => LogPosition;
  readonly steadyMs: () => number;
  readonly version: string;
}

/** The cluster as it is now. To be called when the state holds nothing that is not committed. */
export function toTopology(sources: TopologySources): Topology {
  const { state, figures } = sources;
  const copies = noCopies();
  const indexes = named(state).map(({ uid, index }) => {
    addCounts(copies, figures.of(index).copies);
    return toIndexSummary(sources, uid, index);
  });
  return {
    clusterId: state.cluster.clusterId,
    position: sources.position(),
    verdict: judgeCluster({
      ...sources,
      isStorageFull: sources.isStorageFull(),
      replicaFindings: sources.replicaFindings(),
      steadyMs: sources.steadyMs(),
    }),
    nodes: nodeStatuses(sources),
    groups: groupStatuses(sources),
    indexes,
    replicas: sources.replicas(),
    copies,
    meilisearchVersion: packageVersion(state.cluster.versionJson),
    miroirVersion: sources.version,
    replicationFactor: state.placement.replicationFactor,
    activeJobCount: activeJobCount(state),
    featureLevel: sources.featureLevel(),
  };
}

/** An index in short. */
export function toIndexSummary(
  { state, figures }: Pick<TopologySources, 'state' | 'figures'>,
  uid: string,
  index: IndexRecord,
): IndexSummary {
  const { copies, coveredCount } = figures.of(index);
  return {
    uid,
    id: index.id,
    primaryKey: index.primaryKey ?? '',
    visible: state.visible.get(uid) === index.id,
    shardCount: index.shardCount,
    coveredShardCount: coveredCount,
    copies,
    createdAt: index.createdAt,
    updatedAt: index.updatedAt,
    settingsVersion: BigInt(index.settingsVersion),
  };
}

/** What of `now` is other than in `before`; undefined if nothing but the position is. */
export function changeBetween(before: Topology, now: Topology): TopologyChange | undefined {
  const nodes = entriesChanged(before.nodes, now.nodes, (node) => node.node?.id ?? '', NodeStatus);
  const indexes = entriesChanged(before.indexes, now.indexes, ({ uid }) => uid, IndexSummary);
  const groups = listChanged(before.groups, now.groups, GroupStatus);
  const replicas = listChanged(before.replicas, now.replicas, ReplicaStatus);
  const isVerdictNew = !isSame(before.verdict, now.verdict, Verdict);
  const isActiveNew = before.activeJobCount !== now.activeJobCount;
  const isVersionNew = before.meilisearchVersion !== now.meilisearchVersion;
  const isLevelNew = before.featureLevel !== now.featureLevel;
  const isChanged =
    nodes.changed.length + nodes.gone.length + indexes.changed.length + indexes.gone.length > 0 ||
    groups.length + replicas.length > 0 ||
    isVerdictNew ||
    isActiveNew ||
    isLevelNew ||
    isVersionNew;
  if (!isChanged) return undefined;
  return {
    position: now.position,
    ...(isVerdictNew ? { verdict: now.verdict } : {}),
    nodes: nodes.changed,
    removedNodeIds: nodes.gone,
    groups,
    indexes: indexes.changed,
    removedIndexUids: indexes.gone,
    replicas,
    ...(indexes.changed.length + indexes.gone.length > 0 ? { copies: now.copies } : {}),
    ...(isActiveNew ? { activeJobCount: now.activeJobCount } : {}),
    ...(isLevelNew ? { featureLevel: now.featureLevel } : {}),
    ...(isVersionNew ? { meilisearchVersion: now.meilisearchVersion } : {}),
  };
}

interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

function entriesChanged<Entry>(
  before: readonly Entry[],
  now: readonly Entry[],
  keyOf: (entry: Entry) => string,
  codec: Codec<Entry>,
): { readonly changed: Entry[]; readonly gone: string[] } {
  const known = new Map(before.map((entry) => [keyOf(entry), entry]));
  const kept = new Set(now.map(keyOf));
  return {
    changed: now.filter((entry) => !isSame(known.get(keyOf(entry)), entry, codec)),
    gone: [...known.keys()].filter((key) => !kept.has(key)),
  };
}

function listChanged<Entry>(
  before: readonly Entry[],
  now: readonly Entry[],
  codec: Codec<Entry>,
): Entry[] {
  const isEqual =
    before.length === now.length && now.every((entry, at) => isSame(before[at], entry, codec));
  return isEqual ? [] : [...now];
}

function isSame<Message>(
  before: Message | undefined,
  now: Message | undefined,
  codec: Codec<Message>,
): boolean {
  if (before === now) return true;
  if (before === undefined || now === undefined) return false;
  return Buffer.compare(codec.encode(before).finish(), codec.encode(now).finish()) === 0;
}

function packageVersion(versionJson: string): string {
  if (versionJson === '') return '';
  try {
    return String((JSON.parse(versionJson) as Record<string, unknown>)['pkgVersion'] ?? '');
  } catch {
    return '';
  }
}
