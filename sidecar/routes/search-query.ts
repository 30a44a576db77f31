/**
 * The GET form of a search as the body of its POST form. Values a node would refuse make the whole
 * undefined: the node is then asked the client's own question, for its words.
 * Source: crates/meilisearch/src/routes/indexes/search.rs.
 */
import { parseCount, parseQuery } from './query.ts';

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
const asList: Read = splitList;
const asBoolean: Read = (text) => (text === 'true' ? true : text === 'false' ? false : undefined);

const FIELDS: Readonly<Record<string, Read>> = {
  q: asText,
  offset: asCount,
  limit: asCount,
  page: asCount,
  hitsPerPage: asCount,
  attributesToRetrieve: asList,
  attributesToCrop: asList,
  cropLength: asCount,
  cropMarker: asText,
  attributesToHighlight: asList,
  highlightPreTag: asText,
  highlightPostTag: asText,
  showMatchesPosition: asBoolean,
  filter: asFilter,
  sort: asSort,
  distinct: asText,
  facets: asList,
  matchingStrategy: (text) => (['last', 'all', 'frequency'].includes(text) ? text : undefined),
  attributesToSearchOn: asList,
  rankingScoreThreshold: asNumber,
  locales: asList,
  hybridEmbedder: asText,
  hybridSemanticRatio: asNumber,
  vector: (text) => {
    const numbers = splitList(text).map(asNumber);
    return numbers.includes(undefined) ? undefined : numbers;
  },
  retrieveVectors: asBoolean,
  personalizeUserContext: asText,
  useNetwork: asBoolean,
  showRankingScore: asBoolean,
  showRankingScoreDetails: asBoolean,
  showPerformanceDetails: asBoolean,
};

/** Words between commas; one comma may end them. */
function splitList(text: string): string[] {
  const words = text.split(',');
  if (words.at(-1) === '') words.pop();
  return words;
}

function asNumber(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** JSON if it is JSON, else one expression. */
function asFilter(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Splits at commas, but not at the one inside `_geoPoint(lat,lng)`. */
function asSort(text: string): string[] {
  const rules: string[] = [];
  let isInPoint = false;
  for (const part of text.replace(/^"+|"+$/g, '').split(',')) {
    const word = part.trim();
    if (word.startsWith('_geoPoint(')) {
      rules.push(word);
      isInPoint = true;
    } else if (isInPoint) {
      rules.push(`${rules.pop()},${word}`);
      isInPoint = !(word.endsWith('):desc') || word.endsWith('):asc'));
    } else {
      rules.push(word);
    }
  }
  return rules;
}
