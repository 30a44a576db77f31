/**
 * Every route of Meilisearch 1.50 and of Miroir, in one place. A row without a handler answers 501 with
 * the route's name; a path that has no row answers an empty 404 as a node does.
 */
import {
  handleDocumentDelete,
  handleDocumentDeleteAll,
  handleDocumentDeleteBatch,
  handleDocumentDeleteByFilter,
  handleDocumentEdit,
  handleDocumentReplace,
  handleDocumentUpdate,
} from '../writes/index.ts';
import { getBatch, listBatches } from './batches.ts';
import type { Route } from './context.ts';
import { getDocument, listDocuments, postFetch } from './documents-read.ts';
import { documentWrite } from './documents-write.ts';
import { explainReads } from './explain.ts';
import { postFacetSearch } from './facet-search.ts';
import { changeFeatures, getFeatures } from './features.ts';
import { postFields } from './fields.ts';
import { getHealth, getRoot, getVersion } from './health.ts';
import { getIndex, listIndexes } from './indexes-read.ts';
import {
  compactIndex,
  createIndex,
  deleteIndex,
  swapIndexes,
  updateIndex,
} from './indexes-write.ts';
import { changeKey, getKey, listKeys } from './keys.ts';
import { getLivez, getMetrics, getReadyz } from './miroir.ts';
import { postMultiSearch } from './multi-search.ts';
import { getSearch, postSearch } from './search.ts';
import { SETTING_NAMES } from './settings-names.ts';
import { getSetting, getSettings } from './settings-read.ts';
import { resetSetting, resetSettings, updateSetting, updateSettings } from './settings-write.ts';
import { getSimilar, postSimilar } from './similar.ts';
import { getIndexStats, getStats } from './stats.ts';
import { cancelTasks, deleteTasks } from './task-changes.ts';
import { getTaskDocuments } from './task-documents.ts';
import { getTask, listTasks } from './tasks.ts';
import { getTopology } from './topology.ts';

const INDEX = '/indexes/{index_uid}';

const COPY_DOCUMENTS =
  'A node has its own part only. Read all documents with `POST /indexes/{index_uid}/documents/fetch`, page by page, and the settings with `GET /indexes/{index_uid}/settings`.';
const READ_LOGS = 'A node tells of itself only. Read the logs of each process where it runs.';
const CONFIGURE_NODES =
  'Miroir itself spreads documents and searches over the nodes; name them under `nodes` in the configuration.';
const COMPACT_NODES = 'A node must be restarted after it: compact each node by itself.';
const POLL_TASKS = 'Nodes would report their own tasks. Ask `GET /tasks` instead.';
const SEARCH_FIRST =
  'A node would search its own part only. Search with `POST /indexes/{index_uid}/search` and hand the hits to the model.';

const settings: readonly Route[] = [
  { method: 'GET', template: `${INDEX}/settings`, action: 'settings.get', handler: getSettings },
  {
    method: 'PATCH',
    template: `${INDEX}/settings`,
    action: 'settings.update',
    handler: updateSettings,
  },
  {
    method: 'DELETE',
    template: `${INDEX}/settings`,
    action: 'settings.update',
    handler: resetSettings,
  },
  ...SETTING_NAMES.flatMap((name): Route[] => {
    const template = `${INDEX}/settings/${name.route}`;
    return [
      { method: 'GET', template, action: 'settings.get', handler: getSetting(name) },
      {
        method: name.updateMethod,
        template,
        action: 'settings.update',
        handler: updateSetting(name),
      },
      { method: 'DELETE', template, action: 'settings.update', handler: resetSetting(name) },
    ];
  }),
];

const documents: readonly Route[] = [
  {
    method: 'GET',
    template: `${INDEX}/documents`,
    action: 'documents.get',
    handler: listDocuments,
  },
  {
    method: 'POST',
    template: `${INDEX}/documents`,
    action: 'documents.add',
    handler: documentWrite(handleDocumentReplace),
  },
  {
    method: 'PUT',
    template: `${INDEX}/documents`,
    action: 'documents.add',
    handler: documentWrite(handleDocumentUpdate),
  },
  {
    method: 'DELETE',
    template: `${INDEX}/documents`,
    action: 'documents.delete',
    handler: documentWrite(handleDocumentDeleteAll),
  },
  {
    method: 'POST',
    template: `${INDEX}/documents/fetch`,
    action: 'documents.get',
    handler: postFetch,
  },
  {
    method: 'POST',
    template: `${INDEX}/documents/delete-batch`,
    action: 'documents.delete',
    handler: documentWrite(handleDocumentDeleteBatch),
  },
  {
    method: 'POST',
    template: `${INDEX}/documents/delete`,
    action: 'documents.delete',
    handler: documentWrite(handleDocumentDeleteByFilter),
  },
  {
    method: 'POST',
    template: `${INDEX}/documents/edit`,
    action: 'documents.*',
    handler: documentWrite(handleDocumentEdit),
  },
  {
    method: 'GET',
    template: `${INDEX}/documents/{document_id}`,
    action: 'documents.get',
    handler: getDocument,
  },
  {
    method: 'DELETE',
    template: `${INDEX}/documents/{document_id}`,
    action: 'documents.delete',
    handler: documentWrite(handleDocumentDelete),
  },
];

const searches: readonly Route[] = [
  { method: 'GET', template: `${INDEX}/search`, action: 'search', handler: getSearch },
  { method: 'POST', template: `${INDEX}/search`, action: 'search', handler: postSearch },
  { method: 'POST', template: `${INDEX}/facet-search`, action: 'search', handler: postFacetSearch },
  { method: 'GET', template: `${INDEX}/similar`, action: 'search', handler: getSimilar },
  { method: 'POST', template: `${INDEX}/similar`, action: 'search', handler: postSimilar },
  { method: 'POST', template: '/multi-search', action: 'search', handler: postMultiSearch },
];

const indexes: readonly Route[] = [
  { method: 'GET', template: '/indexes', action: 'indexes.get', handler: listIndexes },
  { method: 'POST', template: '/indexes', action: 'indexes.create', handler: createIndex },
  { method: 'GET', template: INDEX, action: 'indexes.get', handler: getIndex },
  { method: 'PATCH', template: INDEX, action: 'indexes.update', handler: updateIndex },
  { method: 'DELETE', template: INDEX, action: 'indexes.delete', handler: deleteIndex },
  { method: 'POST', template: '/swap-indexes', action: 'indexes.swap', handler: swapIndexes },
  {
    method: 'POST',
    template: `${INDEX}/compact`,
    action: 'indexes.compact',
    handler: compactIndex,
  },
  { method: 'GET', template: `${INDEX}/stats`, action: 'stats.get', handler: getIndexStats },
  { method: 'POST', template: `${INDEX}/fields`, action: 'fields.post', handler: postFields },
];

const tasks: readonly Route[] = [
  { method: 'GET', template: '/tasks', action: 'tasks.get', handler: listTasks },
  { method: 'DELETE', template: '/tasks', action: 'tasks.delete', handler: deleteTasks },
  { method: 'POST', template: '/tasks/cancel', action: 'tasks.cancel', handler: cancelTasks },
  { method: 'POST', template: '/tasks/compact', action: 'tasks.compact', instead: COMPACT_NODES },
  { method: 'GET', template: '/tasks/{task_id}', action: 'tasks.get', handler: getTask },
  {
    method: 'GET',
    template: '/tasks/{task_id}/documents',
    action: 'tasks.get',
    handler: getTaskDocuments,
  },
  { method: 'GET', template: '/batches', action: 'tasks.get', handler: listBatches },
  { method: 'GET', template: '/batches/{batch_id}', action: 'tasks.get', handler: getBatch },
];

const keys: readonly Route[] = [
  { method: 'GET', template: '/keys', action: 'keys.get', handler: listKeys },
  { method: 'POST', template: '/keys', action: 'keys.create', handler: changeKey },
  { method: 'GET', template: '/keys/{key}', action: 'keys.get', handler: getKey },
  { method: 'PATCH', template: '/keys/{key}', action: 'keys.update', handler: changeKey },
  { method: 'DELETE', template: '/keys/{key}', action: 'keys.delete', handler: changeKey },
];

const instance: readonly Route[] = [
  { method: 'GET', template: '/', action: 'none', handler: getRoot },
  { method: 'GET', template: '/health', action: 'none', handler: getHealth },
  { method: 'GET', template: '/version', action: 'version', handler: getVersion },
  { method: 'GET', template: '/stats', action: 'stats.get', handler: getStats },
  { method: 'GET', template: '/metrics', action: 'metrics.get' },
  {
    method: 'GET',
    template: '/experimental-features',
    action: 'experimental.get',
    handler: getFeatures,
  },
  {
    method: 'PATCH',
    template: '/experimental-features',
    action: 'experimental.update',
    handler: changeFeatures,
  },
  { method: 'POST', template: '/dumps', action: 'dumps.create', instead: COPY_DOCUMENTS },
  { method: 'POST', template: '/snapshots', action: 'snapshots.create', instead: COPY_DOCUMENTS },
  { method: 'POST', template: '/export', action: 'export', instead: COPY_DOCUMENTS },
  { method: 'POST', template: '/logs/stream', action: 'metrics.get', instead: READ_LOGS },
  { method: 'DELETE', template: '/logs/stream', action: 'metrics.get', instead: READ_LOGS },
  { method: 'POST', template: '/logs/stderr', action: 'metrics.get', instead: READ_LOGS },
  { method: 'GET', template: '/network', action: 'network.get', instead: CONFIGURE_NODES },
  { method: 'PATCH', template: '/network', action: 'network.update', instead: CONFIGURE_NODES },
  {
    method: 'POST',
    template: '/network/control',
    action: 'network.update',
    instead: CONFIGURE_NODES,
  },
  { method: 'GET', template: '/webhooks', action: 'webhooks.get', instead: POLL_TASKS },
  { method: 'POST', template: '/webhooks', action: 'webhooks.create', instead: POLL_TASKS },
  { method: 'GET', template: '/webhooks/{uuid}', action: 'webhooks.get' },
  { method: 'PATCH', template: '/webhooks/{uuid}', action: 'webhooks.update' },
  { method: 'DELETE', template: '/webhooks/{uuid}', action: 'webhooks.delete' },
];

const assistants: readonly Route[] = [
  { method: 'GET', template: '/chats', action: 'chats.get' },
  { method: 'GET', template: '/chats/{workspace_uid}', action: 'chats.get' },
  { method: 'DELETE', template: '/chats/{workspace_uid}', action: 'chats.delete' },
  { method: 'GET', template: '/chats/{workspace_uid}/settings', action: 'chatsSettings.get' },
  { method: 'PATCH', template: '/chats/{workspace_uid}/settings', action: 'chatsSettings.update' },
  { method: 'DELETE', template: '/chats/{workspace_uid}/settings', action: 'chatsSettings.update' },
  {
    method: 'POST',
    template: '/chats/{workspace_uid}/chat/completions',
    action: 'chatCompletions',
    instead: SEARCH_FIRST,
  },
  { method: 'POST', template: '/dynamic-search-rules', action: 'dynamicSearchRules.get' },
  { method: 'DELETE', template: '/dynamic-search-rules', action: 'dynamicSearchRules.delete' },
  { method: 'GET', template: '/dynamic-search-rules/{uid}', action: 'dynamicSearchRules.get' },
  { method: 'PATCH', template: '/dynamic-search-rules/{uid}', action: 'dynamicSearchRules.update' },
  {
    method: 'DELETE',
    template: '/dynamic-search-rules/{uid}',
    action: 'dynamicSearchRules.delete',
  },
  { method: 'POST', template: '/render-template', action: ['settings.get', 'documents.get'] },
];

const own: readonly Route[] = [
  { method: 'GET', template: '/_miroir/livez', action: 'none', handler: getLivez },
  { method: 'GET', template: '/_miroir/readyz', action: 'none', handler: getReadyz },
  { method: 'GET', template: '/_miroir/metrics', action: 'admin', handler: getMetrics },
  { method: 'GET', template: '/_miroir/topology', action: 'admin', handler: getTopology },
  {
    method: 'POST',
    template: '/_miroir/explain',
    action: 'admin',
    handler: explainReads([...searches, ...documents]),
  },
];

/** The table. */
export const ROUTES: readonly Route[] = [
  ...instance,
  ...indexes,
  ...documents,
  ...searches,
  ...settings,
  ...tasks,
  ...keys,
  ...assistants,
  ...own,
];
