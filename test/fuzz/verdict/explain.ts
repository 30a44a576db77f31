/**
 * Explains differences of an index with several owners, part by part: hits, totals and facets each need
 * a reason of their own, and the gravest of the reasons is the class of the whole. What cannot be split
 * into such parts stays a difference.
 */
import { compareReplies, type Difference } from '../compare.ts';
import { isObj, type Obj } from '../json.ts';
import { asSearch, type FuzzRequest } from '../requests/request.ts';
import type { Arena } from '../run.ts';
import { explainDocuments } from './documents.ts';
import { isSameButDotted } from './dotted.ts';
import type { Evidence } from './evidence.ts';
import { explainFacets } from './facets.ts';
import { explainFederated } from './federated.ts';
import { explainTies } from './hits.ts';
import type { Case } from './judge.ts';
import { explainFacetSearch, explainSimilar } from './lookups.ts';
import { explainSeveralVectors } from './several-vectors.ts';
import { listAt, omit, type SubCase } from './sub-case.ts';
import { explainTotals } from './totals.ts';
import { type Verdict, worst } from './verdict.ts';
import { explainVocabulary } from './vocabulary.ts';

const no = (why: string): Verdict => ({ class: 'difference', why });

/** Parts of a search answer by the beginning of the pointer. */
const PARTS: readonly (readonly [pattern: RegExp, part: 'hits' | 'totals' | 'facets'])[] = [
  [/^\/hits(\/|$)/, 'hits'],
  [/^\/(estimatedTotalHits|totalHits|totalPages)$/, 'totals'],
  [/^\/(facetDistribution|facetStats)(\/|#|$)/, 'facets'],
];

/** The class of a case that is not equal. */
export async function explain(one: Case, arena: Arena, evidence: Evidence): Promise<Verdict> {
  const outside = one.differences.find(({ pointer }) => !pointer.startsWith('/'));
  if (outside !== undefined) return no(`${outside.pointer} differs`);
  if (one.reference.status !== 200) return no('an error is told otherwise');
  const { request } = one;
  const uid = /^\/indexes\/([^/]+)\//.exec(request.path)?.[1] ?? '';
  if (request.path === '/multi-search') {
    const isFederated = isObj(request.body) && isObj(request.body['federation']);
    return isFederated
      ? explainFederated(one, arena, evidence)
      : explainMulti(one, arena, evidence);
  }
  if (/\/documents(\/fetch)?$/.test(request.path)) return explainDocuments(one, arena, evidence);
  if (request.path.endsWith('/facet-search')) return explainFacetSearch(one, arena, evidence, uid);
  if (request.path.endsWith('/similar')) return explainSimilar(one, arena, evidence, uid);
  const search = asSearch(request);
  const [reference, target] = [one.reference.tree, one.target.tree];
  if (search === undefined || !(reference instanceof Map) || !(target instanceof Map)) {
    return no(`${request.kind} must be exact`);
  }
  const { differences } = one;
  return explainSearch({ ...search, reference, target, differences, arena, evidence });
}

/** Each query of a multi-search by itself. */
async function explainMulti(one: Case, arena: Arena, evidence: Evidence): Promise<Verdict> {
  const queries = isObj(one.request.body) ? one.request.body['queries'] : undefined;
  if (!Array.isArray(queries)) return no('no queries');
  const verdicts: Verdict[] = [];
  for (const [at, query] of queries.entries()) {
    const prefix = `/results/${at}`;
    const own = one.differences.filter(({ pointer }) => pointer.startsWith(`${prefix}/`));
    if (own.length === 0) continue;
    const reference = listAt(one.reference.tree, 'results')[at];
    const target = listAt(one.target.tree, 'results')[at];
    if (!isObj(query) || !(reference instanceof Map) || !(target instanceof Map)) {
      return no('results differ');
    }
    const differences = own.map((d): Difference => {
      return { ...d, pointer: d.pointer.slice(prefix.length) };
    });
    const uid = String(query['indexUid']);
    const params = omit(query, ['indexUid']);
    verdicts.push(
      await explainSearch({ uid, params, reference, target, differences, arena, evidence }),
    );
  }
  const rest = one.differences.filter(({ pointer }) => !/^\/results\/\d+\//.test(pointer));
  return rest.length > 0 || verdicts.length === 0 ? no('results differ') : worst(verdicts);
}

/** One search: a reason for each part, or vocabulary for all of them. */
async function explainSearch(one: SubCase, mayVocabulary = true): Promise<Verdict> {
  const parts = new Set<string>();
  const verdicts: Verdict[] = [];
  for (const { pointer } of one.differences) {
    if (pointer === '/semanticHitCount') {
      // how many hits are of either half follows from what the words find
      verdicts.push(no(`${pointer} differs`));
      continue;
    }
    const part = PARTS.find(([pattern]) => pattern.test(pointer))?.[1];
    if (part === undefined) return no(`${pointer} differs`);
    parts.add(part);
  }
  if (parts.has('hits')) {
    verdicts.push(explainMarks(one) ?? explainSeenFields(one) ?? (await explainTies(one)));
  }
  if (parts.has('totals')) verdicts.push(await explainTotals(one));
  if (parts.has('facets')) verdicts.push(await explainFacets(one));
  const verdict = worst(verdicts);
  if (verdict.class !== 'difference' || !mayVocabulary) return verdict;
  const several = await explainSeveralVectors(one);
  if (several !== undefined) return several;
  const vocabulary = await explainVocabulary(one, judgeControl);
  return vocabulary.class === 'vocabulary'
    ? vocabulary
    : no(`${verdict.why}; not vocabulary: ${vocabulary.why}`);
}

const MARKS = /^\/hits\/\d+\/(_formatted|_matchesPosition)(\/|$)/;

/** The same hits in the same order; only which of their words are marked differs. */
function explainMarks(one: SubCase): Verdict | undefined {
  const inHits = one.differences.filter(({ pointer }) => pointer.startsWith('/hits'));
  const { q } = one.params;
  const hasWords = typeof q === 'string' && q.trim() !== '';
  return hasWords && inHits.every(({ pointer }) => MARKS.test(pointer))
    ? { class: 'vocabulary', why: 'words are marked as a node knows them' }
    : undefined;
}

/** The same hits in the same order; only what a node formats by the fields it has seen differs. */
function explainSeenFields(one: SubCase): Verdict | undefined {
  return isSameButDotted(listAt(one.reference, 'hits'), listAt(one.target, 'hits'))
    ? { class: 'seen-fields', why: 'formatted by the fields seen' }
    : undefined;
}

/** The same search with other parameters, judged without recourse to vocabulary. */
async function judgeControl(one: SubCase, params: Obj): Promise<Verdict> {
  const request: FuzzRequest = {
    kind: 'search',
    method: 'POST',
    path: `/indexes/${one.uid}/search`,
    body: params,
  };
  const [reference, target] = await Promise.all([
    one.arena.reference.send(request),
    one.arena.target.send(request),
  ]);
  const differences = compareReplies(request, reference, target);
  if (differences.length === 0) return { class: 'equal', why: '' };
  if (!(reference.tree instanceof Map) || !(target.tree instanceof Map)) return no('no answer');
  return explainSearch(
    { ...one, params, differences, reference: reference.tree, target: target.tree },
    false,
  );
}
