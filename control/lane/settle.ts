/**
 * What a write's sends came to, shard by shard (rules 5 and 6 of docs/protocol.md): once no copy that counts
 * is pending, either some of them have it in their queue, and then those that do not, or may not, stop to
 * count; or none has it and none may have it, and then it is out. While none has it and some may, all go on
 * to count and the write keeps its place in the lane.
 */
import {
  asMissed,
  type CopyPlace,
  copiesOf,
  demote,
  isUnanswered,
  note,
  notesOf,
  noteWhileFilling,
  placeOf,
  release,
} from '../copies/index.ts';
import type { IndexRecord, OpenIntent, State, Target } from '../state/index.ts';

/** A copy of a shard that a write goes to. */
export interface Share {
  readonly copy: CopyPlace;
  readonly state: ReturnType<typeof copiesOf>[number]['state'];
  readonly target: Target;
}

/** Settles every shard of an intent as far as its answers go. */
export function settle(state: State, open: OpenIntent): void {
  const { intent } = open;
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined || intent.phase === 'waiting') return;
  for (const [place, shard] of intent.shards.entries()) {
    const shares = sharesOf(state, open, { index, shard });
    if (intent.internal === null) settleCounting(state, open, { place, shares });
    settleOthers(state, open, { place, shares });
  }
}

/** The copies of a shard that the write goes to, with what became of it there. */
export function sharesOf(
  state: State,
  open: OpenIntent,
  at: { readonly index: IndexRecord; readonly shard: number },
): Share[] {
  const { index, shard } = at;
  return copiesOf(index, shard).flatMap(({ nodeId, state: copyState }) => {
    const target = open.intent.targets[nodeId];
    if (target?.shards.includes(shard) !== true) return [];
    const copy = { index, shard, nodeId };
    // Filled since: whatever its tasks did, it holds what its source holds.
    if ((notesOf(state, copy)?.since ?? -1) >= placeOf(open.intent)) return [];
    return [{ copy, state: copyState, target }];
  });
}

/** Whether the copy counts. */
export function doesCount({ state }: Share): boolean {
  return state === 'in-sync' || state === 'held';
}

interface ShardShares {
  readonly place: number;
  readonly shares: readonly Share[];
}

function settleCounting(state: State, open: OpenIntent, { place, shares }: ShardShares): void {
  const { intent } = open;
  const counting = shares.filter(doesCount);
  if (counting.length === 0 || counting.some(({ target }) => target.state === 'pending')) return;
  const missed = asMissed(open);
  const isTaken = counting.some(({ target }) => target.state === 'enqueued');
  const isUnsure = counting.some(({ target }) => target.state === 'unknown');
  if (isTaken) {
    for (const { copy, target } of counting) {
      const reason = target.reason ?? 'it did not answer';
      if (target.state === 'unknown') demote(state, copy, { to: 'suspect', reason, missed: null });
      else if (target.state !== 'enqueued') demote(state, copy, { to: 'behind', reason, missed });
    }
    if (intent.outcomes[place] === 'open') setOutcome(state, open, place, 'stands');
    return;
  }
  if (isUnsure || intent.outcomes[place] !== 'open' || intent.applied[place] === true) return;
  setOutcome(state, open, place, 'out');
  for (const { copy } of shares) release(state, copy, intent.seq);
  // Parts of it are on some copies: one that has none of it, or else the first, says what holds.
  const winner = counting.find(({ target }) => target.state !== 'partial') ?? counting[0];
  for (const share of counting) {
    if (share === winner || share.target.state !== 'partial') continue;
    const reason = share.target.reason ?? 'parts of a write are missing';
    demote(state, share.copy, { to: 'behind', reason, missed });
  }
}

/** Copies that do not count note what they did not get, or got though it counts nowhere. */
function settleOthers(state: State, open: OpenIntent, { place, shares }: ShardShares): void {
  const isOut = open.intent.outcomes[place] === 'out';
  for (const { copy, state: copyState, target } of shares) {
    if (copyState === 'filling' && target.state === 'unknown') {
      const reason = target.reason ?? 'it did not answer';
      demote(state, copy, { to: 'suspect', reason, missed: asMissed(open) });
      continue;
    }
    if (isUnanswered(target) || (target.state === 'enqueued' && !isOut)) continue;
    noteOnce(state, open, { copy, copyState });
  }
}

/** Notes the write as missed on a copy that does not count; once in its life. */
export function noteOnce(
  state: State,
  open: OpenIntent,
  at: { readonly copy: CopyPlace; readonly copyState: Share['state'] },
): void {
  const { copy, copyState } = at;
  if (copyState === 'in-sync' || copyState === 'held' || copyState === 'leaving') return;
  const name = `${copy.shard} ${copy.nodeId}`;
  if (open.notedCopies.has(name)) return;
  open.notedCopies.add(name);
  if (copyState === 'filling') noteWhileFilling(state, copy, asMissed(open));
  else note(state, copy, asMissed(open));
}

/** Sets what became of the write on one shard. */
export function setOutcome(
  state: State,
  open: OpenIntent,
  place: number,
  outcome: OpenIntent['intent']['outcomes'][number],
): void {
  open.intent.outcomes[place] = outcome;
  state.touchIntent(open.intent);
}
