/** `miroirctl tasks`: the tasks of clients' writes, and where their parts are on the nodes. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type Task,
  TaskServiceService,
  TaskStatus,
} from '../../../proto/gen/miroir/admin/v1/tasks.ts';
import type { Cli, Runner } from '../cli.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { dataOf, jsonData, valueOfWord, wordOf, wordsOf } from '../output/data.ts';
import type { View } from '../output/emit.ts';
import type { Paint } from '../output/paint.ts';
import { type Column, renderPairs, renderTable } from '../output/table.ts';
import { agoOf, clockOf, tookOf } from '../output/times.ts';
import { grouped } from '../output/words.ts';
import { type Look, showOrWatch, type WatchFlags, watchOptions } from '../watch.ts';
import { listView } from './list-view.ts';
import { limitOption, noteLeftOut, readPages, wholeBigint } from './pages.ts';

const TASKS_DEFAULT = 20;
const OPEN: readonly number[] = [TaskStatus.ENQUEUED, TaskStatus.PROCESSING];

interface ListFlags extends WatchFlags {
  readonly status?: readonly string[];
  readonly type?: readonly string[];
  readonly index?: readonly string[];
  readonly batch?: readonly bigint[];
  readonly after?: string;
  readonly before?: string;
  readonly oldestFirst?: boolean;
  readonly limit: number;
}

/** Adds the commands. */
export function addTasks(program: Command, run: Runner): void {
  const tasks = program.command('tasks').description("The tasks of clients' writes.");
  const list = tasks
    .command('list', { isDefault: true })
    .description('Tasks, the newest first.')
    .addOption(
      new Option('--status <status...>', 'only these; may be given again').choices(
        wordsOf(TaskStatus),
      ),
    )
    .option('--type <type...>', 'only these, in words of Meilisearch such as settingsUpdate')
    .option('--index <uid...>', 'only of these indexes')
    .option('--batch <uid>', 'only of this batch; may be given again', collectBigint)
    .option('--after <time>', 'enqueued later than this, RFC 3339', time)
    .option('--before <time>', 'enqueued earlier than this, RFC 3339', time)
    .option('--oldest-first', 'the oldest first')
    .addOption(limitOption(TASKS_DEFAULT));
  for (const option of watchOptions()) list.addOption(option);
  list.action(
    run<ListFlags>((cli, flags) => showOrWatch(cli, flags, () => lookAtTasks(cli, flags))),
  );
  tasks
    .command('get')
    .argument('<uid>', 'uid of the task', wholeBigint)
    .description('One task with its details, its error, and its parts on the nodes.')
    .action(run((cli, _flags, [uid]) => showTask(cli, BigInt(uid ?? ''))));
}

async function lookAtTasks(cli: Cli, flags: ListFlags): Promise<Look> {
  const statuses = (flags.status ?? []).map(
    (word) => valueOfWord(TaskStatus, word) ?? TaskStatus.UNSPECIFIED,
  );
  const { entries, total } = await readPages(flags.limit, async (page) => {
    const answer = await cli.control().call(
      TaskServiceService.listTasks,
      {
        page,
        statuses,
        types: [...(flags.type ?? [])],
        indexUids: [...(flags.index ?? [])],
        batchUids: [...(flags.batch ?? [])],
        oldestFirst: flags.oldestFirst ?? false,
        enqueuedAfter: flags.after ?? '',
        enqueuedBefore: flags.before ?? '',
      },
      'read',
    );
    return { entries: answer.tasks, page: answer.page };
  });
  if (flags.watch !== true) noteLeftOut(cli, entries.length, total);
  const nowMs = cli.io.wallMs();
  const columns: readonly Column<Task>[] = [
    { header: 'TASK', text: ({ uid }) => String(uid), isNumber: true },
    { header: 'STATUS', text: ({ status }) => wordOf(TaskStatus, status), paint: paintOfTask },
    { header: 'TYPE', text: ({ type }) => type },
    { header: 'INDEX', text: ({ indexUid }) => indexUid },
    { header: 'ENQUEUED', text: ({ enqueuedAt }) => agoOf(enqueuedAt, nowMs) },
    { header: 'TOOK', text: (task) => tookOf(task.enqueuedAt, task.finishedAt), isNumber: true },
    { header: 'BATCH', text: ({ batchUid }) => batchUid?.toString(), isNumber: true, isWide: true },
    { header: 'ENQUEUED-AT', text: ({ enqueuedAt }) => clockOf(enqueuedAt), isWide: true },
    { header: 'DETAILS', text: ({ detailsJson }) => detailsJson, isWide: true },
    { header: 'REASON', text: reasonOf },
  ];
  return {
    view: listView({
      name: 'tasks',
      rows: entries,
      columns,
      data: taskData,
      none: 'no tasks',
      more: { total },
    }),
    code: EXIT.ok,
  };
}

/** Why it failed; for one that is under way, the nodes it waits for. */
function reasonOf(task: Task): string {
  if (task.error !== undefined) return task.error.message;
  if (!OPEN.includes(task.status)) return '';
  const waiting = task.parts.filter(
    ({ state, endedCount, nodeTaskUids }) =>
      ['pending', 'unknown'].includes(state) || endedCount < nodeTaskUids.length,
  );
  return waiting.length === 0 ? '' : `waits for ${waiting.map(({ nodeId }) => nodeId).join(', ')}`;
}

function paintOfTask({ status }: Task, paint: Paint): (text: string) => string {
  if (status === TaskStatus.SUCCEEDED) return paint.good;
  return status === TaskStatus.FAILED ? paint.bad : paint.warn;
}

function taskData(task: Task): Record<string, unknown> {
  return dataOf(task, {
    status: wordOf(TaskStatus, task.status),
    details_json: undefined,
    details: jsonData(task.detailsJson),
  });
}

async function showTask(cli: Cli, uid: bigint): Promise<ExitCode> {
  const { task } = await cli.control().call(TaskServiceService.getTask, { uid }, 'read');
  if (task === undefined) throw new CliError(`no task ${uid}`);
  cli.emit(taskView(task, cli.io.wallMs()));
  return EXIT.ok;
}

function taskView(task: Task, nowMs: number): View {
  return {
    data: taskData(task),
    text: (style) => {
      const { error, parts } = task;
      const head = renderPairs(
        [
          ['task', `${task.uid}, ${task.type}`],
          ['status', wordOf(TaskStatus, task.status)],
          ['error', error === undefined ? '' : `${error.message} (${error.code})`],
          ['index', task.indexUid],
          ['batch', task.batchUid?.toString() ?? ''],
          ['enqueued', `${clockOf(task.enqueuedAt)} UTC, ${agoOf(task.enqueuedAt, nowMs)}`],
          ['waited', tookOf(task.enqueuedAt, task.startedAt)],
          ['ran', tookOf(task.startedAt, task.finishedAt)],
          ['cancelled by', task.canceledBy === undefined ? '' : `task ${task.canceledBy}`],
          ['details', task.detailsJson],
          ['metadata', task.customMetadata],
        ],
        style.paint,
      );
      if (parts.length === 0) return head;
      const table = renderTable(
        [
          { header: 'NODE', text: ({ nodeId }) => nodeId },
          { header: 'SENT', text: ({ state }) => state },
          { header: 'SHARDS', text: ({ shardCount }) => grouped(shardCount), isNumber: true },
          {
            header: 'ENDED',
            text: (part) => `${part.endedCount}/${part.nodeTaskUids.length}`,
            isNumber: true,
          },
          { header: 'NODE-TASKS', text: ({ nodeTaskUids }) => nodeTaskUids.join(',') },
          { header: 'REASON', text: ({ reason }) => reason },
        ],
        parts,
        style,
      );
      return `${head}\n${table}`;
    },
  };
}

function collectBigint(text: string, earlier: readonly bigint[] | undefined): readonly bigint[] {
  return [...(earlier ?? []), wholeBigint(text)];
}

function time(text: string): string {
  if (!Number.isNaN(Date.parse(text)) && /^\d{4}-\d{2}-\d{2}T/.test(text)) return text;
  throw new InvalidArgumentError('It is a time such as 2026-11-30T15:00:00Z.');
}
