/**
 * The recoveries as jobs: one for all copies of an index on a node that are not in-sync, from the first that
 * leaves until the last is back. They follow from the states of the copies, so a job goes on under its id
 * after a restart; only that an operator paused or cancelled one is a decision of its own.
 */
import { COPY_STATES } from '../../core/topology.ts';
import { hasOtherCopies, notesOf } from '../copies/index.ts';
import { type IndexRecord, type JobRecord, pairKey, type State } from '../state/index.ts';
import { addJob, endJob, isOver } from './records.ts';

/** Copies of an index on one node. */
export interface PairCopies {
  count: number;
  /** Not in-sync. */
  left: number;
  filling: number;
  /** The lowest shard that is not in-sync; -1 for none. */
  firstLeft: number;
}

/** Counts the copies of an index by node, in one pass over its table. */
export function copiesByNode(index: IndexRecord): Map<string, PairCopies> {
  const counts = index.nodeIds.map(() => ({ count: 0, left: 0, filling: 0, firstLeft: -1 }));
  for (let slot = 0; slot < index.copyStates.length; slot += 1) {
    const of = counts[index.owners.readUInt16LE(slot * 2)];
    if (of === undefined) continue;
    of.count += 1;
    const state = COPY_STATES[index.copyStates[slot] ?? 0];
    if (state === 'in-sync' || state === 'held' || state === 'leaving') continue;
    of.left += 1;
    if (state === 'filling') of.filling += 1;
    if (of.firstLeft < 0) of.firstLeft = Math.floor(slot / index.copiesPerShard);
  }
  return new Map(index.nodeIds.map((id, place) => [id, counts[place] as PairCopies]));
}

/** Whether an operator keeps the copies of an index on a node from being filled. */
export function isHeldBack(state: State, indexId: string, nodeId: string): boolean {
  const { ofPair, records } = state.jobs;
  if (ofPair.size === 0) return false;
  const job = records.get(ofPair.get(pairKey(indexId, nodeId)) ?? -1);
  return job !== undefined && job.phase !== 'active';
}

/** Brings the jobs in step with the copies of these indexes. To be called before changes are written. */
export function settleJobs(state: State, indexIds: Iterable<string>): void {
  const { jobs } = state;
  for (const effect of state.effects) {
    if (effect.kind !== 'recoveryEnded') continue;
    const indexId = state.head.get(effect.place.indexUid);
    const number = jobs.ofPair.get(pairKey(indexId ?? '', effect.place.targetId));
    const job = jobs.records.get(number ?? -1);
    if (job === undefined) continue;
    job.documentsWritten += effect.documentCount;
    job.bytesWritten += effect.documentBytes;
    jobs.touchedJobs.add(job.number);
  }
  for (const id of indexIds) {
    const index = state.indexes.get(id);
    if (index === undefined) endJobsOf(state, id);
    else if (jobs.ofPair.size > 0 || hasOtherCopies(index)) settleIndex(state, index);
  }
}

function settleIndex(state: State, index: IndexRecord): void {
  const { jobs } = state;
  for (const [nodeId, copies] of copiesByNode(index)) {
    const key = pairKey(index.id, nodeId);
    const job = jobs.records.get(jobs.ofPair.get(key) ?? -1);
    if (job === undefined) {
      if (copies.left > 0) begin(state, index, { nodeId, copies });
      continue;
    }
    noteLeft(state, job, copies.left);
    if (copies.left > 0) continue;
    forgetPair(state, key, job.number);
    if (!isOver(job)) endJob(state, job, { phase: 'succeeded', reason: '' });
  }
}

function begin(
  state: State,
  index: IndexRecord,
  { nodeId, copies }: { readonly nodeId: string; readonly copies: PairCopies },
): void {
  const indexUid = index.visibleUid ?? index.headUid ?? index.id;
  const job = addJob(state, {
    kind: 'recovery',
    requestedBy: 'control',
    reason: notesOf(state, { index, shard: copies.firstLeft, nodeId })?.reason ?? '',
    pair: { indexId: index.id, indexUid, nodeId },
  });
  state.jobs.left.set(job.number, copies.left);
}

/** Copies that came back since the last look are done; those that left meanwhile are more to do. */
function noteLeft(state: State, job: JobRecord, left: number): void {
  const before = state.jobs.left.get(job.number) ?? left;
  state.jobs.left.set(job.number, left);
  if (left >= before) return;
  job.copiesDone += before - left;
  state.jobs.touchedJobs.add(job.number);
}

function endJobsOf(state: State, indexId: string): void {
  const { jobs } = state;
  for (const [key, number] of jobs.ofPair) {
    if (!key.startsWith(`${indexId} `)) continue;
    forgetPair(state, key, number);
    const job = jobs.records.get(number);
    if (job !== undefined && !isOver(job)) {
      endJob(state, job, { phase: 'cancelled', reason: 'the index was deleted' });
    }
  }
}

function forgetPair(state: State, key: string, number: number): void {
  state.jobs.ofPair.delete(key);
  state.jobs.left.delete(number);
}
