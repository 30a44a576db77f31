/**
 * When a later write must wait for an earlier one, and when an intent is through.
 *
 * Two writes conflict if they share a document; if one has no list of documents, if they share a shard;
 * operations on an index conflict with everything on its names. Waiting ends when every copy that counts, or
 * is being filled, has the earlier one in its queue, or it is settled there: nodes then see both in lane
 * order. Copies that do not count hold nobody up.
 */
import { isUnanswered, stateOf } from '../copies/index.ts';
import type { Intent, OpenIntent, State, Step } from '../state/index.ts';

/** Whether some call of control is still to be made or was not answered. */
export function hasUnsentSteps(intent: Intent): boolean {
  return intent.phase === 'counting' || intent.steps.some((step) => step.state === 'unsent');
}

/** Whether it is open for some node whether the sidecar's share is in its queue. */
export function hasOpenTargets(intent: Intent): boolean {
  return Object.values(intent.targets).some(isUnanswered);
}

/** Whether `later` must wait for `earlier`, which is not over and shares a name with it. */
export function mustWait(state: State, later: OpenIntent, earlier: OpenIntent): boolean {
  const { intent } = earlier;
  if (later.intent.mustBeEmpty && later.intent.phase === 'waiting') return !intent.isFinal;
  if (hasUnsentSteps(intent)) return true;
  if (intent.kind === 'look' || intent.kind === 'hold') {
    return intent.phase !== 'running' && conflicts(later, earlier);
  }
  if (!hasOpenTargets(intent) && !intent.outcomes.includes('open')) return false;
  // What is on its way would come to whatever has the name by then.
  if (hasOpenTargets(intent) && takesName(later.intent)) return true;
  return conflicts(later, earlier) && blocks(state, later, earlier);
}

/** Whether the order of the two matters. */
export function conflicts(later: OpenIntent, earlier: OpenIntent): boolean {
  const scopes = [later.intent.scope, earlier.intent.scope];
  if (scopes.includes('index')) return true;
  if (scopes.includes('none')) return false;
  if (scopes.includes('all')) return sharesShard(later, earlier);
  const [small, large] =
    later.hashes.length <= earlier.hashes.length ? [later, earlier] : [earlier, later];
  const set = hashSetOf(large);
  for (let at = 0; at + 8 <= small.hashes.length; at += 8) {
    if (set.has(small.hashes.readBigUInt64LE(at))) return true;
  }
  return false;
}

/** Shards of an intent as a set, made when first needed. */
export function shardSetOf(open: OpenIntent): ReadonlySet<number> {
  open.shardSet ??= new Set(open.intent.shards);
  return open.shardSet;
}

function sharesShard(left: OpenIntent, right: OpenIntent): boolean {
  if (left.intent.indexId !== right.intent.indexId) return true;
  const shards = shardSetOf(left);
  return right.intent.shards.some((shard) => shards.has(shard));
}

/** Whether a copy of a shared shard that counts, or is being filled, may still get the earlier write. */
function blocks(state: State, later: OpenIntent, earlier: OpenIntent): boolean {
  const { intent } = earlier;
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) return false;
  const isWithinShards =
    later.intent.scope !== 'index' && later.intent.indexId === earlier.intent.indexId;
  const shared = isWithinShards ? shardSetOf(later) : undefined;
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    if (target.state === 'enqueued') continue;
    const isOpen = isUnanswered(target);
    for (const shard of target.shards) {
      if (shared?.has(shard) === false) continue;
      const copy = stateOf(index, shard, nodeId);
      if (copy === 'filling' && isOpen) return true;
      if (copy !== 'in-sync' && copy !== 'held') continue;
      if (isOpen || intent.outcomes[intent.shards.indexOf(shard)] === 'open') return true;
    }
  }
  return false;
}

/** Whether the name means another index, or none, afterwards. */
function takesName(intent: Intent): boolean {
  return intent.kind === 'indexDelete' || intent.swaps.length > 0;
}

function hashSetOf(open: OpenIntent): Set<bigint> {
  if (open.hashSet === undefined) {
    const set = new Set<bigint>();
    for (let at = 0; at + 8 <= open.hashes.length; at += 8) {
      set.add(open.hashes.readBigUInt64LE(at));
    }
    open.hashSet = set;
  }
  return open.hashSet;
}

/** Whether what clients are told of the write is decided: every call has ended, every shard is in or out. */
export function hasEnded(intent: Intent): boolean {
  if (intent.internal !== null) return false;
  const isSent = intent.phase === 'running' || (intent.phase === 'granted' && hasShards(intent));
  return (
    isSent &&
    intent.steps.every(isStepEnded) &&
    intent.outcomes.every((outcome) => outcome === 'in' || outcome === 'out')
  );
}

function hasShards(intent: Intent): boolean {
  return intent.shards.length > 0;
}

function isStepEnded(step: Step): boolean {
  if (step.state === 'refused' || step.state === 'skipped') return true;
  return step.task !== null && step.task.status !== 'processing';
}
