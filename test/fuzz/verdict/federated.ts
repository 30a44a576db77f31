/**
 * Explains federated answers part by part. Hits tie if they come from one query and all their details
 * and weighted scores are equal; the candidates are those of twins without distinct and caps, the list
 * must be a right arrangement of them. Totals and facets have the same reasons as in a plain search.
 * Words are judged apart (federated-words.ts).
 */
import { printTree, type Tree, type TreeObject } from '../../stories/lossless.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import { type Candidate, faultOf, isSameList, sortedText } from './arrangement.ts';
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
import { type Federated, positionOf } from './federated-case.ts';
import { explainFederatedWords } from './federated-words.ts';
import { rankOf, valuesAt } from './hits.ts';
import type { Case } from './judge.ts';
import { countAt, listAt, omit, WINDOW_NAMES, windowOf } from './sub-case.ts';
import { type Verdict, worst } from './verdict.ts';

const ALL_HITS = 1000;
const ALL_VALUES = 100_000;
const PATH = '/multi-search';

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
  const { one, arena, evidence, federation, queries } = search;
  if (!queries.some((query) => evidence.isChurned(String(query['indexUid'])))) {
    return no('out of order, though no document was replaced');
  }
  const candidates = await candidatesOf(search);
  if (candidates === undefined) return no('the candidates could not be fetched');
  const ask = { federation: wholeOf(federation), queries: [...queries] };
  const whole = await arena.target.send({ method: 'POST', path: PATH, body: ask });
  const list = listAt(whole.tree, 'hits');
  const { offset, limit } = windowOf(federation, {});
  const page = listAt(one.target.tree, 'hits');
  if (!isSameList(list.slice(offset, offset + limit), page)) return no('pages do not fit');
  // an index ends at its maxTotalHits: then what is behind the last hit is not looked at
  const isCapped = isCappedBy(search, candidates);
  const arrangement = {
    candidates: withoutCapped(search, candidates, list),
    hits: list,
    limit: isCapped ? list.length : ALL_HITS,
  };
  const fault = faultOf(arrangement);
  if (fault === undefined) return { class: 'ties', why: 'federated hits of equal rank' };
  return faultOf(withoutDotted(arrangement)) === undefined
    ? { class: 'seen-fields', why: 'a name with dots is formatted by the fields seen' }
    : no(`federated: ${fault}`);
}

function isCappedBy({ queries, evidence }: Federated, candidates: readonly Candidate[]): boolean {
  const least = Math.min(
    ...queries.map((query) => {
      const pagination = evidence.settings(String(query['indexUid']))['pagination'];
      const cap = isObj(pagination) ? pagination['maxTotalHits'] : undefined;
      return typeof cap === 'number' ? cap : ALL_HITS;
    }),
  );
  return candidates.length >= least;
}

/**
 * The candidates without those that an index has no room for: it ends at its maxTotalHits, and of the
 * documents that tie with its last one any may stand there.
 */
function withoutCapped(
  { queries, evidence }: Federated,
  candidates: readonly Candidate[],
  list: readonly Tree[],
): readonly Candidate[] {
  const listed = new Set(list.map(sortedText));
  const left = new Set<Candidate>();
  for (const uid of new Set(queries.map((query) => String(query['indexUid'])))) {
    const own = candidates.filter(({ hit }) => indexOf(hit) === uid);
    const shown = own.filter(({ hit }) => listed.has(sortedText(hit)));
    if (shown.length < windowOf({ limit: ALL_HITS }, evidence.settings(uid)).limit) continue;
    const last = shown.at(-1)?.rank;
    const from = own.findIndex(({ rank }) => rank === last);
    for (const candidate of own.slice(from)) {
      if (!listed.has(sortedText(candidate.hit))) left.add(candidate);
    }
  }
  return candidates.filter((candidate) => !left.has(candidate));
}

function indexOf(hit: Tree): string {
  const mark = hit instanceof Map ? hit.get('_federation') : undefined;
  return mark instanceof Map ? String(mark.get('indexUid')) : '';
}

function wholeOf(federation: Obj): Obj {
  return {
    ...omit(federation, [...WINDOW_NAMES, 'facetsByIndex', 'mergeFacets']),
    limit: ALL_HITS,
  };
}

/** All documents that a query finds, in the reference's order, before distinct leaves any out. */
async function candidatesOf(search: Federated): Promise<Candidate[] | undefined> {
  const { evidence, federation, queries, distinct } = search;
  const isWhole = federation['distinct'] !== undefined;
  const free = omit(wholeOf(federation), ['distinct']);
  const plain = queries.map((query) => omit(query, ['distinct']));
  const open = queries.map((query, at): Json => {
    const field = distinct[at];
    return {
      ...omit(query, ['distinct', 'attributesToHighlight', 'attributesToCrop']),
      showRankingScoreDetails: true,
      attributesToRetrieve: field === undefined ? [] : [field.split('.')[0] as string, field],
    };
  });
  const [wide, ranked] = await Promise.all([
    evidence.multiSearch('wide', { federation: free, queries: plain }),
    evidence.multiSearch('open', { federation: free, queries: open }),
  ]);
  const hits = listAt(wide.tree, 'hits');
  const documents = listAt(ranked.tree, 'hits');
  if (wide.status !== 200 || hits.length !== documents.length) return undefined;
  return hits.map((hit, at): Candidate => {
    const document = documents[at] as Tree;
    const position = positionOf(hit);
    const field = distinct[position];
    // over a federation a node compares values as they are written, an empty text too
    const values = field === undefined ? [] : valuesAt(document, field.split('.'), isWhole);
    const scope = isWhole ? '' : `${position} `;
    return {
      hit,
      rank: federatedRank(document),
      distinct: values.map((value) => scope + value),
    };
  });
}

/** Query, weighted score and details. */
function federatedRank(hit: Tree): string {
  const mark = hit instanceof Map ? hit.get('_federation') : undefined;
  return `${mark === undefined ? '' : printTree(mark)} ${rankOf(hit)} ${sortedText(null)}`;
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
      limit: 1,
    },
    queries: queries.map((query) => omit(query, ['distinct', 'rankingScoreThreshold'])),
  });
  const trees = [one.reference.tree, one.target.tree, free.tree];
  const [uid] = queries.map((query) => String(query['indexUid']));
  if (isMerged)
    return explainTables(
      search,
      uid ?? '',
      trees.map((tree) => mapAt(tree, 'facetDistribution')),
    );
  const indexes = trees.map((tree) => mapAt(tree, 'facetsByIndex'));
  const names = [...(indexes[0]?.keys() ?? [])];
  if (names.join() !== [...(indexes[1]?.keys() ?? [])].join()) return no('facets of other indexes');
  return worst(
    names.map((name) =>
      explainTables(
        search,
        name,
        indexes.map((index) => mapAt(index?.get(name), 'distribution')),
      ),
    ),
  );
}

function explainTables(
  { evidence, distinct, queries, federation }: Federated,
  uid: string,
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
        isCountOrder: orderOf(evidence.settings(uid), name) === 'count',
        isMerged: isObj(federation['mergeFacets']),
      };
      const plan = evidence.plan(uid);
      const exact = explainOrMixed(facet, plan, explainFacet);
      const isOff = exact.class === 'difference' && isEstimate;
      return isOff ? explainOrMixed(facet, plan, explainSurvivors) : exact;
    }),
  );
}
