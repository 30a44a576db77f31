/** What operators ask of the replicas of control, answered from the core's state and done by it. */
import type { Plan } from '../../proto/gen/miroir/admin/v1/common.ts';
import {
  type ListReplicasResponse,
  ReplicaRole,
  type ReplicaStatus,
} from '../../proto/gen/miroir/admin/v1/replicas.ts';
import { type Finding, Light } from '../../proto/gen/miroir/admin/v1/topology.ts';
import { type ReplicaAdmin, ReplicaRefusal } from '../api/index.ts';
import { type CoreState, ORDER_MS } from './core/index.ts';
import type { Driver } from './driver.ts';
import type { EngineMember, EngineRecord } from './engine.ts';

/** How long another leader is waited for. */
const SUCCESSOR_MS = 5_000;
const POLL_MS = 20;

/** What answering needs. */
export interface ReplicaAdminOptions {
  readonly driver: Driver;
  /** Name in the configuration. */
  readonly engine: string;
  readonly steadyMs: () => number;
  /** Feature level that another replica's program supports; 0 while it is not connected. */
  readonly peerLevel: (id: string) => number;
}

/** The replicas, for operators. */
export function replicaAdmin(options: ReplicaAdminOptions): ReplicaAdmin {
  const { driver } = options;
  return {
    list: () => listReplicas(options),
    findings: () => findingsOf(options),
    add: async ({ id, address, role, dryRun }) => {
      if (role === ReplicaRole.WITNESS) {
        throw new ReplicaRefusal('Replicas that keep no state are not available yet.');
      }
      const member = { id, address, role: role === ReplicaRole.LEARNER ? 'learner' : 'voter' };
      const record = leadingRecord(driver);
      if (record.members.some((other) => other.id === id || other.address === address)) {
        throw new ReplicaRefusal(`There is a replica \`${id}\`, or one at ${address}, already.`);
      }
      const steps = [`${id} at ${address} becomes a learner and is filled.`];
      if (role !== ReplicaRole.LEARNER) steps.push('Once it has everything it counts.');
      if (!dryRun) await change(driver, [...record.members, member as EngineMember]);
      return planOf(steps);
    },
    remove: async ({ id, dryRun }) => {
      const record = leadingRecord(driver);
      if (id === record.leader) throw new ReplicaRefusal(`${id} leads: hand over first.`);
      if (!record.members.some((member) => member.id === id)) {
        throw new ReplicaRefusal(`There is no replica \`${id}\`.`);
      }
      const left = record.members.filter((member) => member.id !== id);
      if (record.isr.filter((member) => member.id !== id).length < record.minIsr) {
        throw new ReplicaRefusal(
          `Without ${id} fewer than ${record.minIsr} replicas would be in-sync: nothing could be changed any more.`,
        );
      }
      if (!dryRun) await change(driver, left);
      return planOf([`${id} counts no more, and is spoken to no more.`]);
    },
    handover: async ({ toId, dryRun }) => {
      const record = leadingRecord(driver);
      const others = record.isr.map(({ id }) => id).filter((id) => id !== record.leader);
      if (others.length === 0) throw new ReplicaRefusal('No other replica is in-sync.');
      if (toId !== '' && !others.includes(toId)) {
        throw new ReplicaRefusal(`${toId} is not in-sync, or leads already.`);
      }
      const steps = [`${record.leader} finishes what it began and lets go.`];
      if (toId !== '') steps.push(`${toId} leads; if it does not come forward, another one does.`);
      if (dryRun) return { plan: planOf(steps), leaderId: '' };
      await driver.resign(toId === '' ? undefined : toId);
      const leaderId = await successor(driver, record.epoch);
      const isOther = toId !== '' && leaderId !== toId;
      const warnings = isOther ? [`${toId} did not come forward in time.`] : [];
      return { plan: { steps, warnings }, leaderId };
    },
    raiseFeatureLevel: async ({ level, dryRun }) => {
      const record = leadingRecord(driver);
      const highest = highestLevel(options, record);
      const wanted = level === 0 ? Math.max(highest, 1) : level;
      const { featureLevel: known } = record;
      if (wanted < known) throw new ReplicaRefusal(`It is ${known}, and never falls.`);
      if (wanted > highest) {
        throw new ReplicaRefusal(
          `Not every replica supports ${wanted}: ${levelWords(options, record)}.`,
        );
      }
      const isThere = wanted === known;
      const steps = isThere ? [] : [`The feature level rises from ${known} to ${wanted}.`];
      const warnings = isThere ? [] : ['Programs that do not know it cannot be run here any more.'];
      const plan = { steps, warnings };
      if (!dryRun && !isThere) await change(driver, record.members, wanted);
      return { plan, featureLevel: dryRun ? known : wanted };
    },
    forceLeader: ({ dryRun }) => forceLeader(driver, dryRun),
  };
}

/** This replica leads with what it has. */
async function forceLeader(
  driver: Driver,
  isDry: boolean,
): ReturnType<ReplicaAdmin['forceLeader']> {
  if (driver.isOpen) throw new ReplicaRefusal('This replica leads.');
  const plan = {
    steps: ['This replica leads with what it has, under a new id of the cluster.'],
    warnings: ['Changes that it does not have are lost, also where others have them.'],
  };
  if (!isDry) {
    driver.dispatch({ kind: 'forceLeader' });
    await until(() => driver.isOpen);
    if (!driver.isOpen) {
      throw new ReplicaRefusal(
        `It does not lead yet, and tries for ${ORDER_MS / 1_000} s at most. See who leads then, and ask again.`,
      );
    }
  }
  return { plan, epoch: BigInt(driver.record?.epoch ?? 0) };
}

function listReplicas(options: ReplicaAdminOptions): ListReplicasResponse {
  const { driver, engine, steadyMs } = options;
  const { record, state } = driver;
  return {
    replicas: (record?.members ?? []).map((member) => ({
      ...statusOf(member, { record, state, steadyMs }),
      featureLevel: levelOf(options, member.id),
    })),
    epoch: BigInt(record?.epoch ?? 0),
    minInSync: record?.minIsr ?? 0,
    engine,
    featureLevel: record?.featureLevel ?? 0,
  };
}

function statusOf(
  member: EngineMember,
  of: {
    readonly record: EngineRecord | undefined;
    readonly state: Readonly<CoreState>;
    readonly steadyMs: () => number;
  },
): Omit<ReplicaStatus, 'featureLevel'> {
  const { record, state } = of;
  const { last } = state.log;
  const isOwn = member.id === state.options.id;
  const peer = state.leading?.peers.get(member.id);
  const storeId = isOwn ? state.storeId : (peer?.storeId ?? '');
  const index = isOwn ? last.index : (peer?.matchIndex ?? 0);
  const heardMs = peer === undefined ? 0 : Math.max(0, of.steadyMs() - peer.ackAtMs);
  return {
    id: member.id,
    address: member.address,
    role: roleOf(member, record),
    inSync: record?.isr.some((other) => other.id === member.id) ?? false,
    position: { epoch: BigInt(record?.epoch ?? 0), index: BigInt(index) },
    lagEntryCount: state.leading === undefined ? 0n : BigInt(Math.max(0, last.index - index)),
    silentMs: isOwn || !Number.isFinite(heardMs) ? 0n : BigInt(Math.round(heardMs)),
    storeId,
  };
}

function roleOf(member: EngineMember, record: EngineRecord | undefined): ReplicaRole {
  if (member.id === record?.leader) return ReplicaRole.LEADER;
  if (member.role === 'witness') return ReplicaRole.WITNESS;
  const isIn = record?.isr.some(({ id }) => id === member.id) ?? false;
  return member.role === 'learner' || !isIn ? ReplicaRole.LEARNER : ReplicaRole.FOLLOWER;
}

function findingsOf({ driver }: ReplicaAdminOptions): Finding[] {
  const { record } = driver;
  if (record === undefined) return [];
  const out = record.members.filter(
    ({ id, role }) => role === 'voter' && !record.isr.some((member) => member.id === id),
  );
  if (out.length === 0) return [];
  const isShort = record.isr.length < record.minIsr;
  const isTight = record.isr.length === record.minIsr;
  const words = isTight ? ' If one more is lost, nothing can be changed until it is back.' : '';
  return [
    {
      code: 'replicas_not_in_sync',
      light: isShort ? Light.RED : Light.YELLOW,
      reason: `Replicas of control that are not in-sync: ${out.map(({ id }) => id).join(', ')}.${words}`,
      nextStep: 'Start them, or look at their logs; they join by themselves.',
      nodeId: '',
      indexUid: '',
    },
  ];
}

function leadingRecord(driver: Driver): EngineRecord {
  const { record } = driver;
  if (record === undefined || !driver.isOpen) {
    throw new ReplicaRefusal('This replica does not lead.');
  }
  return record;
}

/** What every member supports; 0 if one is not heard. */
function highestLevel(options: ReplicaAdminOptions, { members }: EngineRecord): number {
  return Math.min(...members.map(({ id }) => levelOf(options, id)));
}

function levelWords(options: ReplicaAdminOptions, { members }: EngineRecord): string {
  const words = members.map(({ id }) => `${id} ${levelOf(options, id) || 'is not heard'}`);
  return words.join(', ');
}

/** Level that the program of a replica supports; 0 if it is not connected. */
function levelOf({ driver, peerLevel }: ReplicaAdminOptions, id: string): number {
  const own = driver.state.options;
  return id === own.id ? own.featureLevel : peerLevel(id);
}

async function change(
  driver: Driver,
  members: readonly EngineMember[],
  level?: number,
): Promise<void> {
  const { minIsr, featureLevel: known } = leadingRecord(driver);
  const featureLevel = level ?? known;
  const outcome = await driver.changeMembers({ members, minIsr, featureLevel });
  if (outcome === 'done') return;
  throw new ReplicaRefusal(
    outcome === 'refused'
      ? 'Another change of the replicas is under way, or this replica leads no more. Ask again.'
      : 'Whether it was done is not known: look at the list of replicas.',
  );
}

async function successor(driver: Driver, epoch: number): Promise<string> {
  const next = (): EngineRecord | undefined => {
    const { record } = driver;
    return record !== undefined && record.epoch > epoch && record.leader !== ''
      ? record
      : undefined;
  };
  await until(() => next() !== undefined);
  return next()?.leader ?? '';
}

async function until(condition: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < SUCCESSOR_MS && !condition(); waitedMs += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function planOf(steps: readonly string[]): Plan {
  return { steps: [...steps], warnings: [] };
}
