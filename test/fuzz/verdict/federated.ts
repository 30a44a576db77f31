/**
 * Explains federated answers part by part. Hits tie if they come from one query and all their details
 * and weighted scores are equal; the candidates are what each query finds in twins without distinct and
 * caps, the list must be a right arrangement of them. Totals and facets have the same reasons as in a plain search.
 * Words are judged apart (federated-words.ts).
 */
import type { Tree, TreeObject } from '../../stories/lossless.ts';
import { isObj, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import { isSameList, sortedText } from './arrangement.ts';
import { withoutDotted } from './dotted.ts';
import type { Evidence } from './evidence.ts';
import {
  countsOf,
  explainFacet,
  explainOrMixed,
  explainSurvivors,
  mapAt,
  orderOf,
} from './facets.ts';
import {
  type Candidates,
  federatedCandidates,
  hitsMaxOf,
  targetHits,
} from './federated-candidates.ts';
import { type Federated, positionOf } from './federated-case.ts';
import { explainFederatedWords } from './federated-words.ts';
import { areApartByGroups } from './group-scores.ts';
import type { Case } from './judge.ts';
import { withoutMarks } from './marks.ts';
import { type Pair, pairFaultOf } from './pairs.ts';
import { countAt, isKeyword, listAt, omit, WINDOW_NAMES, windowOf } from './sub-case.ts';
import { type Verdict, worst } from './verdict.ts';

const ALL_HITS = 1000;
const ALL_VALUES = 100_000;

const no = (why: string): Verdict => ({ class: 'difference', why });

/** Grants a class, or says why not. */
export async function explainFederated(
  one: Case,
  arena: Arena,
  evidence: Evidence,
): Promise<Verdict> {
  const { body } = one.request;
  const federation = isObj(body) ? body['federation'] : undefined;
  const queries = isObj(body) ? body['queries'] : undefined;
  if (!isObj(federation) || !Array.isArray(queries) || !queries.every(isObj)) {
    return no('not a federated search');
  }
  const distinct = queries.map((query) => {
    const set = evidence.settings(String(query['indexUid']))['distinctAttribute'];
    const field = federation['distinct'] ?? query['distinct'] ?? set;
    return typeof field === 'string' ? field : undefined;
  });
  const search = { one, arena, evidence, federation, queries, distinct };
  const verdict = await explainParts(search);
  if (verdict.class !== 'difference') return verdict;
  const words = await explainFederatedWords(search, explainParts);
  return words.class === 'difference' ? no(`${verdict.why}; not vocabulary: ${words.why}`) : words;
}

/** A reason for each part that differs. */
async function explainParts(search: Federated): Promise<Verdict> {
  const { differences } = search.one;
  const has = (pattern: RegExp) => differences.some(({ pointer }) => pattern.test(pointer));
  const known = /^\/(hits|estimatedTotalHits|totalHits|totalPages|facet)/;
  const other = differences.find(({ pointer }) => !known.test(pointer));
  if (other !== undefined) return no(`${other.pointer} differs`);
  const verdicts: Verdict[] = [];
  if (has(/^\/hits/)) verdicts.push(await explainHits(search));
  if (has(/^\/(estimatedTotalHits|totalHits|totalPages)/))
    verdicts.push(await explainTotal(search));
  if (has(/^\/facet/)) verdicts.push(await explainAllFacets(search));
  return worst(verdicts);
}

async function explainHits(search: Federated): Promise<Verdict> {
  const { one, federation } = search;
  const candidates = await federatedCandidates(search);
  const list = await targetHits(search, wholeOf(federation));
  if (candidates === undefined || list === undefined) return no('the hits could not be fetched');
  const { offset, limit } = windowOf(federation, {});
  const page = listAt(one.target.tree, 'hits');
  if (!isSameList(list.hits.slice(offset, offset + limit), page)) return no('pages do not fit');
  return explainList(search, candidates, list.told);
}

/** A reason for a list that need not be a node's own. */
function explainList(
  search: Federated,
  { pairs, weights }: Candidates,
  hits: readonly Tree[],
): Verdict {
  const { candidates, isCapped } = withoutCapped(search, pairs, hits);
  // an index ends at its maxTotalHits: then what is behind the last hit is not looked at
  const lists = { candidates, hits, limit: isCapped ? hits.length : ALL_HITS };
  const fault = pairFaultOf(lists);
  if (fault === undefined) return { class: 'ties', why: 'federated hits of equal rank' };
  if (pairFaultOf(withoutDotted(lists)) === undefined) {
    return { class: 'seen-fields', why: 'a name with dots is formatted by the fields seen' };
  }
  const isOfWords = (hit: Tree) => isKeyword(search.queries[positionOf(hit)] ?? {});
  if (pairFaultOf(withoutMarks(lists, isOfWords)) === undefined) {
    return { class: 'vocabulary', why: 'words are marked as a node knows them' };
  }
  if (pairFaultOf(lists, { lists: true }) === undefined) {
    return {
      class: 'lists',
      why: 'left out for one that the whole leaves out, by a list of values',
    };
  }
  const isFree = pairFaultOf(lists, { queries: true }) === undefined;
  return isFree && areApartByGroups(lists, weights)
    ? { class: 'group-scores', why: 'scores of parts of the rules order hits of two queries' }
    : no(`federated: ${fault}`);
}

/**
 * The candidates without those that an index has no room for: it ends at its maxTotalHits, and of the
 * documents that tie with its last one any may stand there.
 */
function withoutCapped(
  { queries, evidence }: Federated,
  pairs: readonly Pair[],
  hits: readonly Tree[],
): { readonly candidates: readonly Pair[]; readonly isCapped: boolean } {
  const shown = new Set(hits.map(sortedText));
  const left = new Set<Pair>();
  let isCapped = false;
  for (const uid of new Set(queries.map((query) => String(query['indexUid'])))) {
    const own = pairs.filter(({ query }) => queries[query]?.['indexUid'] === uid);
    const listed = own.filter(({ hit }) => shown.has(sortedText(hit)));
    if (listed.length < hitsMaxOf(evidence.settings(uid))) continue;
    isCapped = true;
    const last = listed.at(-1)?.group ?? 0;
    for (const pair of own) {
      if (pair.group >= last && !shown.has(sortedText(pair.hit))) left.add(pair);
    }
  }
  return { candidates: pairs.filter((pair) => !left.has(pair)), isCapped };
}

function wholeOf(federation: Obj): Obj {
  return {
    ...omit(federation, [...WINDOW_NAMES, 'facetsByIndex', 'mergeFacets']),
    limit: ALL_HITS,
  };
}

/** A total may be off where the engine estimates it, and never beyond what there is. */
async function explainTotal(search: Federated): Promise<Verdict> {
  const { one, evidence, federation, queries, distinct } = search;
  const hasThreshold = queries.some((query) => query['rankingScoreThreshold'] !== undefined);
  if (distinct.every((field) => field === undefined) && !hasThreshold) {
    return no('a total that is no estimate differs');
  }
  const free = await evidence.multiSearch('wide', {
    federation: omit(wholeOf(federation), ['distinct']),
    queries: queries.map((query) => omit(query, ['distinct', 'rankingScoreThreshold'])),
  });
  const high = countAt(free.tree, 'estimatedTotalHits');
  const given =
    countAt(one.target.tree, 'estimatedTotalHits') ?? countAt(one.target.tree, 'totalHits');
  const low = listAt(one.target.tree, 'hits').length;
  if (high === undefined || given === undefined) return no('the bounds could not be fetched');
  if (given < low || given > high) return no(`estimate ${given} is not from ${low} to ${high}`);
  return { class: 'estimate', why: 'federated total under distinct or a threshold' };
}

async function explainAllFacets(search: Federated): Promise<Verdict> {
  const { one, evidence, federation, queries } = search;
  const isMerged = isObj(federation['mergeFacets']);
  const free = await evidence.multiSearch('wide', {
    federation: {
      ...omit(federation, [...WINDOW_NAMES, 'distinct']),
      ...(isMerged ? { mergeFacets: { maxValuesPerFacet: ALL_VALUES } } : {}),
      // what is listed would be distinct by the settings
      limit: 0,
    },
    queries: queries.map((query) => omit(query, ['distinct', 'rankingScoreThreshold'])),
  });
  const trees = [one.reference.tree, one.target.tree, free.tree];
  if (isMerged) {
    return explainTables(
      search,
      [...new Set(queries.map((query) => String(query['indexUid'])))],
      trees.map((tree) => mapAt(tree, 'facetDistribution')),
    );
  }
  const indexes = trees.map((tree) => mapAt(tree, 'facetsByIndex'));
  const names = [...(indexes[0]?.keys() ?? [])];
  if (names.join() !== [...(indexes[1]?.keys() ?? [])].join()) return no('facets of other indexes');
  return worst(
    names.map((name) =>
      explainTables(
        search,
        [name],
        indexes.map((index) => mapAt(index?.get(name), 'distribution')),
      ),
    ),
  );
}

function explainTables(
  { evidence, distinct, queries, federation }: Federated,
  uids: readonly string[],
  [before, after, all]: readonly (TreeObject | undefined)[],
): Verdict {
  if (before === undefined || after === undefined || all === undefined) return no('no facets');
  if ([...before.keys()].sort().join() !== [...after.keys()].sort().join())
    return no('other facets');
  const isEstimate =
    distinct.some((field) => field !== undefined) ||
    queries.some((query) => query['rankingScoreThreshold'] !== undefined);
  return worst(
    [...before.keys()].map((name) => {
      const facet = {
        name,
        before: countsOf(before.get(name)),
        after: countsOf(after.get(name)),
        all: countsOf(all.get(name)),
        isCountOrder: uids.some((uid) => orderOf(evidence.settings(uid), name) === 'count'),
        isMerged: isObj(federation['mergeFacets']),
      };
      const plans = uids.map((uid) => evidence.plan(uid));
      const exact = explainOrMixed(facet, plans, explainFacet);
      const isOff = exact.class === 'difference' && isEstimate;
      return isOff ? explainOrMixed(facet, plans, explainSurvivors) : exact;
    }),
  );
}
