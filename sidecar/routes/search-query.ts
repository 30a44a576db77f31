/**
 * The GET form of a search as the body of its POST form. Values a node would refuse make the whole
 * undefined: the node is then asked the client's own question, for its words.
 * Source: crates/meilisearch/src/routes/indexes/search.rs.
 */
import { parseCount, parseQuery } from './query.ts';
import { readFilter, readFlag, readList, readNumber, readSort } from './query-values.ts';

/** A search body. */
export type SearchBody = Record<string, unknown>;

type Read = (text: string) => unknown;

/** Reads the query; undefined if anything is not understood. */
export function searchBodyOfQuery(text: string): SearchBody | undefined {
  const body: SearchBody = {};
  const hybrid: SearchBody = {};
  for (const [name, value] of parseQuery(text)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    const parsed = read?.(value);
    if (parsed === undefined) return undefined;
    if (name === 'hybridEmbedder') hybrid['embedder'] = parsed;
    else if (name === 'hybridSemanticRatio') hybrid['semanticRatio'] = parsed;
    else if (name === 'personalizeUserContext') body['personalize'] = { userContext: parsed };
    else body[name] = parsed;
  }
  const hasHybrid = Object.keys(hybrid).length > 0;
  if (hasHybrid && hybrid['embedder'] === undefined) return undefined;
  if (body['vector'] !== undefined && !hasHybrid) return undefined;
  if (hasHybrid) body['hybrid'] = hybrid;
  return body;
}

const asText: Read = (text) => text;
const asCount: Read = (text) => parseCount(text);

const FIELDS: Readonly<Record<string, Read>> = {
  q: asText,
  offset: asCount,
  limit: asCount,
  page: asCount,
  hitsPerPage: asCount,
  attributesToRetrieve: readList,
  attributesToCrop: readList,
  cropLength: asCount,
  cropMarker: asText,
  attributesToHighlight: readList,
  highlightPreTag: asText,
  highlightPostTag: asText,
  showMatchesPosition: readFlag,
  filter: readFilter,
  sort: readSort,
  distinct: asText,
  facets: readList,
  matchingStrategy: (text) => (['last', 'all', 'frequency'].includes(text) ? text : undefined),
  attributesToSearchOn: readList,
  rankingScoreThreshold: readNumber,
  locales: readList,
  hybridEmbedder: asText,
  hybridSemanticRatio: readNumber,
  vector: (text) => {
    const numbers = readList(text).map(readNumber);
    return numbers.includes(undefined) ? undefined : numbers;
  },
  retrieveVectors: readFlag,
  personalizeUserContext: asText,
  useNetwork: readFlag,
  showRankingScore: readFlag,
  showRankingScoreDetails: readFlag,
  showPerformanceDetails: readFlag,
};
