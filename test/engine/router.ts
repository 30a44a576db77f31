/** Requests as handlers see them, and the table that finds the handler of a path. */

import type { Access } from './access.ts';
import { decodeQuery, type Query } from './decode.ts';
import type { Engine } from './engine.ts';
import { EngineError } from './errors.ts';
import { JsonSyntaxError, parseJson } from './parse-json.ts';
import type { Json, Out } from './value.ts';

/** One request. */
export class Call {
  readonly engine: Engine;
  readonly params: Readonly<Record<string, string>>;
  /** Query string without the question mark, as it was sent. */
  readonly search: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly access: Access;

  constructor(given: Pick<Call, 'engine' | 'params' | 'search' | 'headers' | 'body' | 'access'>) {
    this.engine = given.engine;
    this.params = given.params;
    this.search = given.search;
    this.headers = given.headers;
    this.body = given.body;
    this.access = given.access;
  }

  /** A part of the path. */
  param(name: string): string {
    return this.params[name] ?? '';
  }

  /** The index named by the path, checked. */
  get indexUid(): string {
    return checkIndexUid(this.param('index'));
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Query parameters; unknown ones are refused. */
  query(codes: Readonly<Record<string, string>>): Query {
    return decodeQuery(this.search, codes);
  }

  /** The type of the body without parameters, one of `accepted`. */
  contentType(accepted: readonly string[]): string {
    const given = this.header('content-type');
    const list = accepted.map((type) => `\`${type}\``).join(', ');
    if (given === undefined) {
      throw new EngineError(
        'missing_content_type',
        `A Content-Type header is missing. Accepted values for the Content-Type header are: ${list}`,
      );
    }
    const type = (given.split(';')[0] ?? '').trim().replace(/\+.*$/, '').toLowerCase();
    if (accepted.includes(type)) return type;
    throw new EngineError(
      'invalid_content_type',
      `The Content-Type \`${type}\` is invalid. Accepted values for the Content-Type header are: ${list}`,
    );
  }

  /** The body as JSON. */
  json(): Json {
    this.contentType(['application/json']);
    if (this.body.length === 0) {
      throw new EngineError('missing_payload', 'A json payload is missing.');
    }
    try {
      return parseJson(this.body);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      throw new EngineError(
        'malformed_payload',
        `The json payload provided is malformed. \`${error.message}\`.`,
      );
    }
  }
}

const UID_BYTES_MAX = 400;

/** Complaint about a name that no index can have. */
export function invalidIndexUid(uid: string): string {
  return `\`${uid}\` is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric characters, hyphens (-) and underscores (_), and can not be more than 512 bytes.`;
}

/** Whether an index can have this name. */
export function isIndexUid(uid: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(uid) && uid.length <= UID_BYTES_MAX;
}

/** Refuses a name that no index can have. */
export function checkIndexUid(uid: string): string {
  if (!isIndexUid(uid)) throw new EngineError('invalid_index_uid', invalidIndexUid(uid));
  return uid;
}

/** What is sent back. */
export interface Answer {
  readonly status: number;
  /** A JSON body; undefined for an empty one. */
  readonly body?: Out;
  /** A body that is not JSON. */
  readonly text?: string;
  readonly contentType?: string;
}

/** Does one kind of request. */
export type Handler = (call: Call) => Answer;

/** One line of the table. */
export interface Route {
  readonly method: string;
  /** Parts in braces are parameters: `/indexes/{index}/documents`. */
  readonly path: string;
  /** Action a key must hold; undefined: open to all. */
  readonly action: string | undefined;
  readonly handler: Handler;
}

/** What a path leads to. */
export type Found =
  | { readonly kind: 'route'; readonly route: Route; readonly params: Record<string, string> }
  | { readonly kind: 'noMethod' }
  | { readonly kind: 'noPath' };

/** Finds the route of a request. A literal path hides one with parameters, whatever the method. */
export function findRoute(routes: readonly Route[], method: string, path: string): Found {
  const parts = path.split('/').filter((part) => part !== '');
  let isKnown = false;
  let fewest = Number.POSITIVE_INFINITY;
  let best: { route: Route; params: Record<string, string> } | undefined;
  for (const route of routes) {
    const params = matchParts(route.path.split('/').slice(1), parts);
    if (params === undefined) continue;
    isKnown = true;
    const count = Object.keys(params).length;
    if (count < fewest) best = undefined;
    fewest = Math.min(fewest, count);
    if (count === fewest && route.method === method) best = { route, params };
  }
  if (best !== undefined) return { kind: 'route', ...best };
  return { kind: isKnown ? 'noMethod' : 'noPath' };
}

function matchParts(
  wanted: readonly string[],
  parts: readonly string[],
): Record<string, string> | undefined {
  const pattern = wanted.filter((part) => part !== '');
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    const given = parts[i] ?? '';
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) params[name] = decodePart(given);
    else if (part !== given) return undefined;
  }
  return params;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
