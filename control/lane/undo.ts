/**
 * A settings change can fail for the documents a node happens to hold (an embedder that misses vectors) and
 * succeed on another. One node would have changed nothing, so the nodes that took it get the values of
 * before back, as part of the same write: until they are on their way, later writes to the index wait. Names
 * that were exchanged meanwhile are the index's names by then.
 */
import { isObject, mergeSettings, type Settings } from '../../core/settings/index.ts';
import { settingsSteps } from '../catalog/index.ts';
import type { IndexRecord, Intent, State, Step } from '../state/index.ts';
import { hasUnsentSteps } from './conflicts.ts';

/** Adds the steps that take a half-done settings change back; false if there is nothing to take back. */
export function addUndoSteps(state: State, intent: Intent): boolean {
  if (intent.kind !== 'settingsUpdate' || intent.isUndone || intent.change === null) return false;
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) return false;
  const main = intent.steps.filter((step) => !step.isGround && step.state !== 'skipped');
  const succeeded = new Set(main.filter(hasSucceeded).map((step) => step.nodeId));
  if (succeeded.size === 0 || succeeded.size === main.length) return false;
  intent.isUndone = true;
  state.touchIntent(intent);
  const uid = nameInQueues(state, intent);
  if (uid === null) return false;
  if (!intent.names.includes(uid)) intent.names = [...intent.names, uid];
  const change = changeBack(index, intent.seq, intent.change);
  const plan = settingsSteps(index, uid, change);
  const shift = intent.bodies.length;
  intent.bodies = [...intent.bodies, ...plan.bodies];
  const steps = plan.steps.filter((step) => succeeded.has(step.nodeId));
  intent.steps.push(...steps.map((step) => ({ ...step, isGround: true, body: step.body + shift })));
  return true;
}

/**
 * What the index of a write is called behind all that is in the nodes' queues: exchanges of names and
 * deletions that came after the write may be there by now. Null if it is gone by then.
 */
function nameInQueues(state: State, { seq, indexId, indexUid }: Intent): string | null {
  let name = indexUid;
  const later = [...state.open.values()].map(({ intent }) => intent);
  for (const other of later.sort((a, b) => a.seq - b.seq)) {
    if (other.seq <= seq || other.internal !== null || other.error !== null) continue;
    const isGone = other.kind === 'indexDelete' && other.indexId === indexId;
    const renamed = other.swaps.flatMap(({ left, right, leftId, rightId }) =>
      leftId === indexId ? [right] : rightId === indexId ? [left] : [],
    );
    if (!isGone && renamed.length === 0) continue;
    if (hasUnsentSteps(other)) return name;
    if (isGone) return null;
    name = renamed.at(-1) ?? name;
  }
  return name;
}

function hasSucceeded(step: Step): boolean {
  return step.task?.status === 'succeeded';
}

/** The change that leads from the settings with `failed` to those without it. */
function changeBack(index: IndexRecord, seq: number, failed: Settings): Settings {
  const wanted = index.pending
    .filter((item) => item.seq !== seq)
    .reduce<Settings>((settings, item) => mergeSettings(settings, item.change), index.settings);
  return Object.fromEntries(
    Object.entries(failed).map(([key, value]) => [key, valueBack(value, wanted[key])]),
  );
}

/** Members that only the failed change set are reset by name. */
function valueBack(failed: unknown, wanted: unknown): unknown {
  if (wanted === undefined) return null;
  if (!isObject(failed) || !isObject(wanted)) return wanted;
  const resets = Object.keys(failed).filter((member) => !(member in wanted));
  return { ...Object.fromEntries(resets.map((member) => [member, null])), ...wanted };
}
