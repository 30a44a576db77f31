/**
 * The filters of a task list. Only what is surely right is understood; whatever is not is left to a
 * node, which either refuses it in its own words or shows that this file lacks a form.
 */
import type { ListTasksRequest } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { parseCount, parseQuery } from './query.ts';
import { isIndexUid } from './uid.ts';

const LIMIT_DEFAULT = 20;
const UID_MAX = 0xffff_ffff;
const DAY_MS = 86_400_000;

/** Task types of Meilisearch 1.50, as filters name them. */
const TYPES = byLowerCase([
  'documentAdditionOrUpdate',
  'documentEdition',
  'documentDeletion',
  'settingsUpdate',
  'indexCreation',
  'indexDeletion',
  'indexUpdate',
  'indexSwap',
  'taskCancelation',
  'taskDeletion',
  'dumpCreation',
  'snapshotCreation',
  'export',
  'upgradeDatabase',
  'indexCompaction',
  'networkTopologyChange',
  'dsrUpdate',
  'dsrClear',
]);
const STATUSES = byLowerCase(['enqueued', 'processing', 'succeeded', 'failed', 'canceled']);

type Filter = Omit<ListTasksRequest, 'allowedIndexes'>;

/** What a task list asks for. */
export interface TaskQuery {
  readonly filter: Filter;
  /** A list was given that names nothing (`uids=`): no task can match. */
  readonly matchesNothing: boolean;
}

interface Draft {
  readonly filter: Filter;
  matchesNothing: boolean;
}

type ReadField = (draft: Draft, text: string) => boolean;

/** What only a list can be asked: which page of it. */
const PAGE_FIELDS: ReadonlySet<string> = new Set(['limit', 'from', 'reverse']);

/** Whether the parameter says which tasks are meant. */
export function isTaskFilter(name: string): boolean {
  return Object.hasOwn(FIELDS, name) && !PAGE_FIELDS.has(name);
}

/** Reads the filters; undefined if anything is not understood. */
export function parseTaskQuery(text: string): TaskQuery | undefined {
  const draft: Draft = { filter: emptyFilter(), matchesNothing: false };
  for (const [name, value] of parseQuery(text)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (read === undefined || !read(draft, value)) return undefined;
  }
  return draft;
}

const FIELDS: Readonly<Record<string, ReadField>> = {
  limit: ({ filter }, text) => {
    const limit = parseCount(text, UID_MAX);
    if (limit === undefined) return false;
    filter.limit = limit;
    return true;
  },
  from: ({ filter }, text) => {
    const from = parseCount(text, UID_MAX);
    if (from === undefined) return false;
    filter.from = BigInt(from);
    return true;
  },
  reverse: ({ filter }, text) => {
    filter.reverse = text === 'true';
    return text === 'true' || text === 'false';
  },
  uids: list('uids', readNumber),
  batchUids: list('batchUids', readNumber),
  canceledBy: list('canceledBy', readNumber),
  types: list('types', (word) => TYPES.get(word.toLowerCase())),
  statuses: list('statuses', (word) => STATUSES.get(word.toLowerCase())),
  indexUids: list('indexUids', (word) => (isIndexUid(word) ? word : undefined)),
  beforeEnqueuedAt: date('beforeEnqueuedAt', 0),
  afterEnqueuedAt: date('afterEnqueuedAt', DAY_MS),
  beforeStartedAt: date('beforeStartedAt', 0),
  afterStartedAt: date('afterStartedAt', DAY_MS),
  beforeFinishedAt: date('beforeFinishedAt', 0),
  afterFinishedAt: date('afterFinishedAt', DAY_MS),
};

function emptyFilter(): Filter {
  return {
    limit: LIMIT_DEFAULT,
    from: undefined,
    reverse: false,
    uids: [],
    batchUids: [],
    canceledBy: [],
    types: [],
    statuses: [],
    indexUids: [],
    beforeEnqueuedAt: undefined,
    afterEnqueuedAt: undefined,
    beforeStartedAt: undefined,
    afterStartedAt: undefined,
    beforeFinishedAt: undefined,
    afterFinishedAt: undefined,
  };
}

type ListName = 'uids' | 'batchUids' | 'canceledBy' | 'types' | 'statuses' | 'indexUids';

/** Words between commas, one comma may end them; `*` anywhere stands for all. */
function list<Name extends ListName>(
  name: Name,
  read: (word: string) => Filter[Name][number] | undefined,
): ReadField {
  return (draft, text) => {
    const words = text.split(',');
    if (words.at(-1) === '') words.pop();
    const values: unknown[] = [];
    for (const word of words) {
      if (word === '*') continue;
      const value = read(word);
      if (value === undefined) return false;
      values.push(value);
    }
    if (words.includes('*')) return true;
    (draft.filter[name] as unknown[]).push(...values);
    draft.matchesNothing ||= values.length === 0;
    return true;
  };
}

function readNumber(word: string): bigint | undefined {
  const value = parseCount(word, UID_MAX);
  return value === undefined ? undefined : BigInt(value);
}

function byLowerCase(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

type DateName =
  | 'beforeEnqueuedAt'
  | 'afterEnqueuedAt'
  | 'beforeStartedAt'
  | 'afterStartedAt'
  | 'beforeFinishedAt'
  | 'afterFinishedAt';

/** RFC 3339, or a day: before it means before its beginning, after it means after its end. */
function date(name: DateName, dayShiftMs: number): ReadField {
  return ({ filter }, text) => {
    if (text === '*') return true;
    if (/^\d{4}-\d\d-\d\d$/.test(text)) {
      const beginMs = Date.parse(`${text}T00:00:00Z`);
      if (Number.isNaN(beginMs) || !isSameDay(beginMs, text)) return false;
      filter[name] = new Date(beginMs + dayShiftMs).toISOString();
      return true;
    }
    if (!RFC_3339.test(text) || Number.isNaN(Date.parse(text))) return false;
    filter[name] = text;
    return true;
  };
}

/** JavaScript takes the 30th of February for the 2nd of March; a node refuses it. */
function isSameDay(timeMs: number, day: string): boolean {
  return new Date(timeMs).toISOString().startsWith(day);
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
