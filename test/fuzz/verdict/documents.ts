/**
 * Explains lists of documents in another order: without a sort all documents tie, with one those of
 * equal sort values do. The pages must be cut from one whole list that holds every document once.
 */
import type { Tree } from '../../stories/lossless.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import { splitList } from '../requests/request.ts';
import type { Arena } from '../run.ts';
import { type Candidate, faultOf, isSameList } from './arrangement.ts';
import type { Evidence } from './evidence.ts';
import type { Case } from './judge.ts';
import { sortGroups } from './sort-groups.ts';
import { listAt, omit } from './sub-case.ts';
import type { Verdict } from './verdict.ts';

const ALL_DOCUMENTS = 100_000;
const LIMIT_DEFAULT = 20;
const LISTS = new Set(['fields', 'ids', 'sort']);

/** Grants `ties`, or says why not. */
export async function explainDocuments(
  one: Case,
  arena: Arena,
  evidence: Evidence,
): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const uid = /^\/indexes\/([^/]+)\/documents/.exec(one.request.path)?.[1] ?? '';
  const params = paramsOf(one);
  if (params === undefined) return no('not a list of documents');
  if (one.differences.some(({ pointer }) => !pointer.startsWith('/results'))) {
    return no('more than the order of the documents differs');
  }
  const own = await pageOfOwnList(one, arena, uid, params);
  if (own !== undefined && !isSameList(own, listAt(one.reference.tree, 'results'))) {
    return { class: 'engine', why: 'a page of the node is not cut from its own list' };
  }
  if (!evidence.isChurned(uid)) return no('out of order, though no document was replaced');
  // documents of which few fields are shown look alike: whole ones are compared
  const bare = omit(params, ['fields']);
  const candidates = await candidatesOf(arena, uid, bare);
  if (candidates === undefined) return no('the documents could not be fetched');
  const path = `/indexes/${uid}/documents/fetch`;
  const all = { offset: 0, limit: ALL_DOCUMENTS };
  const [shown, whole] = await Promise.all(
    [params, bare].map((body) =>
      arena.target.send({ method: 'POST', path, body: { ...body, ...all } }),
    ),
  );
  const list = listAt(shown?.tree, 'results');
  const offset = Number(params['offset'] ?? 0);
  const limit = Number(params['limit'] ?? LIMIT_DEFAULT);
  const page = listAt(one.target.tree, 'results');
  if (!isSameList(list.slice(offset, offset + limit), page)) {
    return no('the page is not cut from the whole list');
  }
  const hits = listAt(whole?.tree, 'results');
  if (hits.length !== list.length) return no('the documents could not be fetched');
  const fault = faultOf({ candidates, hits, limit: ALL_DOCUMENTS });
  if (fault !== undefined) return no(fault);
  return { class: 'ties', why: 'documents of equal sort values change places' };
}

/** What the page would be, cut from the reference's list from its first document on. */
async function pageOfOwnList(
  one: Case,
  arena: Arena,
  uid: string,
  params: Obj,
): Promise<readonly Tree[] | undefined> {
  const offset = Number(params['offset'] ?? 0);
  const limit = Number(params['limit'] ?? LIMIT_DEFAULT);
  if (offset === 0 || params['sort'] === undefined) return undefined;
  const path = `/indexes/${uid}/documents/fetch`;
  const body = { ...params, offset: 0, limit: offset + limit };
  const whole = await arena.reference.send({ method: 'POST', path, body });
  // the gateway's page must then be cut from its own list as the node's should be
  const mine = await arena.target.send({ method: 'POST', path, body });
  const page = listAt(mine.tree, 'results').slice(offset);
  if (!isSameList(page, listAt(one.target.tree, 'results'))) return undefined;
  return whole.status === 200 ? listAt(whole.tree, 'results').slice(offset) : undefined;
}

/** All documents in the reference's order with their sort values. */
async function candidatesOf(
  arena: Arena,
  uid: string,
  params: Obj,
): Promise<Candidate[] | undefined> {
  const body = { ...params, offset: 0, limit: ALL_DOCUMENTS };
  const path = `/indexes/${uid}/documents/fetch`;
  const headers = { 'meili-proxy-search': 'true' };
  const [plain, marked] = await Promise.all([
    arena.reference.send({ method: 'POST', path, body }),
    arena.reference.send({ method: 'POST', path, body, headers }),
  ]);
  const documents = listAt(plain.tree, 'results');
  const values = listAt(marked.tree, 'results');
  if (plain.status !== 200 || documents.length !== values.length) return undefined;
  const sort = Array.isArray(params['sort']) ? params['sort'].map(String) : [];
  const groups = sortGroups(
    values.map((hit) => ({ hit, values: sortValuesOf(hit) })),
    sort,
  );
  return documents.map((hit, at): Candidate => {
    return { hit, rank: groups[at] as string, distinct: [] };
  });
}

function sortValuesOf(document: Tree | undefined): readonly Tree[] {
  const mark = document instanceof Map ? document.get('_federation') : undefined;
  const values = mark instanceof Map ? mark.get('weightedScoreValues') : undefined;
  return Array.isArray(values) ? values : [];
}

/** Parameters in the form of the POST. */
function paramsOf(one: Case): Obj | undefined {
  const { request } = one;
  if (request.method === 'POST') return isObj(request.body) ? request.body : undefined;
  const params: Obj = {};
  for (const [key, value] of Object.entries(request.query ?? {})) {
    // `*` among the fields of a GET stands for all; in a POST it is a name like others
    if (key === 'fields' && splitList(value).includes('*')) continue;
    if (LISTS.has(key)) params[key] = splitList(value);
    else params[key] = key === 'filter' ? jsonOrText(value) : (JSON.parse(value) as Json);
  }
  return omit(params, []);
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
