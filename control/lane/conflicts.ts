/**
 * When a later write must wait for an earlier one (write-protocol rule 2), and when an intent is through.
 *
 * Two writes conflict if they share a document; if one has no list of documents, if they share the index;
 * operations on an index conflict with everything on its names. Waiting ends when the earlier one is in the
 * queue of every node it goes to, or surely never will be: nodes then see both in lane order.
 */
import type { Intent, OpenIntent, Step, Target } from '../state/index.ts';

/** Whether some call of control is still to be made or was not answered. */
export function hasUnsentSteps(intent: Intent): boolean {
  return intent.phase === 'counting' || intent.steps.some((step) => step.state === 'unsent');
}

/** Whether it is open for some node whether the sidecar's share is in its queue. */
export function hasOpenTargets(intent: Intent): boolean {
  return Object.values(intent.targets).some(isOpenTarget);
}

function isOpenTarget(target: Target): boolean {
  return target.state === 'pending' || target.state === 'unknown';
}

/** Whether `later` must wait for `earlier`, which is not over and shares a name with it. */
export function mustWait(later: OpenIntent, earlier: OpenIntent): boolean {
  if (later.intent.mustBeEmpty && later.intent.phase === 'waiting') return true;
  if (hasUnsentSteps(earlier.intent)) return true;
  if (!hasOpenTargets(earlier.intent)) return false;
  return later.intent.scope === 'index' || sharesDocuments(later, earlier);
}

function sharesDocuments(later: OpenIntent, earlier: OpenIntent): boolean {
  const scopes = [later.intent.scope, earlier.intent.scope];
  if (scopes.includes('none')) return false;
  if (scopes.includes('all')) return true;
  const [small, large] =
    later.hashes.length <= earlier.hashes.length ? [later, earlier] : [earlier, later];
  const set = hashSetOf(large);
  for (let at = 0; at + 8 <= small.hashes.length; at += 8) {
    if (set.has(small.hashes.readBigUInt64LE(at))) return true;
  }
  return false;
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

/** Whether everything that was sent has ended on its node, and nothing is left to send. */
export function hasEnded(intent: Intent): boolean {
  return (
    intent.phase === 'running' &&
    intent.steps.every(isStepEnded) &&
    Object.values(intent.targets).every(isTargetEnded)
  );
}

function isStepEnded(step: Step): boolean {
  if (step.state === 'refused') return true;
  return step.task !== null && step.task.status !== 'processing';
}

function isTargetEnded(target: Target): boolean {
  if (isOpenTarget(target)) return false;
  return Object.values(target.parts).every(
    (part) => part.task !== null && part.task.status !== 'processing',
  );
}
