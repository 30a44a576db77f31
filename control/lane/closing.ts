/**
 * Sends of which nothing is known (rule 7 of docs/protocol.md). First all connections that could still bring
 * them must be closed; then a reading of the node that begins after that tells: its tag is there, or it never
 * will be. What arrives all the same is a late task.
 */
import { hasLapsed } from '../copies/index.ts';
import type { Intent, NodeReading, OpenIntent, State, Target } from '../state/index.ts';

/** How long after its own lease a cut-off sidecar may need to destroy its sockets. */
const CUT_OFF_MS = 2_000;
/** A sidecar that lives, but does not report, had this long to hear that its write's lease is over. */
const SILENT_MS = 10_000;

/** What was not answered becomes unknown. */
export function markUnknown(state: State, open: OpenIntent): void {
  for (const target of Object.values(open.intent.targets)) {
    if (target.state !== 'pending') continue;
    target.state = 'unknown';
    target.reason ??= 'nothing was reported';
  }
  state.touchIntent(open.intent);
}

/** The connections are closed: nodes whose share is unknown are read at once. */
export function closeSends(state: State, open: OpenIntent): void {
  markUnknown(state, open);
  open.closedAtMs ??= state.nowMs;
  for (const [nodeId, target] of Object.entries(open.intent.targets)) {
    if (target.state !== 'unknown') continue;
    state.unknownSends.add(open.intent.seq);
    state.emit({ kind: 'readNode', nodeId });
  }
}

/** An internal step that an earlier leader may have sent: its connections are closed, or will be in time. */
export function closeInherited(state: State, open: OpenIntent): void {
  if (state.nowMs >= state.othersCallUntilMs) {
    state.inheritedSends.delete(open.intent.seq);
    closeSends(state, open);
    return;
  }
  markUnknown(state, open);
  state.inheritedSends.add(open.intent.seq);
}

/** A write whose sidecar fell silent: whether its connections are known closed by now. */
export function isSilenceOver(state: State, open: OpenIntent): boolean {
  if (state.nowMs >= open.leaseUntilMs + SILENT_MS) return true;
  return hasLapsed(state, open.intent.caller.sidecarId, CUT_OFF_MS);
}

/** Closes what this reading of a node proves; gives the intents that moved. */
export function closeUnknowns(state: State, reading: NodeReading): number[] {
  const moved: number[] = [];
  for (const seq of state.unknownSends) {
    const open = state.open.get(seq);
    const targets = Object.values(open?.intent.targets ?? {});
    if (open === undefined || !targets.some((target) => target.state === 'unknown')) {
      state.unknownSends.delete(seq);
      continue;
    }
    const target = open.intent.targets[reading.nodeId];
    if (target?.state !== 'unknown' || open.closedAtMs === null) continue;
    if (reading.startedAtMs < open.closedAtMs) continue;
    closeTarget(state, open, target);
    state.touchIntent(open.intent);
    moved.push(seq);
  }
  return moved;
}

function closeTarget(state: State, open: OpenIntent, target: Target): void {
  const found = Object.keys(target.parts).length;
  if (found === 0) {
    target.state = 'none';
    return;
  }
  if (isWhole(state, open, target)) {
    target.state = 'enqueued';
    return;
  }
  target.state = 'partial';
  target.reason = `${found} of ${target.partCount ?? 'unknown'} parts arrived`;
}

/** Where nobody told how many parts there were to be, the documents that arrived must add up. */
function isWhole(state: State, open: OpenIntent, target: Target): boolean {
  const { intent } = open;
  const found = Object.keys(target.parts).length;
  if (target.partCount !== null) return found === target.partCount;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || intent.internal !== null) return true;
  if (!hasDocuments(intent) && intent.kind !== 'documentsDeleteById') return true;
  // With one copy the task is judged by the sum over all nodes when it ends.
  if (!isCounted(open)) return index.copiesPerShard === 1;
  const expected = countOn(open, index.shardCount, new Set(target.shards));
  const counts = Object.values(target.parts).map(({ documentCount }) => documentCount ?? -1);
  return counts.every((count) => count >= 0) && sum(counts) === expected;
}

/**
 * Whether the nodes' lists alone would tell that the write is whole, if nobody ever reported on it. `idCount`:
 * of a deletion, as many identifiers as the client gave.
 */
export function isTellable(open: OpenIntent, copiesPerShard: number, idCount: number): boolean {
  const { intent } = open;
  if (copiesPerShard === 1) return true;
  if (intent.kind === 'documentsDeleteById') {
    return intent.scope === 'keys' && open.hashes.length / 8 === idCount;
  }
  return !hasDocuments(intent) || isCounted(open);
}

function hasDocuments({ kind }: Intent): boolean {
  return kind === 'documentsReplace' || kind === 'documentsUpdate';
}

/** Whether the hashes of the write name its documents one by one. */
function isCounted({ intent, hashes }: OpenIntent): boolean {
  if (intent.scope !== 'keys') return false;
  return !hasDocuments(intent) || hashes.length / 8 === intent.documentCount;
}

function countOn(open: OpenIntent, shardCount: number, shards: ReadonlySet<number>): number {
  let count = 0;
  for (let at = 0; at + 8 <= open.hashes.length; at += 8) {
    if (shards.has(open.hashes.readUInt32LE(at) & (shardCount - 1))) count += 1;
  }
  return count;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
