/** Services that only show: topology, indexes, tasks. They show what is committed. */
import { status } from '@grpc/grpc-js';
import type {
  GetIndexRequest,
  IndexServiceServer,
  ShardStatus,
} from '../../../proto/gen/miroir/admin/v1/indexes.ts';
import type {
  ListTasksRequest,
  TaskServiceServer,
} from '../../../proto/gen/miroir/admin/v1/tasks.ts';
import type { TopologyServiceServer } from '../../../proto/gen/miroir/admin/v1/topology.ts';
import { headOf } from '../../copies/index.ts';
import { countShard } from '../../nodes/index.ts';
import type { IndexRecord } from '../../state/index.ts';
import { listTasks, parseTime, type TaskQuery, timeMs } from '../../tasks/index.ts';
import { readTask } from '../task-service.ts';
import { streaming, unary } from './calls.ts';
import { AdminError, invalidRequest, noIndex } from './errors.ts';
import { explainPlacement, shardStatuses } from './index-messages.ts';
import { cutPage, decodeToken, encodeToken, pageSize } from './pages.ts';
import type { ServiceParts } from './parts.ts';
import { statusWord, toTask } from './task-messages.ts';
import { toIndexSummary, toTopology } from './topology-messages.ts';
import { named } from './verdict.ts';

/** Calls to nodes at a time while documents are counted. */
const COUNTS_AT_ONCE = 16;

/** TopologyService. */
export function topologyHandlers(parts: ServiceParts): Partial<TopologyServiceServer> {
  return {
    getTopology: unary(parts, async ({ withoutIndexes }) => {
      await parts.settled();
      const topology = toTopology(parts.sources);
      return { topology: withoutIndexes ? { ...topology, indexes: [] } : topology };
    }),
    watchTopology: streaming(parts, (call) => parts.topologyHub.add(call)),
  };
}

/** IndexService. */
export function indexHandlers(parts: ServiceParts): Partial<IndexServiceServer> {
  const { sources, settled } = parts;
  const { state } = sources;
  return {
    listIndexes: unary(parts, async ({ page, uidPrefix }) => {
      await settled();
      const found = named(state).filter(({ uid }) => uid.startsWith(uidPrefix));
      const cut = cutPage(found, ({ uid }) => uid, page, true);
      const indexes = cut.entries.map(({ uid, index }) => toIndexSummary(sources, uid, index));
      return { indexes, page: cut.page };
    }),
    getIndex: unary(parts, async (request: GetIndexRequest, { signal }) => {
      await settled();
      const index = indexOf(parts, request.indexUid);
      const wrong = request.shards.find((shard) => shard >= index.shardCount);
      if (wrong !== undefined) {
        const most = index.shardCount - 1;
        throw invalidRequest(`shards: ${wrong} is not from 0 to ${most}.`);
      }
      const shards = shardStatuses(state, index, request.shards);
      const summary = toIndexSummary(sources, request.indexUid, index);
      const response = {
        index: summary,
        shards,
        foreignNodeIds: [...index.foreignNodeIds],
        settingsJson: JSON.stringify(index.settings),
        laneHead: BigInt(headOf(state)),
      };
      if (request.withDocumentCounts) await countDocuments(parts, { index, shards }, signal);
      return response;
    }),
    explainPlacement: unary(parts, async ({ indexUid, primaryKey }) => {
      await settled();
      if (primaryKey === '') throw invalidRequest('primary_key: a document has an identifier.');
      const index = indexOf(parts, indexUid);
      return explainPlacement(state, { uid: indexUid, index, primaryKey });
    }),
  };
}

/** TaskService. */
export function taskHandlers(parts: ServiceParts): Partial<TaskServiceServer> {
  const { state } = parts.sources;
  const read = (uid: number) => readTask({ state, store: parts.store }, uid);
  return {
    getTask: unary(parts, async ({ uid }) => {
      await parts.settled();
      const summary = state.summaries[Number(uid)];
      const task = summary === undefined || summary.isDeleted ? undefined : read(Number(uid));
      if (task === undefined) {
        throw new AdminError('task_not_found', `Task \`${uid}\` not found.`, {
          status: status.NOT_FOUND,
          about: { task: String(uid) },
        });
      }
      return { task: toTask(state, task) };
    }),
    listTasks: unary(parts, async (request: ListTasksRequest) => {
      await parts.settled();
      const found = listTasks(state, toQuery(request));
      const tasks = found.uids.flatMap((uid) => {
        const task = read(uid);
        return task === undefined ? [] : [toTask(state, task)];
      });
      const nextToken = found.next === null ? '' : encodeToken(String(found.next));
      return { tasks, page: { nextToken, total: BigInt(found.total) } };
    }),
  };
}

function indexOf({ sources }: ServiceParts, uid: string): IndexRecord {
  const index = sources.state.entryOf(uid)?.index;
  if (index === undefined) throw noIndex(uid);
  return index;
}

/** Fills in the counts, a few calls at a time. */
async function countDocuments(
  parts: ServiceParts,
  of: { readonly index: IndexRecord; readonly shards: readonly ShardStatus[] },
  signal: AbortSignal,
): Promise<void> {
  const { index } = of;
  const indexUid = index.visibleUid ?? index.headUid ?? '';
  const wanted = of.shards.flatMap(({ shard, copies }) => copies.map((copy) => ({ shard, copy })));
  const work = async (): Promise<void> => {
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const { shard, copy } = next;
      const node = parts.nodes.get(copy.nodeId);
      if (node === undefined || parts.sources.state.downNodes.has(copy.nodeId)) continue;
      const place = { indexUid, primaryKey: index.primaryKey ?? '', shard };
      const count = await countShard(node, place, signal);
      if (count !== undefined) copy.documentCount = BigInt(count);
    }
  };
  await Promise.all(Array.from({ length: COUNTS_AT_ONCE }, work));
}

function toQuery(request: ListTasksRequest): TaskQuery {
  const time = (field: string, text: string): number | undefined => {
    if (text === '') return undefined;
    if (parseTime(text) === undefined) throw invalidRequest(`${field}: "${text}" is not RFC 3339.`);
    return timeMs(text);
  };
  const token = decodeToken(request.page?.token ?? '');
  return {
    limit: pageSize(request.page),
    from: token === undefined ? undefined : Number(token),
    isReverse: request.oldestFirst,
    uids: [],
    batchUids: request.batchUids.map(Number),
    canceledBy: [],
    types: request.types,
    statuses: request.statuses.flatMap((word) => statusWord(word) ?? []),
    indexUids: request.indexUids,
    beforeEnqueuedMs: time('enqueued_before', request.enqueuedBefore),
    afterEnqueuedMs: time('enqueued_after', request.enqueuedAfter),
    beforeStartedMs: undefined,
    afterStartedMs: undefined,
    beforeFinishedMs: undefined,
    afterFinishedMs: undefined,
    allowedIndexes: [],
  };
}
