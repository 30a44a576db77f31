/** Index routes: list, create, change, delete, swap, statistics, fields. */
import {
  count,
  type Decoder,
  decodeObject,
  flag,
  invalidValue,
  list,
  missingField,
  orNull,
  queryCount,
  queryFlag,
  text,
  wrongKind,
} from '../decode.ts';
import { EngineError } from '../errors.ts';
import { featuresOf } from '../filter/patterns.ts';
import {
  type Answer,
  type Call,
  checkIndexUid,
  invalidIndexUid,
  isIndexUid,
  type Route,
} from '../router.ts';
import { settingMember, textList } from '../settings.ts';
import { compareBytes, type IndexStore } from '../store.ts';
import { type Swap, summarizedView } from '../tasks.ts';
import { type Json, type Out, printJson } from '../value.ts';

export const indexRoutes: readonly Route[] = [
  { method: 'GET', path: '/indexes', action: 'indexes.get', handler: listIndexes },
  { method: 'POST', path: '/indexes', action: 'indexes.create', handler: create },
  { method: 'GET', path: '/indexes/{index}', action: 'indexes.get', handler: getOne },
  { method: 'PATCH', path: '/indexes/{index}', action: 'indexes.update', handler: update },
  { method: 'DELETE', path: '/indexes/{index}', action: 'indexes.delete', handler: remove },
  { method: 'POST', path: '/swap-indexes', action: 'indexes.swap', handler: swap },
  { method: 'POST', path: '/indexes/{index}/compact', action: 'indexes.compact', handler: compact },
  { method: 'GET', path: '/indexes/{index}/stats', action: 'stats.get', handler: indexStats },
  { method: 'POST', path: '/indexes/{index}/fields', action: 'fields.post', handler: listFields },
  { method: 'GET', path: '/stats', action: 'stats.get', handler: allStats },
];

function view(index: IndexStore): { [key: string]: Out } {
  return {
    uid: index.uid,
    createdAt: index.createdAt,
    updatedAt: index.updatedAt,
    primaryKey: index.primaryKey ?? null,
  };
}

function visible(call: Call): IndexStore[] {
  return [...call.engine.indexes.values()]
    .filter((index) => call.access.sees(index.uid))
    .sort((a, b) => compareBytes(a.uid, b.uid));
}

function listIndexes(call: Call): Answer {
  const codes = { offset: 'invalid_index_offset', limit: 'invalid_index_limit' };
  const query = call.query(codes);
  const offset = queryCount(query, 'offset', codes.offset) ?? 0;
  const limit = queryCount(query, 'limit', codes.limit) ?? 20;
  const all = visible(call);
  return {
    status: 200,
    body: {
      results: all.slice(offset, offset + limit).map(view),
      offset,
      limit,
      total: all.length,
    },
  };
}

function getOne(call: Call): Answer {
  return { status: 200, body: view(call.engine.index(call.indexUid)) };
}

const uidDecoder: Decoder<string> = (value, place) => {
  const uid = text(value, place);
  if (!isIndexUid(uid)) throw invalidValue(place, invalidIndexUid(uid));
  return uid;
};

function create(call: Call): Answer {
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    {
      uid: { decode: uidDecoder, code: 'invalid_index_uid' },
      primaryKey: { decode: orNull(text), code: 'invalid_index_primary_key' },
    },
  );
  const uid = body.get('uid') as string | undefined;
  if (uid === undefined) throw missingField('uid', { path: '', code: 'missing_index_uid' });
  if (!call.access.sees(uid)) throw call.access.refuse(uid);
  const primaryKey = (body.get('primaryKey') as string | null | undefined) ?? null;
  const task = call.engine.enqueue({ type: 'indexCreation', primaryKey }, uid);
  return { status: 202, body: summarizedView(task) };
}

const IMMUTABLE = new Map([
  ['createdAt', 'immutable_index_created_at'],
  ['updatedAt', 'immutable_index_updated_at'],
]);

function update(call: Call): Answer {
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    {
      primaryKey: { decode: orNull(text), code: 'invalid_index_primary_key' },
      uid: { decode: orNull(text), code: 'invalid_index_uid' },
    },
    {
      onUnknown: (key) => {
        const code = IMMUTABLE.get(key);
        return code === undefined
          ? undefined
          : new EngineError(
              code,
              `Immutable field \`${key}\`: expected one of \`primaryKey\`, \`uid\``,
            );
      },
    },
  );
  const uid = call.indexUid;
  const newUid = (body.get('uid') as string | null | undefined) ?? undefined;
  if (newUid !== undefined) checkIndexUid(newUid);
  const primaryKey = (body.get('primaryKey') as string | null | undefined) ?? null;
  const task = call.engine.enqueue({ type: 'indexUpdate', primaryKey, newUid }, uid);
  return { status: 202, body: summarizedView(task) };
}

function remove(call: Call): Answer {
  const task = call.engine.enqueue({ type: 'indexDeletion' }, call.indexUid);
  return { status: 202, body: summarizedView(task) };
}

/** There is nothing to compact in memory, so the sizes before and after are alike. */
function compact(call: Call): Answer {
  const task = call.engine.enqueue({ type: 'indexCompaction' }, call.indexUid);
  return { status: 202, body: summarizedView(task) };
}

function swap(call: Call): Answer {
  const swaps = list((value, place): Swap => {
    const given = decodeObject(value, place, {
      indexes: { decode: list(uidDecoder), code: 'invalid_swap_indexes' },
      rename: { decode: flag, code: 'invalid_swap_rename' },
    });
    const indexes = given.get('indexes') as string[] | undefined;
    if (indexes === undefined) {
      throw missingField('indexes', { ...place, code: 'missing_swap_indexes' });
    }
    return {
      indexes: indexes as unknown as [string, string],
      rename: (given.get('rename') as boolean | undefined) ?? false,
    };
  })(call.json(), { path: '', code: 'bad_request' });
  const seen = new Set<string>();
  for (const { indexes } of swaps) {
    checkPair(indexes);
    for (const uid of indexes) {
      if (seen.has(uid)) {
        throw new EngineError(
          'invalid_swap_duplicate_index_found',
          `Indexes must be declared only once during a swap. \`${uid}\` was specified several times.`,
        );
      }
      seen.add(uid);
      if (!call.access.sees(uid)) throw call.access.refuse(uid);
    }
  }
  const task = call.engine.enqueue({ type: 'indexSwap', swaps }, null);
  return { status: 202, body: summarizedView(task) };
}

function checkPair(indexes: readonly string[]): void {
  if (indexes.length === 2) return;
  const shown = indexes.map((uid) => `"${uid}"`).join(', ');
  throw new EngineError(
    'invalid_swap_indexes',
    `Two indexes must be given for each swap. The list \`[${shown}]\` contains ${indexes.length} indexes.`,
  );
}

const STATS_CODES = {
  showInternalDatabaseSizes: 'invalid_stats_show_internal_database_sizes',
  sizeFormat: 'invalid_stats_size_format',
};

/** Reads the parameters of the statistics routes and gives the way sizes are printed. */
function sizeFormat(call: Call): (bytes: number) => Out {
  const query = call.query(STATS_CODES);
  queryFlag(query, 'showInternalDatabaseSizes', STATS_CODES.showInternalDatabaseSizes);
  const format = query.get('sizeFormat') ?? 'raw';
  if (format !== 'raw' && format !== 'human') {
    throw new EngineError(
      STATS_CODES.sizeFormat,
      `Unknown value \`${format}\` for parameter \`sizeFormat\`: expected one of \`human\`, \`raw\``,
    );
  }
  return (bytes) => (format === 'raw' ? bytes : `${Math.ceil(bytes / 1024)} KiB`);
}

function statsOf(call: Call, index: IndexStore, size: (bytes: number) => Out) {
  const average = index.documentCount === 0 ? 0 : averageBytes(index);
  const isIndexing = [...call.engine.tasks.values()].some(
    (task) => task.status === 'processing' && task.indexUid === index.uid,
  );
  return {
    numberOfDocuments: index.documentCount,
    rawDocumentDbSize: size(average * index.documentCount),
    avgDocumentSize: size(average),
    isIndexing,
    numberOfEmbeddings: 0,
    numberOfEmbeddedDocuments: 0,
    fieldDistribution: index.fieldDistribution(),
  };
}

const SAMPLED_DOCUMENTS = 100;

/** Mean length of the JSON of some documents. */
function averageBytes(index: IndexStore): number {
  const sample = index.documents().slice(0, SAMPLED_DOCUMENTS);
  const bytes = sample.reduce((sum, { fields }) => sum + printJson(fields).length, 0);
  return Math.round(bytes / Math.max(1, sample.length));
}

function indexStats(call: Call): Answer {
  const size = sizeFormat(call);
  return { status: 200, body: statsOf(call, call.engine.index(call.indexUid), size) };
}

function allStats(call: Call): Answer {
  const size = sizeFormat(call);
  const indexes = visible(call);
  const bytes = [...call.engine.indexes.values()].reduce(
    (sum, index) => sum + averageBytes(index) * index.documentCount,
    0,
  );
  const updates = indexes.map((index) => index.updatedAt).sort();
  return {
    status: 200,
    body: {
      databaseSize: size(bytes + 4096),
      usedDatabaseSize: size(bytes),
      lastUpdate: updates.at(-1) ?? null,
      indexes: Object.fromEntries(indexes.map((index) => [index.uid, statsOf(call, index, size)])),
    },
  };
}

const FIELDS_FLAGS = [
  'displayed',
  'searchable',
  'sortable',
  'distinct',
  'rankingRule',
  'filterable',
] as const;

function listFields(call: Call): Answer {
  const filterFields = Object.fromEntries(
    ['attributePatterns', ...FIELDS_FLAGS].map((name) => [
      name,
      {
        decode: name === 'attributePatterns' ? orNull(list(text)) : orNull(flag),
        code: `invalid_index_fields_filter_${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
      },
    ]),
  );
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    {
      offset: { decode: count(), code: 'invalid_index_offset' },
      limit: { decode: count(), code: 'invalid_index_limit' },
      filter: {
        decode: orNull((value: Json, place) => {
          if (!(value instanceof Map)) throw wrongKind(value, place, 'an object');
          return decodeObject(value, place, filterFields);
        }),
        code: 'invalid_index_fields_filter',
      },
    },
  );
  const offset = (body.get('offset') as number | undefined) ?? 0;
  const limit = (body.get('limit') as number | undefined) ?? 20;
  const filter = (body.get('filter') as Map<string, unknown> | null | undefined) ?? new Map();
  const index = call.engine.index(call.indexUid);
  const all = [...index.fieldPaths]
    .sort(compareBytes)
    .map((name) => fieldView(index, name))
    .filter((field) => passes(field, filter));
  return {
    status: 200,
    body: {
      results: all.slice(offset, offset + limit) as unknown as Out,
      offset,
      limit,
      total: all.length,
    },
  };
}

function fieldView(index: IndexStore, name: string) {
  const { settings } = index;
  const covers = (list_: readonly string[]) =>
    list_.some((entry) => entry === '*' || entry === name || name.startsWith(`${entry}.`));
  const features = featuresOf(settings.get('filterableAttributes') ?? null, name);
  const orders = settingMember(settings, 'faceting', 'sortFacetValuesBy');
  const order = orders instanceof Map ? (orders.get(name) ?? orders.get('*')) : 'alpha';
  const rules = textList(settings, 'rankingRules');
  return {
    name,
    displayed: { enabled: covers(textList(settings, 'displayedAttributes')) },
    searchable: {
      enabled:
        !/^(_geo|_vectors)(\.|$)/.test(name) && covers(textList(settings, 'searchableAttributes')),
    },
    sortable: { enabled: covers(textList(settings, 'sortableAttributes')) },
    distinct: { enabled: settings.get('distinctAttribute') === name },
    rankingRule: {
      enabled: rules.some((rule) => rule === `${name}:asc` || rule === `${name}:desc`),
    },
    filterable: {
      enabled: features !== undefined && (features.equality || features.comparison),
      sortBy: order ?? 'alpha',
      facetSearch: features?.facetSearch ?? false,
      equality: features?.equality ?? false,
      comparison: features?.comparison ?? false,
    },
    localized: { locales: [] },
  };
}

function passes(
  field: ReturnType<typeof fieldView>,
  filter: ReadonlyMap<string, unknown>,
): boolean {
  const patterns = filter.get('attributePatterns') as string[] | null | undefined;
  if (patterns !== undefined && patterns !== null) {
    const fits = patterns.some((pattern) => {
      const [start = '', end] = pattern.split('*');
      return end === undefined
        ? pattern === field.name
        : field.name.startsWith(start) && field.name.endsWith(end);
    });
    if (!fits) return false;
  }
  return FIELDS_FLAGS.every((name) => {
    const wanted = filter.get(name);
    return typeof wanted !== 'boolean' || field[name].enabled === wanted;
  });
}
