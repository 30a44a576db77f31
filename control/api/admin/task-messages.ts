/** Tasks as the public API shows them, with what became of each on the nodes while it is not over. Pure. */
import { type Task, type TaskPart, TaskStatus } from '../../../proto/gen/miroir/admin/v1/tasks.ts';
import type { Intent, State, TaskRecord } from '../../state/index.ts';
import { detailsOf, groupName } from '../../tasks/index.ts';

const UIDS_MAX = 100;

const STATUSES: Readonly<Record<TaskRecord['status'], TaskStatus>> = {
  enqueued: TaskStatus.ENQUEUED,
  processing: TaskStatus.PROCESSING,
  succeeded: TaskStatus.SUCCEEDED,
  failed: TaskStatus.FAILED,
  canceled: TaskStatus.CANCELED,
};

/** Meilisearch's word for a status; undefined for none. */
export function statusWord(status: TaskStatus): TaskRecord['status'] | undefined {
  const words = Object.keys(STATUSES) as TaskRecord['status'][];
  return words.find((word) => STATUSES[word] === status);
}

/** A task. */
export function toTask(state: State, task: TaskRecord): Task {
  const details = detailsOf(state, task);
  const intent = state.open.get(task.uid)?.intent;
  return {
    uid: BigInt(task.uid),
    batchUid: task.batchUid === null ? undefined : BigInt(task.batchUid),
    indexUid: task.group === null ? '' : groupName(state, task.group),
    status: STATUSES[task.status],
    type: task.type,
    canceledBy: task.canceledBy === null ? undefined : BigInt(task.canceledBy),
    detailsJson: details === null ? '' : JSON.stringify(details),
    error: task.error === null ? undefined : { ...task.error },
    enqueuedAt: task.enqueuedAt,
    startedAt: task.startedAt ?? '',
    finishedAt: task.finishedAt ?? '',
    customMetadata: task.customMetadata ?? '',
    parts: intent === undefined ? [] : partsOf(intent),
  };
}

function partsOf(intent: Intent): TaskPart[] {
  const sent = Object.entries(intent.targets).map(([nodeId, target]): TaskPart => {
    const parts = Object.values(target.parts);
    return {
      nodeId,
      state: target.state,
      shardCount: target.shards.length,
      nodeTaskUids: uids(parts.map(({ uid }) => uid)),
      endedCount: parts.filter(({ task }) => task !== null && task.status !== 'processing').length,
      reason: target.reason ?? '',
    };
  });
  const called = intent.steps.map(
    (step): TaskPart => ({
      nodeId: step.nodeId,
      state: step.state,
      shardCount: 0,
      nodeTaskUids: step.uid === null ? [] : [BigInt(step.uid)],
      endedCount: step.task !== null && step.task.status !== 'processing' ? 1 : 0,
      reason: step.refusal?.message ?? '',
    }),
  );
  return [...called, ...sent];
}

function uids(numbers: readonly number[]): bigint[] {
  return [...numbers]
    .sort((left, right) => left - right)
    .slice(0, UIDS_MAX)
    .map(BigInt);
}
