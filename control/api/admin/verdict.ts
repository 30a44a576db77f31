/**
 * The traffic light: what is not as it should be, why, and what to do about it. Red: some document cannot be
 * read, or some write is refused. Yellow: everything is served and something that was promised is missing.
 * Pure.
 */
import { type Finding, Light, type Verdict } from '../../../proto/gen/miroir/admin/v1/topology.ts';
import type { KnownHealth } from '../../health-book.ts';
import { isOver, jobId } from '../../jobs/index.ts';
import type { IndexRecord, State } from '../../state/index.ts';
import { type Figures, type IndexFigures, noCopies, unwellCount } from './figures.ts';

const FINDINGS_MAX = 100;
/** A write in the lane that is older than this is stuck. */
const STUCK_MS = 120_000;

/** What is looked at. */
export interface VerdictOptions {
  readonly state: State;
  readonly figures: Pick<Figures, 'of'>;
  readonly healthOf: (nodeId: string) => KnownHealth;
  readonly isStorageFull: boolean;
  /** About the replicas of control; made by who knows them. */
  readonly replicaFindings: readonly Finding[];
  readonly steadyMs: number;
}

/** Judges the cluster. */
export function judgeCluster(options: VerdictOptions): Verdict {
  const found = [
    ...storageFindings(options),
    ...indexFindings(options),
    ...nodeFindings(options),
    ...options.replicaFindings,
    ...recoveryFindings(options),
    ...laneFindings(options),
    ...groupFindings(options),
  ];
  // The gravest first; within one colour in the order of above, which is from cause to effect.
  const findings = found.sort((left, right) => right.light - left.light).slice(0, FINDINGS_MAX);
  const [gravest] = findings;
  if (gravest === undefined) {
    const reason = 'Every node answers and every copy is in-sync.';
    return { light: Light.GREEN, reason, nextStep: '', findings: [] };
  }
  const { light, reason, nextStep } = gravest;
  return { light, reason, nextStep, findings };
}

/** A finding about the cluster as a whole. */
export function finding(
  of: Pick<Finding, 'code' | 'light' | 'reason' | 'nextStep'> & Partial<Finding>,
): Finding {
  return { nodeId: '', indexUid: '', ...of };
}

function storageFindings({ isStorageFull }: VerdictOptions): Finding[] {
  if (!isStorageFull) return [];
  return [
    finding({
      code: 'storage_full',
      light: Light.RED,
      reason: "The disk of control's data folder is nearly full: writes are refused.",
      nextStep: 'Free space on that disk; writes are taken again by themselves.',
    }),
  ];
}

function indexFindings({ state, figures }: VerdictOptions): Finding[] {
  return named(state).flatMap(({ uid, index }) => {
    const of = figures.of(index);
    return [...unreadable(uid, index, of), ...tooFewCopies(state, uid, of)];
  });
}

function unreadable(uid: string, index: IndexRecord, figures: IndexFigures): Finding[] {
  const missing = index.shardCount - figures.readableCount;
  if (missing === 0) return [];
  const nodes = figures.missedNodeIds.join(', ');
  return [
    finding({
      code: 'shards_unreadable',
      light: Light.RED,
      reason: `${missing} of ${index.shardCount} shards of index ${uid} cannot be read: no node with an in-sync copy answers.`,
      nextStep:
        nodes === ''
          ? 'Look at the copies of the index: none of them counts.'
          : `Bring back node ${nodes}.`,
      indexUid: uid,
    }),
  ];
}

function tooFewCopies(state: State, uid: string, { fewestInSync }: IndexFigures): Finding[] {
  const { minCopies } = state.placement;
  if (fewestInSync >= minCopies) return [];
  return [
    finding({
      code: 'writes_refused',
      light: Light.RED,
      reason: `Some shard of index ${uid} has ${fewestInSync} in-sync copies and a write needs ${minCopies} (writes.min_copies).`,
      nextStep: 'Bring back the nodes that are away, or wait for recovery.',
      indexUid: uid,
    }),
  ];
}

function nodeFindings({ state, healthOf }: VerdictOptions): Finding[] {
  return state.cluster.nodes.flatMap(({ id, url }) => {
    if (!state.downNodes.has(id)) return [];
    const { state: health, reason } = healthOf(id);
    if (health === 'refused') {
      return finding({
        code: 'node_refused',
        light: Light.YELLOW,
        reason: `Node ${id} must not be used: ${reason}.`,
        nextStep: `Put the right Meilisearch behind ${url}, or remove the node.`,
        nodeId: id,
      });
    }
    if (state.recovery.doubted.has(id)) {
      return finding({
        code: 'node_doubted',
        light: Light.YELLOW,
        reason: `Node ${id} lost data; its copies are being taken out.`,
        nextStep: 'Wait: recovery fills it.',
        nodeId: id,
      });
    }
    return finding({
      code: 'node_down',
      light: Light.YELLOW,
      reason: `Node ${id} does not answer${reason === '' ? '' : ` (${reason})`}.`,
      nextStep: `Start Meilisearch at ${url} or repair the network; its copies catch up by themselves.`,
      nodeId: id,
    });
  });
}

function recoveryFindings({ state, figures }: VerdictOptions): Finding[] {
  const held: Finding[] = [];
  for (const number of state.jobs.ofPair.values()) {
    const job = state.jobs.records.get(number);
    if (job === undefined || job.phase === 'active') continue;
    const id = jobId(job);
    held.push(
      finding({
        code: job.phase === 'paused' ? 'recovery_paused' : 'recovery_cancelled',
        light: Light.YELLOW,
        reason: `Copies of ${job.indexUid} on node ${job.nodeId} are not brought up to date: job ${id} is ${job.phase}.`,
        nextStep:
          job.phase === 'paused'
            ? `Resume job ${id}.`
            : `Start a recovery of ${job.indexUid} on node ${job.nodeId}.`,
        nodeId: job.nodeId ?? '',
        indexUid: job.indexUid ?? '',
      }),
    );
  }
  const total = noCopies();
  let indexCount = 0;
  for (const { index } of named(state)) {
    const { copies } = figures.of(index);
    if (unwellCount(copies) === 0n) continue;
    indexCount += 1;
    total.behind += unwellCount(copies);
    total.filling += copies.filling;
  }
  if (indexCount === 0) return held;
  const isDown = state.downNodes.size > 0;
  const behind = finding({
    code: 'copies_behind',
    light: Light.YELLOW,
    reason: `${total.behind} copies of ${indexCount} ${indexCount === 1 ? 'index' : 'indexes'} are not in-sync; ${total.filling} are being filled.`,
    nextStep: isDown
      ? 'Bring back the nodes that are away; the copies catch up by themselves.'
      : 'Wait: recovery brings them up to date; its jobs tell how far it is.',
  });
  return [...held, behind];
}

function laneFindings({ state, steadyMs }: VerdictOptions): Finding[] {
  const [oldest] = state.open.values();
  if (oldest === undefined || steadyMs - oldest.begunAtMs < STUCK_MS) return [];
  const ageS = Math.floor((steadyMs - oldest.begunAtMs) / 1_000);
  return [
    finding({
      code: 'write_stuck',
      light: Light.YELLOW,
      reason: `Write ${oldest.intent.seq} to ${oldest.intent.indexUid || 'several indexes'} has been under way for ${ageS} s.`,
      nextStep: 'Look at the task and at the queues of the nodes it goes to.',
      indexUid: oldest.intent.indexUid,
    }),
  ];
}

/** Fewer nodes than copies: the cluster holds less than it was asked to. */
function groupFindings({ state }: VerdictOptions): Finding[] {
  const sizes = new Map<number, number>();
  for (const { group } of state.cluster.nodes) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const wanted = state.placement.replicationFactor;
  return [...sizes].flatMap(([group, size]) => {
    if (size >= wanted) return [];
    return finding({
      code: 'too_few_nodes',
      light: Light.YELLOW,
      reason: `Group ${group} has ${size} nodes and is to hold ${wanted} copies of each shard (replication.factor).`,
      nextStep: 'Add nodes to the group, or lower replication.factor.',
    });
  });
}

/** All indexes under the names readers know them by, ascending. */
export function named(state: State): { readonly uid: string; readonly index: IndexRecord }[] {
  const uids = new Set([...state.visible.keys(), ...state.head.keys()]);
  return [...uids].sort().flatMap((uid) => {
    const index = state.entryOf(uid)?.index;
    return index === undefined ? [] : [{ uid, index }];
  });
}

/** Jobs that are not over. */
export function activeJobCount(state: State): number {
  let count = 0;
  for (const job of state.jobs.records.values()) if (!isOver(job)) count += 1;
  return count;
}
