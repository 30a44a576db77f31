/** What tests of cancelations do with the reducer: writes that wait in the nodes' queues, and their end. */
import * as assert from 'uvu/assert';
import { decodeJson, numberedKey, PREFIX } from '../../../../control/machine/index.ts';
import type { TaskRecord } from '../../../../control/state/index.ts';
import type { TaskQuery } from '../../../../control/tasks/list.ts';
import { addition, granted, type Hand } from './lane-hand.ts';

/** Status of a task; undefined if there is none. */
export function statusOf(hand: Hand, seq: number): string | undefined {
  return hand.state.summaries[seq]?.status;
}

/** Adds a document; it is in the queue of every node, and none has begun. */
export function sendAddition(hand: Hand, uid: string, key: string): number {
  const { ticket, reply } = hand.begin(addition(uid, key));
  if (reply === undefined) hand.runSteps();
  const seq = granted(
    reply ??
      hand.effects.flatMap((effect) =>
        effect.kind === 'beginReply' && effect.ticket === ticket ? [effect.reply] : [],
      )[0],
  );
  hand.report(seq, hand.acks(seq));
  return seq;
}

/** Deletes all documents of an index; every node has it in its queue. */
export function sendDeletion(hand: Hand, uid: string): number {
  const kind = 'documentsDeleteAll';
  const seq = granted(hand.begin({ kind, indexUid: uid, touchesAllShards: true }).reply);
  hand.report(seq, hand.acks(seq));
  return seq;
}

/** Of all tasks of the nodes, those end like this. */
export function endWhere(
  hand: Hand,
  status: 'succeeded' | 'canceled',
  isMeant: (nodeId: string, seq: number) => boolean,
): void {
  for (const { id } of hand.state.cluster.nodes) {
    const known = [...(hand.state.outstanding.get(id) ?? [])];
    const isOne = ([, { seq, part }]: (typeof known)[number]): boolean =>
      isMeant(id, seq) && part !== null;
    const isGround = ([, { seq, part }]: (typeof known)[number]): boolean =>
      isMeant(id, seq) && part === null;
    hand.endTasks(
      id,
      known.filter(isGround).map(([uid]) => uid),
      { status: 'succeeded' },
    );
    hand.endTasks(
      id,
      known.filter(isOne).map(([uid]) => uid),
      { status },
    );
  }
}

/** Nothing is open, and nothing is left of any index. */
export function assertNoIndex({ state }: Hand): void {
  assert.is(state.open.size, 0);
  assert.equal([state.head.size, state.visible.size, state.indexes.size], [0, 0, 0]);
}

/** A call about tasks; its own place. */
export function callTasks(
  hand: Hand,
  kind: 'tasksCancel' | 'tasksDelete',
  filter: Partial<Record<keyof TaskQuery, unknown>>,
): number {
  const { reply } = hand.begin({ kind, indexUid: '', body: { matchesNothing: false, filter } });
  assert.is(reply?.kind, 'settled');
  return reply?.kind === 'settled' ? reply.seq : -1;
}

/** Sends the cancelations; nodes, or one of them, cancel what they are told to. How many calls that took. */
export function cancelOnNodes(hand: Hand, only?: string): number {
  const calls = hand.runSteps().filter(({ path }) => path.startsWith('/tasks/cancel?uids='));
  for (const { nodeId, path } of calls) {
    if (only !== undefined && nodeId !== only) continue;
    const uids = (path.split('=')[1] ?? '').split(',').map(Number);
    hand.endTasks(nodeId, uids, { status: 'canceled' });
  }
  return calls.length;
}

/** Code of the error that a task ended with. */
export function errorOf(hand: Hand, seq: number): string | undefined {
  const bytes = hand.disk.get(numberedKey(PREFIX.task, seq));
  return bytes === undefined ? undefined : decodeJson<TaskRecord>(bytes).error?.code;
}
