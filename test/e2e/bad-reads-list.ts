/** Requests for bad-reads.test.ts: what is sent to a cluster and to one bare node alike. */

/** One request. */
export interface BadRead {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** A value is sent as JSON, a text as it is; made when it is huge. */
  readonly body?: unknown | (() => unknown);
  readonly headers?: Record<string, string>;
}

/** What both sides hold; ties are sorted away in every request that shows several hits. */
export const DOCUMENTS = Array.from({ length: 60 }, (_, id) => ({
  id,
  title: `film ${id} about the ${['sea', 'sky', 'land'][id % 3]}`,
  year: 1950 + id,
  genres: [['Drama', 'Sea', 'Crime'][id % 3], 'x'],
  _geo: { lat: id / 10, lng: id / 7 },
}));

/** Settings of the index `m`. `plain` has none. */
export const SETTINGS = {
  filterableAttributes: ['id', 'title', 'year', 'genres', '_geo'],
  sortableAttributes: ['year', '_geo'],
  pagination: { maxTotalHits: 40 },
};

const SEARCH = '/indexes/m/search';

const search = (name: string, body: unknown | (() => unknown)): BadRead => ({
  name,
  method: 'POST',
  path: SEARCH,
  body,
});

/** A filter, with the hits in one order. */
const filter = (name: string, one: unknown): BadRead =>
  search(`filter: ${name}`, {
    filter: one,
    sort: ['year:asc'],
    limit: 5,
    attributesToRetrieve: ['id'],
  });

const FILTERS: readonly BadRead[] = [
  filter('a quote that ends the text', 'title = "a" OR year > 1'),
  filter('a quote left open', 'title = "a OR year > 1'),
  filter('an escaped quote', 'title = "a\\" OR year > 1 OR title = "b"'),
  filter('a closing bracket', 'year > 1990) OR (year > 1'),
  filter('a list left open', 'year IN [1990, 1991'),
  filter('a list closed twice', 'year IN [1990]] OR year > 1'),
  filter('a comment with #', 'year = 1990 # AND year = 1'),
  filter('a comment with --', 'year = 1990 -- AND'),
  filter('a comment with /*', 'year = 1990 /* AND */ OR year = 1991'),
  filter('a JSON string inside', '"], ["year > 1'),
  filter('a null byte', 'year = 1990 \u0000 OR year > 1'),
  filter('an escape for an underscore', '"\\u{5f}geo" = 1'),
  filter('an unknown escape', 'title = "\\q"'),
  filter('a keyword as a value', 'title = AND'),
  filter('lower case keywords', 'year = 1990 or year = 1991'),
  filter('an empty text', ''),
  filter('blanks', '   '),
  filter('an empty array', []),
  filter('an empty array in an array', [[]]),
  filter('arrays three deep', [[['year = 1990']]]),
  filter('a number in an array', ['year = 1990', 5]),
  filter('null in an array', ['year = 1990', null]),
  filter('a number', 5),
  filter('an object', { year: 1990 }),
  filter('a boolean', true),
  filter('nested arrays', ['year > 1950', ['year = 1990', 'year = 1991'], 'genres = Drama']),
  filter('a field that is not filterable', 'overview = a'),
  filter('a field that is not filterable, in an array', ['year > 1', ['overview = a']]),
  filter('the name of a node’s own filter', '_shard = 1'),
  filter('_geo as a field', '_geo = 1'),
  filter('a radius without its parts', '_geoRadius(1)'),
  filter('a radius out of range', '_geoRadius(100, 200, 1)'),
  filter('a box of one corner', '_geoBoundingBox([1,2])'),
  filter('CONTAINS without its feature', 'title CONTAINS sea'),
  filter('36 brackets', `${'('.repeat(36)}year = 1990${')'.repeat(36)}`),
  filter('37 brackets', `${'('.repeat(37)}year = 1990${')'.repeat(37)}`),
  filter('200 brackets', `${'('.repeat(200)}year = 1990${')'.repeat(200)}`),
  filter('148 NOTs', `${'NOT '.repeat(148)}year = 1990`),
  filter('149 NOTs', `${'NOT '.repeat(149)}year = 1990`),
  filter('3,000 NOTs', `${'NOT '.repeat(3000)}year = 1990`),
  filter('10,000 values', `year IN [${Array.from({ length: 10_000 }, (_, at) => at).join(',')}]`),
  // A node's own time grows with the square of their number: 10,000 are sent in prop/core/filter.
  filter('1,000 ORs in an array', [Array.from({ length: 1000 }, (_, at) => `year = ${at}`)]),
  filter('1,000 ORs', Array.from({ length: 1000 }, (_, at) => `year = ${at}`).join(' OR ')),
  filter('1,000 ANDs', Array.from({ length: 1000 }, () => 'year > 1').join(' AND ')),
];

const WRONG: readonly (readonly [string, unknown])[] = [
  ['q', 5],
  ['q', ['a']],
  ['offset', -1],
  ['offset', '3'],
  ['limit', 1.5],
  ['limit', -1],
  ['limit', 1e30],
  ['page', 'x'],
  ['page', -1],
  ['hitsPerPage', {}],
  ['attributesToRetrieve', 'id'],
  ['attributesToRetrieve', [5]],
  ['attributesToHighlight', {}],
  ['attributesToCrop', 'title'],
  ['attributesToSearchOn', ['nope']],
  ['attributesToSearchOn', 5],
  ['cropLength', 'ten'],
  ['cropMarker', 5],
  ['highlightPreTag', []],
  ['showMatchesPosition', 'yes'],
  ['showRankingScore', 1],
  ['showRankingScoreDetails', 'true'],
  ['sort', 'year:asc'],
  ['sort', ['year']],
  ['sort', ['year:up']],
  ['sort', ['title:asc']],
  ['sort', [5]],
  ['sort', ['_geoPoint(1):asc']],
  ['sort', ['_geoPoint(1000, 1):asc']],
  ['facets', 'genres'],
  ['facets', ['nope']],
  ['facets', [5]],
  ['distinct', 5],
  ['distinct', 'overview'],
  ['matchingStrategy', 'most'],
  ['rankingScoreThreshold', 2],
  ['rankingScoreThreshold', '0.5'],
  ['vector', 'x'],
  ['vector', [1, 2]],
  ['hybrid', {}],
  ['hybrid', { embedder: 'nope' }],
  ['hybrid', { embedder: 'nope', semanticRatio: 7 }],
  ['retrieveVectors', 'x'],
  ['locales', ['xx']],
  ['locales', 5],
  ['unknown', 1],
  ['Q', 'sea'],
  ['__proto__', { q: 'sea' }],
  ['constructor', 1],
  ['toString', 1],
];

const PARAMETERS: readonly BadRead[] = WRONG.map(([name, value]) =>
  search(
    `${name}: ${JSON.stringify(value)}`,
    `{"q":"sea",${JSON.stringify(name)}:${JSON.stringify(value)}}`,
  ),
);

const raw = (name: string, body: string): BadRead => ({ ...search(`body: ${name}`, body) });

const BODIES: readonly BadRead[] = [
  raw('empty', ''),
  raw('half an object', '{"q":"a"'),
  raw('an array', '[]'),
  raw('a text', '"q"'),
  raw('null', 'null'),
  raw('a key twice', '{"q":"sea","q":"sky","sort":["year:asc"],"limit":3}'),
  raw('a lone surrogate', '{"q":"\\ud800"}'),
  raw('brackets without end', '['.repeat(100_000)),
  { ...search('no content type', '{}'), headers: { 'content-type': '' } },
  { ...search('another content type', '{}'), headers: { 'content-type': 'text/plain' } },
  search('a query of 100,000 words', () => ({ q: 'sea '.repeat(100_000), sort: ['year:asc'] })),
];

const WINDOWS: readonly BadRead[] = [
  search('a huge offset', { offset: 1_000_000_000, limit: 20 }),
  search('the largest offset', { offset: Number.MAX_SAFE_INTEGER, limit: 1 }),
  search('an offset beyond all numbers', '{"offset":18446744073709551616}'),
  search('a huge limit', {
    limit: 1_000_000_000,
    sort: ['year:asc'],
    attributesToRetrieve: ['id'],
  }),
  search('a page far behind the last', { page: 1_000_000, hitsPerPage: 20 }),
  search('page 0', { page: 0, hitsPerPage: 5 }),
  search('no hits per page', { page: 1, hitsPerPage: 0 }),
  search('page and offset together', {
    page: 2,
    hitsPerPage: 3,
    offset: 7,
    limit: 1,
    sort: ['year:asc'],
  }),
];

const multi = (name: string, body: unknown | (() => unknown)): BadRead => ({
  name: `multi-search: ${name}`,
  method: 'POST',
  path: '/multi-search',
  body,
});
const M = { indexUid: 'm', q: 'sea', sort: ['year:asc'], limit: 2, attributesToRetrieve: ['id'] };
const F = { indexUid: 'm', q: 'sea', sort: ['year:asc'], attributesToRetrieve: ['id'] };

const MULTI: readonly BadRead[] = [
  multi('1,000 queries', () => ({ queries: Array.from({ length: 1000 }, () => M) })),
  multi('1,000 queries, the last of them wrong', () => ({
    queries: [...Array.from({ length: 999 }, () => M), { ...M, filter: 'nope = 1' }],
  })),
  multi('1,000 federated queries', () => ({
    federation: { limit: 3 },
    queries: Array.from({ length: 1000 }, () => F),
  })),
  multi('no queries', {}),
  multi('queries of another kind', { queries: 5 }),
  multi('an empty list', { queries: [] }),
  multi('a query without an index', { queries: [{ q: 'sea' }] }),
  multi('a missing index', { queries: [M, { indexUid: 'nope' }] }),
  multi('an impossible index', { queries: [M, { indexUid: 'a b' }] }),
  multi('an unknown member of a query', { queries: [M, { ...M, nope: 1 }] }),
  multi('an unknown member', { queries: [M], nope: 1 }),
  multi('a wrong type in the second query', { queries: [M, { ...M, limit: 'x' }] }),
  multi('a wrong filter in the second query', { queries: [M, { ...M, filter: 'year >' }] }),
  multi('federation of another kind', { federation: 5, queries: [F] }),
  multi('an unknown member of the federation', { federation: { nope: 1 }, queries: [F] }),
  multi('limit in a federated query', { federation: {}, queries: [{ ...F, limit: 1 }] }),
  multi('facets in a federated query', { federation: {}, queries: [{ ...F, facets: ['year'] }] }),
  multi('a negative weight', {
    federation: {},
    queries: [{ ...F, federationOptions: { weight: -1 } }],
  }),
  multi('options without federation', { queries: [{ ...M, federationOptions: { weight: 1 } }] }),
  multi('facets of a missing index', {
    federation: { facetsByIndex: { nope: ['a'] } },
    queries: [F],
  }),
  multi('facets that are not filterable', {
    federation: { facetsByIndex: { m: ['nope'] } },
    queries: [F],
  }),
  multi('a missing index, federated', { federation: {}, queries: [F, { indexUid: 'nope' }] }),
  multi('a huge window', { federation: { offset: 1_000_000_000, limit: 5 }, queries: [F] }),
];

const at = (name: string, path: string, body: unknown): BadRead => ({
  name,
  method: 'POST',
  path,
  body,
});
const get = (name: string, path: string): BadRead => ({ name, method: 'GET', path });

const OTHERS: readonly BadRead[] = [
  at('facet search without a name', '/indexes/m/facet-search', {}),
  at('facet search of another kind', '/indexes/m/facet-search', { facetName: 5 }),
  at('facet search of an unknown facet', '/indexes/m/facet-search', { facetName: 'nope' }),
  at('facet search with a wrong filter', '/indexes/m/facet-search', {
    facetName: 'genres',
    filter: 'x =',
  }),
  at('facet search with an unknown member', '/indexes/m/facet-search', {
    facetName: 'genres',
    facets: [],
  }),
  at('facet search where nothing is filterable', '/indexes/plain/facet-search', { facetName: 't' }),
  at('a facet where nothing is filterable', '/indexes/plain/search', { facets: ['t'] }),
  at('a filter where nothing is filterable', '/indexes/plain/search', { filter: 't = a' }),
  at('a sort where nothing is sortable', '/indexes/plain/search', { sort: ['t:asc'] }),
  at('similar without an embedder', '/indexes/m/similar', { id: 1 }),
  at('similar with an unknown embedder', '/indexes/m/similar', { id: 1, embedder: 'nope' }),
  at('similar with an id of another kind', '/indexes/m/similar', { id: 1.5, embedder: 'nope' }),
  at('similar to nothing', '/indexes/m/similar', { id: 'nope', embedder: 'nope' }),
  at('documents: a wrong filter', '/indexes/m/documents/fetch', { filter: 'year >' }),
  at('documents: a filter of another kind', '/indexes/m/documents/fetch', { filter: 5 }),
  at('documents: not filterable', '/indexes/m/documents/fetch', { filter: 'nope = 1' }),
  at('documents: not sortable', '/indexes/m/documents/fetch', { sort: ['title:asc'] }),
  at('documents: fields of another kind', '/indexes/m/documents/fetch', { fields: 5 }),
  at('documents: ids of another kind', '/indexes/m/documents/fetch', { ids: [{}] }),
  at('documents: an id that is none', '/indexes/m/documents/fetch', { ids: ['a b'] }),
  at('documents: an unknown member', '/indexes/m/documents/fetch', { nope: 1 }),
  at('documents: a huge offset', '/indexes/m/documents/fetch', { offset: 1_000_000_000 }),
  at('documents: a wrong limit', '/indexes/m/documents/fetch', { limit: -1 }),
  get('documents: an unknown parameter', '/indexes/m/documents?nope=1'),
  get('documents: a wrong limit in the query', '/indexes/m/documents?limit=x'),
  get('documents: a wrong filter in the query', '/indexes/m/documents?filter=year%20%3E'),
  get('a document that is not there', '/indexes/m/documents/nope'),
  get('a document with an impossible id', '/indexes/m/documents/a%20b'),
  get('a document with an unknown parameter', '/indexes/m/documents/1?nope=1'),
  get('a search with an unknown parameter', '/indexes/m/search?q=sea&nope=1'),
  get('a search with a parameter twice', '/indexes/m/search?q=sea&q=sky'),
  get('a search with a wrong flag', '/indexes/m/search?showRankingScore=maybe'),
  get('a search with a wrong limit', '/indexes/m/search?limit=1.5'),
  get('a search with broken percent signs', '/indexes/m/search?q=%zz'),
  get('a search in a missing index', '/indexes/nope/search?q=a'),
  get('a search in an impossible index', '/indexes/a%20b/search?q=a'),
  at('a search in an impossible index', '/indexes/a%20b/search', {}),
  at('fields: an unknown member', '/indexes/m/fields', { nope: 1 }),
  at('fields: a wrong filter', '/indexes/m/fields', { filter: { displayed: 'x' } }),
  get('stats: an unknown parameter', '/stats?nope=1'),
  get('index stats: an unknown parameter', '/indexes/m/stats?nope=1'),
  get('indexes: a wrong limit', '/indexes?limit=x'),
];

/** All of them. */
export const BAD_READS: readonly BadRead[] = [
  ...FILTERS,
  ...PARAMETERS,
  ...BODIES,
  ...WINDOWS,
  ...MULTI,
  ...OTHERS,
];

const NAME = '_miroir_shard';
const LISTS: Readonly<Record<string, unknown>> = {
  filter: `${NAME} = 1`,
  'filter ': [['year = 1', `'${NAME}' IN [a]`]],
  'filter  ': '"\\u{5f}miroir_version" EXISTS',
  sort: [`${NAME}:asc`],
  facets: [NAME],
  distinct: NAME,
  attributesToRetrieve: [NAME],
  attributesToSearchOn: [NAME],
  attributesToHighlight: [NAME],
  attributesToCrop: [`${NAME}:3`],
};
const trimmed = (name: string, value: unknown) => ({ [name.trim()]: value });

/** Requests that name an internal field. */
export const RESERVED_READS: readonly BadRead[] = [
  ...Object.entries(LISTS).flatMap(([name, value]) => [
    at(`search, ${name}`, SEARCH, trimmed(name, value)),
    at(`multi-search, ${name}`, '/multi-search', {
      queries: [{ indexUid: 'm', ...trimmed(name, value) }],
    }),
  ]),
  at('federated, filter', '/multi-search', {
    federation: {},
    queries: [{ indexUid: 'm', filter: `${NAME} = 1` }],
  }),
  at('federated, facets', '/multi-search', {
    federation: { facetsByIndex: { m: [NAME] } },
    queries: [{ indexUid: 'm' }],
  }),
  at('federated, distinct', '/multi-search', {
    federation: { distinct: NAME },
    queries: [{ indexUid: 'm' }],
  }),
  at('facet search, name', '/indexes/m/facet-search', { facetName: NAME }),
  at('facet search, filter', '/indexes/m/facet-search', { facetName: 'x', filter: `${NAME} = 1` }),
  at('similar, filter', '/indexes/m/similar', { id: 1, embedder: 'e', filter: `${NAME} = 1` }),
  at('similar, list', '/indexes/m/similar', { id: 1, embedder: 'e', attributesToRetrieve: [NAME] }),
  at('fetch, filter', '/indexes/m/documents/fetch', { filter: `${NAME} = 1` }),
  at('fetch, sort', '/indexes/m/documents/fetch', { sort: [`${NAME}:asc`] }),
  at('fetch, fields', '/indexes/m/documents/fetch', { fields: [NAME] }),
  at('fields, patterns', '/indexes/m/fields', { filter: { attributePatterns: [`${NAME}*`] } }),
  get('search by GET, filter', `/indexes/m/search?filter=${NAME}%3D1`),
  get('search by GET, sort', `/indexes/m/search?sort=${NAME}:asc`),
  get('documents, filter', `/indexes/m/documents?filter=${NAME}%3D1`),
  get('documents, fields', `/indexes/m/documents?fields=${NAME}`),
  get('a document, fields', `/indexes/m/documents/1?fields=${NAME}`),
];
