/**
 * One search inside a request (the request itself, or one query of a multi-search) with its two
 * answers, and what of it differs.
 */
import { NumberText, type Tree, type TreeObject } from '../../stories/lossless.ts';
import type { Difference } from '../compare.ts';
import { isObj, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import type { Reply } from '../server.ts';
import type { Evidence } from './evidence.ts';

/** A search with both answers. */
export interface SubCase {
  readonly uid: string;
  /** Parameters in the form of POST search. */
  readonly params: Obj;
  readonly reference: TreeObject;
  readonly target: TreeObject;
  readonly differences: readonly Difference[];
  readonly arena: Arena;
  readonly evidence: Evidence;
}

/** The window of hits a search asks for. */
export interface Window {
  readonly offset: number;
  readonly limit: number;
  /** Asked for by page: totals are counted to the end. */
  readonly isPage: boolean;
}

const LIMIT_DEFAULT = 20;
const TOTAL_HITS_DEFAULT = 1000;

/** Works out the window; hits end at maxTotalHits. */
export function windowOf(params: Obj, settings: Obj): Window {
  const pagination = settings['pagination'];
  const cap = isObj(pagination) ? pagination['maxTotalHits'] : undefined;
  const end = typeof cap === 'number' ? cap : TOTAL_HITS_DEFAULT;
  const { page, hitsPerPage, offset, limit } = params as Record<string, number | undefined>;
  const isPage = page !== undefined || hitsPerPage !== undefined;
  const size = isPage ? (hitsPerPage ?? LIMIT_DEFAULT) : (limit ?? LIMIT_DEFAULT);
  const start = isPage ? Math.max(0, (page ?? 1) - 1) * size : (offset ?? 0);
  const wanted = page === 0 ? 0 : size;
  const from = Math.min(start, end);
  return { offset: from, limit: Math.max(0, Math.min(wanted, end - from)), isPage };
}

/** Parameters without some of them. */
export function omit(params: Obj, names: readonly string[]): Obj {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !names.includes(name)));
}

/** Parameters that choose a window. */
export const WINDOW_NAMES: readonly string[] = ['offset', 'limit', 'page', 'hitsPerPage'];

/** The list at a key of an answer; empty if there is none. */
export function listAt(tree: Tree | undefined, key: string): Tree[] {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return Array.isArray(value) ? value : [];
}

/** The whole number at a key of an answer. */
export function countAt(tree: Tree | undefined, key: string): number | undefined {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return value instanceof NumberText ? Number(value.text) : undefined;
}

/** The hits of a reply; undefined if it is not a success. */
export function hitsOf(reply: Reply): Tree[] | undefined {
  return reply.status === 200 ? listAt(reply.tree, 'hits') : undefined;
}

/** The field that hits are made distinct by, if any. */
export function distinctOf(one: Pick<SubCase, 'params' | 'uid' | 'evidence'>): string | undefined {
  const asked = one.params['distinct'];
  if (typeof asked === 'string') return asked;
  const set = one.evidence.settings(one.uid)['distinctAttribute'];
  return typeof set === 'string' ? set : undefined;
}

/** True if the query holds a word: a letter or a digit. */
export function isKeyword(params: Obj): boolean {
  const q = params['q'];
  return typeof q === 'string' && /[\p{L}\p{N}]/u.test(q);
}
