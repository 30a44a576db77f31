/**
 * What a write came to, shard by shard (rule 13 of docs/protocol.md): decided when every copy that counts and
 * has it in its queue has worked on it. Applied by any: in, and the copies where it failed stop to count. By
 * none: out, and nobody is the worse for it, so that a bad batch costs no recovery. A copy where it failed is
 * not read until that is decided.
 */
import {
  asMissed,
  type CopyPlace,
  copiesOf,
  demote,
  hold,
  isInSync,
  notesOf,
  placeOf,
  release,
  resultOf,
  stateOf,
} from '../copies/index.ts';
import type { IndexRecord, OpenIntent, State } from '../state/index.ts';
import { hasOpenTargets } from './conflicts.ts';
import { doesCount, noteOnce, type Share, setOutcome, sharesOf } from './settle.ts';

/** Decides the shards that can be decided. */
export function decide(state: State, open: OpenIntent): void {
  const { intent } = open;
  if (intent.internal !== null || intent.phase === 'waiting') return;
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) return;
  for (const [place, shard] of intent.shards.entries()) {
    const outcome = intent.outcomes[place];
    if (outcome === 'open' || outcome === 'stands') decideShard(state, open, { place, shard });
  }
}

function decideShard(
  state: State,
  open: OpenIntent,
  at: { readonly place: number; readonly shard: number },
): void {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined) return;
  const shares = sharesOf(state, open, { index, shard: at.shard });
  const counting = shares
    .filter(doesCount)
    .map((share) => ({ ...share, result: resultOf(share.target) }));
  const isApplied = counting.some(({ result }) => result === 'ok');
  if (isApplied && intent.applied[at.place] !== true) {
    intent.applied[at.place] = true;
    state.touchIntent(intent);
  }
  if (counting.some(({ result }) => result === 'open')) return;
  const wasApplied = intent.applied[at.place] === true;
  const isKept = counting.length === 0 || wasTakenOver(state, open, { index, shard: at.shard });
  if (isApplied || (wasApplied && isKept)) {
    setOutcome(state, open, at.place, 'in');
    for (const { copy, result } of counting) {
      if (result === 'ok') continue;
      const reason = `write ${intent.seq} failed on it and not elsewhere`;
      demote(state, copy, { to: 'behind', reason, missed: asMissed(open) });
    }
    return;
  }
  // Where one that applied it counts no more, the last of those that do decides.
  if (!wasApplied && counting.length === 0 && hasOpenTargets(intent)) return;
  setOutcome(state, open, at.place, 'out');
  keepOneRemainder(state, open, counting);
  for (const { copy, state: copyState, target } of shares) {
    release(state, copy, intent.seq);
    const mayBeThere = target.state !== 'refused' && target.state !== 'none';
    if (mayBeThere) noteOnce(state, open, { copy, copyState });
  }
}

/**
 * Whether a copy that counts was filled since, from one that had applied the write: it holds it without a
 * task of its own.
 */
function wasTakenOver(
  state: State,
  { intent }: OpenIntent,
  { index, shard }: { readonly index: IndexRecord; readonly shard: number },
): boolean {
  return copiesOf(index, shard).some(({ nodeId }) => {
    const since = notesOf(state, { index, shard, nodeId })?.since ?? -1;
    return since >= placeOf(intent) && isInSync(index, shard, nodeId);
  });
}

/**
 * A write in several parts that fails on every copy may have left some of its parts, and copies are cut into
 * other parts: one copy that has none of it, or else the first, says what holds, and the others are written
 * from it.
 */
function keepOneRemainder(state: State, open: OpenIntent, counting: readonly Share[]): void {
  const hasRemainder = ({ target }: Share): boolean =>
    Object.values(target.parts).some(({ task }) => task?.status === 'succeeded');
  const winner = counting.find((share) => !hasRemainder(share)) ?? counting[0];
  for (const share of counting) {
    if (share === winner || !hasRemainder(share)) continue;
    const reason = `parts of write ${open.intent.seq} failed on it`;
    demote(state, share.copy, { to: 'behind', reason, missed: asMissed(open) });
  }
}

/** A node worked on the write, or on a part of it, and failed: what that means for its copies. */
export function noteFailure(state: State, open: OpenIntent, nodeId: string): void {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  const target = intent.targets[nodeId];
  if (index === undefined || target === undefined) return;
  for (const shard of target.shards) {
    const copy: CopyPlace = { index, shard, nodeId };
    const copyState = stateOf(index, shard, nodeId);
    if (copyState === undefined) continue;
    if (!isInSync(index, shard, nodeId)) {
      noteOnce(state, open, { copy, copyState });
      continue;
    }
    if (intent.internal !== null) continue;
    const outcome = intent.outcomes[intent.shards.indexOf(shard)];
    if (outcome === 'open' || outcome === 'stands') hold(state, copy, intent.seq);
    else if (outcome === 'in') {
      const reason = `write ${intent.seq} failed on it and not elsewhere`;
      demote(state, copy, { to: 'behind', reason, missed: asMissed(open) });
    }
  }
}
