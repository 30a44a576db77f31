/**
 * Becoming leader. Only a replica of the in-sync set tries, when the record names no leader, names this very
 * replica, or was not renewed while the leader did not hear us either. What the others say before is a
 * defence against an engine or a disk that went back; the one thing that decides is the compare-and-swap.
 */
import type { EngineIsrMember, EngineRecord } from '../engine.ts';
import { startLeading } from './leader.ts';
import { isBehind, NOWHERE } from './position.ts';
import { tryCas } from './record.ts';
import {
  type Attempt,
  type CoreState,
  generationOf,
  isForced,
  isForeign,
  isInSync,
  isSameCluster,
  isTooOld,
  stopLeading,
} from './state.ts';
import type { ReplicaMessage } from './types.ts';
import { lackedPosition, raise } from './witness.ts';

/** How long an order to lead stands; after that another one may lead without any loss. */
export const ORDER_MS = 10_000;

type Tell = Extract<ReplicaMessage, { kind: 'tell' }>;
type Kind = 'takeover' | 'found' | 'force';
type LeadAttempt = Attempt & { readonly kind: 'lead' | 'force' };

/** Looks whether it is time to try, and tries once the others were heard. The engine may be called. */
export function considerTakeover(state: CoreState): void {
  if (state.leading !== undefined) return;
  const kind = reasonToTry(state);
  const { candidacy } = state;
  if (candidacy !== undefined && candidacy.kind !== kind) state.candidacy = undefined;
  if (kind === undefined) return;
  if (state.candidacy === undefined) ask(state, kind);
  if (isHeard(state)) decide(state, kind);
}

/** An operator orders this replica to lead, whatever that loses. */
export function takeOrder(state: CoreState): void {
  // One that leads, open or not, begins anew as well: then the others take over what it has.
  stopLeading(state, 'deposed');
  state.forcedUntilMs = state.nowMs + ORDER_MS;
  state.engine.isReadWanted = true;
}

/** Whether an attempt makes this replica the leader. */
export function isToLead(attempt: Attempt | undefined): attempt is LeadAttempt {
  return attempt?.kind === 'lead' || attempt?.kind === 'force';
}

/** The record names this replica. It leads, unless something else came up while that was under way. */
export function adoptLead(state: CoreState, record: EngineRecord, { kind }: LeadAttempt): void {
  const isOrdered = kind === 'force';
  if (isOrdered) {
    // What was seen before does not count in the new generation.
    state.witness = { clusterId: '', ...NOWHERE };
    state.lacking = undefined;
    state.claimed = undefined;
    state.isDiverged = false;
    state.standDownUntilMs = 0;
  }
  // Who obeyed a later leader meanwhile asks again, and so does who was told to accept a loss.
  const isOvertaken = record.epoch <= state.log.fence || state.isDiverged;
  if (isOvertaken || (isForced(state) && !isOrdered)) {
    state.engine.isReadWanted = true;
    return;
  }
  state.forcedUntilMs = Number.NEGATIVE_INFINITY;
  startLeading(state, record);
}

/** Answers another replica that asks. */
export function takeAsk(state: CoreState, from: string, askNo: number): void {
  const { log } = state;
  state.effects.push({
    kind: 'send',
    to: from,
    message: {
      kind: 'tell',
      askNo,
      storeId: state.storeId,
      fence: log.fence,
      last: { epoch: log.last.epoch, index: log.last.index },
      committed: { clusterId: state.clusterId, ...log.commit },
    },
  });
}

/** Takes an answer. */
export function takeTell(state: CoreState, from: string, message: Tell): void {
  const { candidacy } = state;
  state.seenFence = Math.max(state.seenFence, message.fence, message.last.epoch);
  if (candidacy?.askNo !== message.askNo || !candidacy.asked.includes(from)) return;
  candidacy.answers.set(from, message);
}

function reasonToTry(state: CoreState): Kind | undefined {
  const { engine, nowMs, options } = state;
  const record = engine.known?.record;
  if (isTooOld(state)) return undefined;
  if (isForced(state)) return engine.isReadWanted ? undefined : 'force';
  if (engine.isReadWanted || nowMs < state.standDownUntilMs || state.isDiverged) return undefined;
  if (record === undefined) return engine.isAbsent ? 'found' : undefined;
  if (isForeign(state) || !isInSync(state, record)) return undefined;
  if (record.leader === '') return isOthersTurn(state, record) ? undefined : 'takeover';
  if (record.leader === options.id) return 'takeover';
  const isExpired = engine.readAtMs - engine.changedAtMs >= options.timing.expiryMs;
  return isExpired && !isLeaderHearing(state, record) ? 'takeover' : undefined;
}

/** Who handed over named another replica, and that one still has time to try. Liveness only. */
function isOthersTurn({ engine, nowMs, options }: CoreState, record: EngineRecord): boolean {
  const { successor } = record;
  if (successor === undefined || successor === options.id) return false;
  if (!record.isr.some(({ id }) => id === successor)) return false;
  return nowMs - engine.changedAtMs < options.timing.yieldMs;
}

/** The leader sent back a time of ours that is not old: it lives and hears us. */
function isLeaderHearing({ following, nowMs, options }: CoreState, record: EngineRecord): boolean {
  if (following === undefined || following.epoch < record.epoch) return false;
  const { echoMs } = following;
  // A time that is yet to come is of an earlier life of this process.
  return echoMs >= 0 && echoMs <= nowMs && nowMs - echoMs < options.timing.silentMs;
}

function ask(state: CoreState, kind: Kind): void {
  const { options, engine } = state;
  const { members = options.configured, leader, resigned } = engine.known?.record ?? {};
  // Who handed over committed what it had, and is busy taking itself apart.
  const isHandedOver = kind === 'takeover' && leader === '';
  const asked = members
    .map(({ id }) => id)
    .filter((id) => id !== options.id && !(isHandedOver && id === resigned));
  state.askCount += 1;
  const askNo = state.askCount;
  const candidacy = { askNo, startedAtMs: state.nowMs, kind, asked, answers: new Map() };
  state.candidacy = { ...candidacy, lackedAtMs: undefined };
  for (const to of asked) state.effects.push({ kind: 'send', to, message: { kind: 'ask', askNo } });
}

function isHeard({ candidacy, nowMs, options }: CoreState): boolean {
  if (candidacy === undefined) return false;
  const isTimeUp = nowMs - candidacy.startedAtMs >= options.timing.askMs;
  return isTimeUp || candidacy.answers.size === candidacy.asked.length;
}

function decide(state: CoreState, kind: Kind): void {
  if (kind === 'found') found(state);
  else if (kind === 'force') force(state);
  else takeOver(state);
}

function takeOver(state: CoreState): void {
  const { engine, options, candidacy, nowMs, log } = state;
  const record = engine.known?.record;
  if (record === undefined || candidacy === undefined) return;
  const lacked = lackedPosition(state);
  if (lacked !== undefined) {
    // The record as it is now says whether this replica should have it.
    candidacy.lackedAtMs ??= nowMs;
    if (engine.readAtMs <= candidacy.lackedAtMs) engine.isReadWanted = true;
    else {
      const own = { epoch: log.last.epoch, index: log.last.index };
      raise(state, { kind: 'behindWitness', seen: lacked, own });
      standDown(state);
    }
    return;
  }
  if (isOtherAhead(state, record) && !state.hasDeferred) {
    state.hasDeferred = true;
    state.candidacy = undefined;
    state.standDownUntilMs = nowMs + options.timing.askMs * 2;
    return;
  }
  const { leader, resigned } = record;
  const isr = record.isr.filter(
    ({ id }) => id === options.id || (id !== leader && id !== resigned),
  );
  lead(state, record, isr);
}

/** Somebody who may lead holds more of the log, committed or not. */
function isOtherAhead(state: CoreState, record: EngineRecord): boolean {
  for (const { id, storeId } of record.isr) {
    const answer = state.candidacy?.answers.get(id);
    if (answer?.storeId === storeId && isBehind(state.log.last, answer.last)) return true;
  }
  return false;
}

function lead(
  state: CoreState,
  record: EngineRecord,
  isr: readonly EngineIsrMember[],
  kind: 'lead' | 'force' = 'lead',
): void {
  const { options, log } = state;
  state.candidacy = undefined;
  state.hasDeferred = false;
  const { resigned: _, successor: __, ...kept } = record;
  tryCas(state, {
    kind,
    record: {
      ...kept,
      epoch: Math.max(record.epoch, log.fence, log.last.epoch, state.seenFence) + 1,
      leader: options.id,
      leaderAddress: options.address,
      isr,
      renewNo: record.renewNo + 1,
    },
  });
}

/**
 * There is no record: a new cluster, or an engine that lost it. Who holds the highest position of all
 * holds everything that was committed, so all must have been heard. The first of the configured replicas
 * also begins without the others, if it is empty and nobody who can be reached is not.
 */
function found(state: CoreState): void {
  const { options, candidacy, log, nowMs } = state;
  if (candidacy === undefined) return;
  state.emptySinceMs ??= nowMs;
  const answers = [...candidacy.answers.entries()];
  const isAllHeard = answers.length === candidacy.asked.length;
  const isEmpty = log.last.index === 0 && answers.every(([, { last }]) => last.index === 0);
  const isFirst = options.configured[0]?.id === options.id;
  const hasWaited = nowMs - state.emptySinceMs >= options.timing.expiryMs;
  const isHighest = answers.every(
    ([id, { last }]) => isBehind(last, log.last) || (!isBehind(log.last, last) && options.id < id),
  );
  const mayFound = isAllHeard ? isHighest || isEmpty : isEmpty && isFirst && hasWaited;
  if (!mayFound || lackedPosition(state) !== undefined) {
    standDown(state);
    return;
  }
  lead(state, firstRecord(state), [{ id: options.id, storeId: state.storeId }]);
}

function firstRecord(state: CoreState): EngineRecord {
  const { options } = state;
  return {
    clusterId: state.clusterId === '' ? options.freshClusterId : state.clusterId,
    epoch: 0,
    leader: '',
    leaderAddress: '',
    isr: [],
    members: options.configured,
    minIsr: options.minIsr,
    featureLevel: options.featureLevel,
    renewNo: 0,
    nonce: '',
  };
}

/** Another generation of the cluster begins. Only once that is in the record is anything forgotten here. */
function force(state: CoreState): void {
  const { options, engine } = state;
  const record = engine.known?.record ?? firstRecord(state);
  const [base] = record.clusterId.split('.');
  const clusterId = `${base}.${latestGeneration(state, record) + 1}`;
  const own = { id: options.id, address: options.address, role: 'voter' } as const;
  const others = record.members.filter(({ id }) => id !== options.id);
  const members = [own, ...others];
  // Callers tell epochs of before from later ones, also where the record is gone that said how far they came.
  const seenEpochs = [state.witness, state.lacking, state.claimed?.seen].map(
    (seen) => seen?.epoch ?? 0,
  );
  const epoch = Math.max(record.epoch, ...seenEpochs);
  // What one replica has must be enough until there are others again.
  const forced = { ...record, clusterId, epoch, members, minIsr: 1 };
  lead(state, forced, [{ id: options.id, storeId: state.storeId }], 'force');
}

/** Of all that is known: a record that was restored, or made anew, says less than disks do. */
function latestGeneration({ clusterId, candidacy }: CoreState, record: EngineRecord): number {
  const told = [...(candidacy?.answers.values() ?? [])].map(({ committed }) => committed.clusterId);
  const ids = [clusterId, ...told].filter((id) => isSameCluster(id, record.clusterId));
  return Math.max(...[record.clusterId, ...ids].map(generationOf));
}

/** Others first; asked again after that. */
function standDown(state: CoreState): void {
  state.candidacy = undefined;
  state.standDownUntilMs = state.nowMs + state.options.timing.askMs;
}
