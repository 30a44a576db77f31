/** One read request, as a value that can be sent, changed and told. */
import { encode, isObj, type Json, type Obj } from '../json.ts';
import type { Kind } from '../kinds.ts';

/** A request to be sent to both servers. */
export interface FuzzRequest {
  readonly kind: Kind;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path without query, percent-encoded. */
  readonly path: string;
  /** Query parameters, not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** A body that is sent as it is, in place of `body`. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Path and query as they go on the wire. */
export function wirePath(request: FuzzRequest): string {
  const entries = Object.entries(request.query ?? {});
  if (entries.length === 0) return request.path;
  // Texts that were cut within a pair of surrogates: half a pair cannot be said in a URL.
  const inUrl = (text: string) => encodeURIComponent(Buffer.from(text).toString());
  const query = entries.map(([key, value]) => `${key}=${inUrl(value)}`).join('&');
  return `${request.path}?${query}`;
}

/** The body as it goes on the wire; undefined if there is none. */
export function wireBody(request: FuzzRequest): string | undefined {
  if (request.raw !== undefined) return request.raw;
  return request.body === undefined ? undefined : encode(request.body);
}

/** A short line for people. */
export function describe(request: FuzzRequest): string {
  const body = wireBody(request);
  return `${request.method} ${wirePath(request)}${body === undefined ? '' : ` ${body}`}`;
}

/**
 * The search a request asks for: its index and the parameters of the POST form, also for a GET.
 * Undefined if it is not a well-formed search of one index.
 */
export function asSearch(request: FuzzRequest): { uid: string; params: Obj } | undefined {
  const match = /^\/indexes\/([^/]+)\/search\/?$/.exec(request.path);
  if (match === null) return undefined;
  const uid = match[1] as string;
  if (request.method === 'POST') {
    const body = request.raw === undefined ? request.body : parseRaw(request.raw);
    return isObj(body) ? { uid, params: body } : undefined;
  }
  return { uid, params: searchFromQuery(request.query ?? {}) };
}

/** Parameters of a GET search whose values are lists, joined by commas. */
const LISTS = new Set([
  'attributesToRetrieve',
  'attributesToHighlight',
  'attributesToCrop',
  'attributesToSearchOn',
  'facets',
  'sort',
  'locales',
]);
const TEXTS = new Set([
  'q',
  'cropMarker',
  'highlightPreTag',
  'highlightPostTag',
  'matchingStrategy',
  'distinct',
]);

/** Turns parameters of the POST form into those of the GET form. */
export function searchToQuery(params: Obj): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (key === 'hybrid' && isObj(value)) {
      if (typeof value['embedder'] === 'string') query['hybridEmbedder'] = value['embedder'];
      if (value['semanticRatio'] !== undefined) {
        query['hybridSemanticRatio'] = encode(value['semanticRatio'] as Json);
      }
    } else if (key === 'vector' && Array.isArray(value))
      query['vector'] = value.map(encode).join(',');
    else if (LISTS.has(key) && Array.isArray(value)) query[key] = value.join(',');
    else query[key] = typeof value === 'string' ? value : encode(value as Json);
  }
  return query;
}

function searchFromQuery(query: Readonly<Record<string, string>>): Obj {
  const params: Obj = {};
  for (const [key, value] of Object.entries(query)) {
    if (key === 'hybridEmbedder' || key === 'hybridSemanticRatio') {
      const hybrid = isObj(params['hybrid']) ? params['hybrid'] : {};
      hybrid[key === 'hybridEmbedder' ? 'embedder' : 'semanticRatio'] =
        key === 'hybridEmbedder' ? value : Number(value);
      params['hybrid'] = hybrid;
    } else if (key === 'vector') params['vector'] = value.split(',').map(Number);
    else if (LISTS.has(key)) params[key] = splitList(value);
    else if (TEXTS.has(key)) params[key] = value;
    else {
      try {
        params[key] = JSON.parse(value) as Json;
      } catch {
        params[key] = value;
      }
    }
  }
  return params;
}

/** Splits at commas, but not inside parentheses: `_geoPoint(1, 2):asc` is one item. */
export function splitList(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

function parseRaw(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
