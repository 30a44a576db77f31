/** Explains other answers to facet search and to the search for similar documents. */
import { NumberText, type Tree } from '../../stories/lossless.ts';
import { compareReplies } from '../compare.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import { type Candidate, faultOf, isSameList, sortedText } from './arrangement.ts';
import type { Evidence } from './evidence.ts';
import { type Count, explainFacet, orderOf } from './facets.ts';
import { normalize, rankOf } from './hits.ts';
import type { Case } from './judge.ts';
import { severalVectors } from './several-vectors.ts';
import { countAt, hitsOf, isKeyword, listAt, omit } from './sub-case.ts';
import type { Verdict } from './verdict.ts';
import { isVocabularyBound } from './word-limits.ts';

const ALL_HITS = 100_000;
const LIMIT_DEFAULT = 20;

/**
 * A facet search over words depends on the words a node knows where these decide which documents are
 * found; without its words it must be right.
 */
export async function explainFacetSearch(
  one: Case,
  arena: Arena,
  evidence: Evidence,
  uid: string,
): Promise<Verdict> {
  const verdict = await explainValues(one, evidence, uid);
  const { body } = one.request;
  const plan = evidence.plan(uid);
  if (verdict.class !== 'difference' || !isObj(body) || plan === undefined) return verdict;
  if (!arena.freedom.hasSpread || !isKeyword(body)) return verdict;
  const isBound =
    body['matchingStrategy'] === 'frequency' || isVocabularyBound(String(body['q']), plan.writes);
  if (!isBound) return verdict;
  const request = { ...one.request, body: omit(body, ['q']) };
  const [reference, target] = await Promise.all([
    arena.reference.send(request),
    arena.target.send(request),
  ]);
  const differences = compareReplies(request, reference, target);
  const control: Case = { ...one, request, reference, target, differences };
  const isRight =
    differences.length === 0 ||
    (await explainValues(control, evidence, uid)).class !== 'difference';
  return isRight ? { class: 'vocabulary', why: 'other documents are found' } : verdict;
}

/** Values of equal count may change places in count order; under distinct counts are estimates. */
async function explainValues(one: Case, evidence: Evidence, uid: string): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const { body } = one.request;
  if (!isObj(body) || one.differences.some(({ pointer }) => !/^\/facetHits/.test(pointer))) {
    return no('more than facet values differs');
  }
  const name = String(body['facetName']);
  const free = await evidence.post('wide', uid, '/facet-search', body);
  const all = facetCounts(free.tree);
  const after = facetCounts(one.target.tree);
  if (typeof evidence.settings(uid)['distinctAttribute'] === 'string') {
    const known = new Map(all.map(([value, n]): Count => [normalize(value), n]));
    const wrong = after.find(([value, n]) => n < 1 || n > (known.get(normalize(value)) ?? 0));
    return wrong === undefined
      ? { class: 'estimate', why: 'facet search under distinct' }
      : no(`more ${wrong[0]} than there are`);
  }
  return explainFacet({
    name,
    before: facetCounts(one.reference.tree),
    after,
    all,
    isCountOrder: orderOf(evidence.settings(uid), name) === 'count',
  });
}

/** Documents of equal similarity may change places. */
export async function explainSimilar(
  one: Case,
  arena: Arena,
  evidence: Evidence,
  uid: string,
): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const body = similarParams(one);
  if (body === undefined) return no('not a search for similar documents');
  const several = severalVectors(evidence.plan(uid), String(body['embedder']));
  const isBound = body['rankingScoreThreshold'] !== undefined;
  // what is above a threshold is counted, and similarities of several vectors may be others
  const isOtherCount = several.size > 0 && isBound;
  const explained = isOtherCount ? /^\/(hits|estimatedTotalHits)/ : /^\/hits/;
  if (one.differences.some(({ pointer }) => !explained.test(pointer))) {
    return no('more than hits differs');
  }
  const base = { ...omit(body, ['offset', 'limit']), limit: ALL_HITS };
  // whole documents: their identifiers tell which of them have several vectors
  const bare = omit(base, ['attributesToRetrieve']);
  const path = `/indexes/${uid}/similar`;
  const [wide, open, whole, shown] = await Promise.all([
    evidence.post('wide', uid, '/similar', bare),
    evidence.post('open', uid, '/similar', { ...bare, showRankingScoreDetails: true }),
    arena.target.send({ method: 'POST', path, body: bare }),
    arena.target.send({ method: 'POST', path, body: base }),
  ]);
  const [hits, ranked, list, pages] = [hitsOf(wide), hitsOf(open), hitsOf(whole), hitsOf(shown)];
  if (hits === undefined || ranked === undefined) return no('no hits');
  if (list === undefined || pages === undefined) return no('no hits');
  const candidates = hits.map((hit, at): Candidate => {
    return { hit, rank: rankOf(ranked[at] ?? null), distinct: [] };
  });
  const offset = Number(body['offset'] ?? 0);
  const limit = Number(body['limit'] ?? LIMIT_DEFAULT);
  const page = listAt(one.target.tree, 'hits');
  if (!isSameList(pages.slice(offset, offset + limit), page)) return no('pages do not fit');
  const fault = faultOf({ candidates, hits: list, limit: ALL_HITS });
  if (fault === undefined) {
    // neighbours of equal distance come as the engine's search comes upon them
    return { class: 'ties', why: 'documents of equal similarity change places' };
  }
  // the node compares first vector with first, second with second; the gateway takes the nearest
  if (several.size === 0) return no(fault);
  // above a threshold by one pair of vectors, below it by another: all documents, whatever they score
  const free = omit(bare, ['rankingScoreThreshold']);
  const [allWide, allOpen] = await Promise.all([
    evidence.post('wide', uid, '/similar', free),
    evidence.post('open', uid, '/similar', free),
  ]);
  const [all, named] = [hitsOf(allWide), hitsOf(allOpen)];
  if (all === undefined || all.length !== named?.length) return no('no hits');
  // an estimate: what lies below the threshold and behind the page is not looked at
  if (one.differences.some(({ pointer }) => !pointer.startsWith('/hits'))) {
    const total = countAt(one.target.tree, 'estimatedTotalHits') ?? -1;
    const high = countAt(allWide.tree, 'estimatedTotalHits') ?? 0;
    if (total < list.length || total > high) return no(`total ${total} of ${list.length} hits`);
  }
  // what is hidden shows on the open twin alone; the rest of the document tells which one it is
  const places = all.filter((_, at) => several.has(idAt(named[at] ?? null)));
  const known = new Set(places.map(textWithoutScore));
  const isSingle = (hit: Tree) => !known.has(textWithoutScore(hit));
  const singles = {
    candidates: candidates.filter(({ hit }) => isSingle(hit)),
    hits: list.filter(isSingle),
    limit: ALL_HITS,
  };
  // if it is the document itself, all similarities may be others: then only such documents may be found
  const isOwn = several.has(String(body['id']));
  const texts = new Set(all.map(textWithoutScore));
  const areFound = list.every((hit) => texts.has(textWithoutScore(hit)));
  const isSame = isOwn && areFound && (isBound || list.length === all.length);
  return isSame || faultOf(singles) === undefined
    ? { class: 'several-vectors', why: 'documents have several vectors' }
    : no(fault);
}

function textWithoutScore(hit: Tree): string {
  if (!(hit instanceof Map)) return '';
  return sortedText(new Map([...hit].filter(([name]) => !name.startsWith('_rankingScore'))));
}

function idAt(hit: Tree): string {
  const id = hit instanceof Map ? hit.get('id') : undefined;
  return id instanceof NumberText ? id.text : String(id);
}

function facetCounts(tree: Tree | undefined): Count[] {
  return listAt(tree, 'facetHits').map((hit): Count => {
    const value = hit instanceof Map ? hit.get('value') : undefined;
    const count = hit instanceof Map ? hit.get('count') : undefined;
    return [String(value), count instanceof NumberText ? Number(count.text) : -1];
  });
}

const LISTS = new Set(['attributesToRetrieve']);

/** Parameters in the form of the POST. */
function similarParams(one: Case): Obj | undefined {
  const { request } = one;
  if (request.method === 'POST') return isObj(request.body) ? request.body : undefined;
  const params: Obj = {};
  for (const [key, value] of Object.entries(request.query ?? {})) {
    params[key] = LISTS.has(key) ? value.split(',') : jsonOrText(value);
  }
  if (params['id'] !== undefined) params['id'] = request.query?.['id'] ?? '';
  return params;
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
