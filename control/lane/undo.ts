/**
 * A settings change can fail for the documents a node happens to hold (an embedder that misses vectors) and
 * succeed on another. One node would have changed nothing, so the nodes that took it get the values of
 * before back, as part of the same write: until they are on their way, later writes to the index wait.
 */
import { isObject, mergeSettings, type Settings } from '../../core/settings/index.ts';
import { settingsSteps } from '../catalog/index.ts';
import type { IndexRecord, Intent, State, Step } from '../state/index.ts';

/** Adds the steps that take a half-done settings change back; false if there is nothing to take back. */
export function addUndoSteps(state: State, intent: Intent): boolean {
  if (intent.kind !== 'settingsUpdate' || intent.isUndone || intent.change === null) return false;
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) return false;
  const main = intent.steps.filter((step) => !step.isGround && step.state !== 'skipped');
  const succeeded = new Set(main.filter(hasSucceeded).map((step) => step.nodeId));
  if (succeeded.size === 0 || succeeded.size === main.length) return false;
  intent.isUndone = true;
  const change = changeBack(index, intent.seq, intent.change);
  const plan = settingsSteps(index, intent.indexUid, change);
  const shift = intent.bodies.length;
  intent.bodies = [...intent.bodies, ...plan.bodies];
  const steps = plan.steps.filter((step) => succeeded.has(step.nodeId));
  intent.steps.push(...steps.map((step) => ({ ...step, isGround: true, body: step.body + shift })));
  state.touchIntent(intent);
  return true;
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
