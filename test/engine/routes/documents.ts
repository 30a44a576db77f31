/** Document routes. */
import {
  anyJson,
  count,
  decodeObject,
  flag,
  list,
  missingField,
  orNull,
  type Query,
  queryCount,
  queryFlag,
  text,
} from '../decode.ts';
import { EngineError } from '../errors.ts';
import {
  type FilterContext,
  matchDocuments,
  parseFilterValue,
  refuseClosedFeatures,
} from '../filter/match.ts';
import { idText } from '../ingest.ts';
import { parseJson } from '../parse-json.ts';
import { nameType, type PayloadFormat, readPayload } from '../payload.ts';
import { selectFields, withVectors } from '../project.ts';
import type { Answer, Call, Route } from '../router.ts';
import { compareSortValues, readSort, sortValue } from '../search/sort.ts';
import type { StoredDocument } from '../store.ts';
import { summarizedView, type TaskWork } from '../tasks.ts';
import { type Json, type Out, printJson } from '../value.ts';

const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};

/** Routes under /indexes/{index}/documents. */
export const documentRoutes: readonly Route[] = [
  route('GET', '', 'documents.get', list_),
  route('POST', '/fetch', 'documents.get', fetchDocuments),
  route('POST', '', 'documents.add', (call) => write(call, true)),
  route('PUT', '', 'documents.add', (call) => write(call, false)),
  route('DELETE', '', 'documents.delete', (call) => enqueue(call, { type: 'documentDeletion' })),
  route('POST', '/delete-batch', 'documents.delete', deleteBatch),
  route('POST', '/delete', 'documents.delete', deleteByFilter),
  route('POST', '/edit', 'documents.*', edit),
  route('GET', '/{document}', 'documents.get', getOne),
  route('DELETE', '/{document}', 'documents.delete', (call) =>
    enqueue(call, { type: 'documentDeletion', ids: [call.param('document')] }),
  ),
];

function route(method: string, path: string, action: string, handler: Route['handler']): Route {
  return { method, path: `/indexes/{index}/documents${path}`, action, handler };
}

const METADATA = { customMetadata: 'invalid_index_custom_metadata' };

function enqueue(call: Call, work: TaskWork, query: Query = call.query(METADATA)): Answer {
  const task = call.engine.enqueue(work, call.indexUid, query.get('customMetadata'));
  return { status: 202, body: summarizedView(task) };
}

function write(call: Call, isReplace: boolean): Answer {
  const query = call.query({
    primaryKey: 'invalid_index_primary_key',
    csvDelimiter: 'invalid_document_csv_delimiter',
    ...METADATA,
    skipCreation: 'invalid_skip_creation',
  });
  const delimiter = readDelimiter(query.get('csvDelimiter'));
  const skipCreation = readSkipCreation(query.get('skipCreation'));
  checkDelimiterIsAscii(delimiter);
  const uid = call.indexUid;
  const type = call.contentType(Object.keys(FORMATS));
  const format = FORMATS[type] ?? 'json';
  if (delimiter !== undefined && format !== 'csv') {
    throw new EngineError(
      'invalid_content_type',
      `The Content-Type \`${type}\` does not support the use of a csv delimiter. The csv delimiter can only be used with the Content-Type \`text/csv\`.`,
    );
  }
  const documents = readPayload(call.body, format, delimiter ?? ',');
  const task = call.engine.enqueue(
    {
      type: 'documentAdditionOrUpdate',
      documents,
      isReplace,
      primaryKey: query.get('primaryKey'),
      skipCreation,
      mayCreateIndex: call.access.mayCreateIndexes,
    },
    uid,
    query.get('customMetadata'),
  );
  return { status: 202, body: summarizedView(task) };
}

function readDelimiter(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const length = [...given].length;
  if (length === 1) return given;
  const found =
    length === 0
      ? 'found an empty string'
      : `found the following string of ${length} characters: \`${given}\``;
  throw new EngineError(
    'invalid_document_csv_delimiter',
    `Invalid value in parameter \`csvDelimiter\`: expected a string of one character, but ${found}`,
  );
}

function checkDelimiterIsAscii(delimiter: string | undefined): void {
  if (delimiter === undefined || delimiter.charCodeAt(0) < 128) return;
  throw new EngineError(
    'invalid_document_csv_delimiter',
    `csv delimiter must be an ascii character. Found: \`${delimiter}\``,
  );
}

function readSkipCreation(given: string | undefined): boolean {
  if (given === undefined) return false;
  if (given === 'true' || given === 'false') return given === 'true';
  throw new EngineError(
    'invalid_skip_creation',
    `skipCreation must be either \`true\` or \`false\`. Found: \`${given}\``,
  );
}

function deleteBatch(call: Call): Answer {
  const query = call.query(METADATA);
  const body = call.json();
  if (!Array.isArray(body)) {
    const column = body instanceof Map ? 0 : call.body.length;
    throw new EngineError(
      'bad_request',
      `Json deserialize error: invalid type: ${nameType(body)}, expected a sequence at line 1 column ${column}`,
    );
  }
  const ids = body.map((id) => (typeof id === 'string' ? id : printJson(id)));
  return enqueue(call, { type: 'documentDeletion', ids }, query);
}

function deleteByFilter(call: Call): Answer {
  const query = call.query(METADATA);
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    { filter: { decode: anyJson, code: 'invalid_document_filter' } },
  );
  const filter = body.get('filter') as Json | undefined;
  if (filter === undefined) {
    throw missingField('filter', { path: '', code: 'missing_document_filter' });
  }
  if (filter === null) {
    throw new EngineError(
      'invalid_document_filter',
      'Invalid syntax for the filter parameter: `expected String, Array, found: null`.',
    );
  }
  const context = filterContext(call);
  const parsed = parseFilterValue(filter, context.code);
  if (parsed.length === 0) {
    throw new EngineError(context.code, 'Sending an empty filter is forbidden.');
  }
  refuseClosedFeatures(parsed, context);
  return enqueue(call, { type: 'documentDeletion', filter }, query);
}

function filterContext(call: Call): FilterContext {
  return {
    code: 'invalid_document_filter',
    prefix: '',
    hasContains: call.engine.features.has('containsFilter'),
  };
}

function edit(call: Call): Answer {
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    {
      filter: { decode: anyJson, code: 'invalid_document_edition_function_filter' },
      context: { decode: anyJson, code: 'invalid_document_edition_context' },
      function: { decode: text, code: 'invalid_document_edition_function_filter' },
    },
  );
  if (!body.has('function')) {
    throw missingField('function', { path: '', code: 'missing_document_edition_function' });
  }
  call.engine.features.demand(
    'editDocumentsByFunction',
    'Using the documents edit route',
    'edit documents by function',
    762,
  );
  return {
    status: 501,
    body: { message: 'This stand-in for Meilisearch has no script language.' },
  };
}

/** A node cannot read this parameter in a query string at all. */
function refuseNetwork(query: Query): void {
  const given = query.get('useNetwork');
  if (given === undefined) return;
  throw new EngineError(
    BROWSE_CODES.useNetwork,
    `Invalid value type for parameter \`useNetwork\`: expected a string, but found a string: \`${given}\``,
  );
}

/** `*` is all fields in a query string; in a body it is the name of a field. */
function listedFields(given: string | undefined): string[] | undefined {
  return given === undefined || given === '*' ? undefined : given.split(',');
}

function listedIds(given: string | undefined): string[] | undefined {
  if (given === undefined || given === '*') return undefined;
  return given === '' ? [] : given.split(',').map(checkId);
}

/** An identifier among those asked for, as text. */
function checkId(id: Json, position: number): string {
  try {
    return idText(id);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(BROWSE_CODES.ids, `In \`.ids[${position}]\`: ${error.message}`);
  }
}

interface Browse {
  readonly offset: number;
  readonly limit: number;
  readonly fields: readonly string[] | undefined;
  readonly retrieveVectors: boolean;
  readonly ids: readonly string[] | undefined;
  readonly filter: Json | undefined;
  readonly sort: readonly string[];
}

const BROWSE_CODES = {
  offset: 'invalid_document_offset',
  limit: 'invalid_document_limit',
  fields: 'invalid_document_fields',
  retrieveVectors: 'invalid_document_retrieve_vectors',
  ids: 'invalid_document_ids',
  filter: 'invalid_document_filter',
  sort: 'invalid_document_sort',
  useNetwork: 'invalid_document_use_network',
};

function list_(call: Call): Answer {
  const query = call.query(BROWSE_CODES);
  const split = (name: string) => query.get(name)?.split(',');
  refuseNetwork(query);
  return browse(call, {
    offset: queryCount(query, 'offset', BROWSE_CODES.offset) ?? 0,
    limit: queryCount(query, 'limit', BROWSE_CODES.limit) ?? 20,
    fields: listedFields(query.get('fields')),
    retrieveVectors: queryFlag(query, 'retrieveVectors', BROWSE_CODES.retrieveVectors) ?? false,
    ids: listedIds(query.get('ids')),
    filter: filterOfQuery(query.get('filter')),
    sort: split('sort') ?? [],
  });
}

/** A filter in a query string may be JSON. */
export function filterOfQuery(given: string | undefined): Json | undefined {
  if (given === undefined) return undefined;
  try {
    return parseJson(Buffer.from(given));
  } catch {
    return given;
  }
}

function fetchDocuments(call: Call): Answer {
  const given = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    {
      offset: { decode: count(), code: BROWSE_CODES.offset },
      limit: { decode: count(), code: BROWSE_CODES.limit },
      fields: { decode: orNull(list(text)), code: BROWSE_CODES.fields },
      retrieveVectors: { decode: flag, code: BROWSE_CODES.retrieveVectors },
      ids: { decode: orNull(list(anyJson)), code: BROWSE_CODES.ids },
      filter: { decode: anyJson, code: BROWSE_CODES.filter },
      sort: { decode: orNull(list(text)), code: BROWSE_CODES.sort },
      useNetwork: { decode: orNull(flag), code: BROWSE_CODES.useNetwork },
    },
  );
  const ids = given.get('ids') as Json[] | null | undefined;
  if (typeof given.get('useNetwork') === 'boolean') {
    call.engine.features.demand(
      'network',
      'passing `useNetwork` in a search query',
      'network',
      805,
    );
  }
  return browse(call, {
    offset: (given.get('offset') as number | undefined) ?? 0,
    limit: (given.get('limit') as number | undefined) ?? 20,
    fields: (given.get('fields') as string[] | null | undefined) ?? undefined,
    retrieveVectors: (given.get('retrieveVectors') as boolean | undefined) ?? false,
    ids: ids?.map((id, i) => checkId(id, i)),
    filter: given.get('filter') as Json | undefined,
    sort: (given.get('sort') as string[] | null | undefined) ?? [],
  });
}

function browse(call: Call, wanted: Browse): Answer {
  const index = call.engine.index(call.indexUid);
  const ids = wanted.ids === undefined ? undefined : new Set(wanted.ids);
  let found = matchDocuments(index, wanted.filter, filterContext(call));
  if (ids !== undefined) found = found.filter((document) => ids.has(document.id));
  const sorted = sortDocuments(call, found, wanted.sort);
  const page = sorted.slice(wanted.offset, wanted.offset + wanted.limit);
  const results: Out = page.map(({ fields }) =>
    selectFields(withVectors(fields, wanted.retrieveVectors), wanted.fields),
  );
  return {
    status: 200,
    body: { results, offset: wanted.offset, limit: wanted.limit, total: found.length },
  };
}

/** Documents that lack one of the sorted fields are not listed, but counted. */
function sortDocuments(
  call: Call,
  found: readonly StoredDocument[],
  expressions: readonly string[],
): readonly StoredDocument[] {
  if (expressions.length === 0) return found;
  const rules = readSort(call.engine.index(call.indexUid), expressions, {
    code: 'invalid_document_sort',
    prefix: '',
  });
  const keyed = found.map((document) => ({
    document,
    values: rules.map((rule) => sortValue(document, rule)),
  }));
  const whole = keyed.filter(({ values }) => !values.includes(null));
  whole.sort((a, b) => {
    for (const [i, rule] of rules.entries()) {
      const order = compareSortValues(a.values[i] ?? null, b.values[i] ?? null, rule.isAscending);
      if (order !== 0) return order;
    }
    return a.document.internalId - b.document.internalId;
  });
  return whole.map(({ document }) => document);
}

function getOne(call: Call): Answer {
  const query = call.query({
    fields: BROWSE_CODES.fields,
    retrieveVectors: BROWSE_CODES.retrieveVectors,
    useNetwork: BROWSE_CODES.useNetwork,
  });
  refuseNetwork(query);
  const isShown = queryFlag(query, 'retrieveVectors', BROWSE_CODES.retrieveVectors) ?? false;
  const id = call.param('document');
  const document = call.engine.index(call.indexUid).get(id);
  if (document === undefined) {
    throw new EngineError('document_not_found', `Document \`${id}\` not found.`);
  }
  const fields = listedFields(query.get('fields'));
  return { status: 200, body: selectFields(withVectors(document.fields, isShown), fields) };
}
