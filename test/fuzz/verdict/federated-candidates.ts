/**
 * All pairs of query and document of a federation, in the reference's order: each query is asked by
 * itself, before distinct leaves any out, and what it finds is put together as a node does.
 */
import { NumberText, printTree, type Tree } from '../../stories/lossless.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import { sortedText } from './arrangement.ts';
import type { Federated } from './federated-case.ts';
import { rankOf, valuesAt } from './hits.ts';
import type { Pair } from './pairs.ts';
import { listAt, omit } from './sub-case.ts';
import { type Weighed, weigh } from './weighted-order.ts';

const ALL_HITS = 1000;

const FORMAT_NAMES = [
  'attributesToRetrieve',
  'attributesToHighlight',
  'attributesToCrop',
  'showMatchesPosition',
];

/** A pair before it has its place, and how it is ranked. */
interface Found extends Weighed {
  readonly pair: Omit<Pair, 'group'>;
  /** Equal for pairs of one query that tie. */
  readonly rank: string;
}

/** Pairs in order, and how each is ranked against others. */
export interface Candidates {
  readonly pairs: readonly Pair[];
  readonly weights: ReadonlyMap<number, Weighed>;
}

/** Undefined if they could not be fetched. */
export async function federatedCandidates(search: Federated): Promise<Candidates | undefined> {
  const lists = await Promise.all(search.queries.map((query, at) => listOf(search, query, at)));
  const known = lists.filter((list) => list !== undefined);
  return known.length === lists.length ? inOrder(known) : undefined;
}

async function listOf(
  { evidence, federation, distinct }: Federated,
  query: Obj,
  at: number,
): Promise<Found[] | undefined> {
  const alone = { limit: ALL_HITS };
  const plain = omit(query, ['distinct']);
  const open: Json = {
    ...omit(plain, FORMAT_NAMES),
    showRankingScoreDetails: true,
    attributesToRetrieve: ['*'],
  };
  const [wide, whole, ranked] = await Promise.all([
    evidence.multiSearch('wide', { federation: alone, queries: [plain] }),
    evidence.multiSearch('wide', { federation: alone, queries: [omit(plain, FORMAT_NAMES)] }),
    evidence.multiSearch('open', { federation: alone, queries: [open] }, true),
  ]);
  const hits = told(listAt(wide.tree, 'hits'), listAt(whole.tree, 'hits'));
  const documents = listAt(ranked.tree, 'hits');
  if (ranked.status !== 200 || hits?.length !== documents.length) return undefined;
  const uid = String(query['indexUid']);
  const isStill = !evidence.isChurned(uid);
  return hits.map((hit, place): Found => {
    const document = documents[place] as Tree;
    const mark = memberOf(document, '_federation');
    const values = memberOf(mark, 'weightedScoreValues');
    const score = memberOf(mark, 'weightedRankingScore');
    const field = distinct[at]?.split('.');
    const isNamed = federation['distinct'] !== undefined || query['distinct'] !== undefined;
    const filed = field === undefined ? [] : valuesAt(document, field);
    // where the request names the field, a node compares values as they are written, too
    const written = field === undefined || !isNamed ? [] : valuesAt(document, field, true);
    const isWhole = federation['distinct'] !== undefined;
    return {
      pair: {
        hit: ofQuery(hit, at),
        query: at,
        document: `${uid} ${identityOf(document)}`,
        own: [...new Set([...filed, ...written])].map((value) => `${at} ${value}`),
        shared: isWhole ? written : [],
      },
      // as none was replaced, tied documents stand in the order in which they came
      rank: `${rankOf(document)} ${sortedText(values ?? null)} ${isStill ? place : ''}`,
      values: Array.isArray(values) ? values : [],
      score: score instanceof NumberText ? Number(score.text) : 0,
    };
  });
}

/** The gateway's hits from the first on; undefined if they could not be fetched. */
export async function targetHits(search: Federated, federation: Obj): Promise<Told | undefined> {
  const { arena, queries } = search;
  const ask = (list: readonly Obj[]) =>
    arena.target.send({
      method: 'POST',
      path: '/multi-search',
      body: { federation, queries: [...list] },
    });
  const [hits, whole] = await Promise.all([
    ask(queries),
    ask(queries.map((query) => omit(query, FORMAT_NAMES))),
  ]);
  const list = listAt(hits.tree, 'hits');
  const pairs = told(list, listAt(whole.tree, 'hits'));
  return pairs === undefined ? undefined : { hits: list, told: pairs };
}

/** Hits as they are shown, and with their documents. */
export interface Told {
  readonly hits: readonly Tree[];
  readonly told: readonly Tree[];
}

/** Hits that look alike are told apart by the documents, as far as these are shown at all. */
function told(hits: readonly Tree[], documents: readonly Tree[]): Tree[] | undefined {
  if (hits.length !== documents.length) return undefined;
  return hits.map((hit, at) => {
    const members: [string, Tree][] = hit instanceof Map ? [...hit] : [];
    return new Map([...members, ['document', identityOf(documents[at] as Tree)]]);
  });
}

/** The lists as one: always the best of their heads, the earlier query's among equals. */
function inOrder(lists: readonly (readonly Found[])[]): Candidates {
  const places = lists.map(() => 0);
  const pairs: Pair[] = [];
  const weights = new Map<number, Weighed>();
  for (let group = 0; ; group += 1) {
    let best: Found | undefined;
    for (const [at, list] of lists.entries()) {
      const head = list[places[at] as number];
      if (head !== undefined && (best === undefined || weigh(best, head).order > 0)) best = head;
    }
    if (best === undefined) return { pairs, weights };
    const { query } = best.pair;
    const list = lists[query] as readonly Found[];
    weights.set(group, best);
    for (let at = places[query] as number; list[at]?.rank === best.rank; at += 1) {
      pairs.push({ ...(list[at] as Found).pair, group });
      places[query] = at + 1;
    }
  }
}

/** The hit with the place of its query: by itself it was the first. */
function ofQuery(hit: Tree, at: number): Tree {
  const mark = memberOf(hit, '_federation');
  if (!(hit instanceof Map) || !(mark instanceof Map)) return hit;
  const placed = new Map([...mark, ['queriesPosition', new NumberText(String(at))]]);
  return new Map([...hit, ['_federation', placed]]);
}

function identityOf(document: Tree): string {
  if (!(document instanceof Map)) return printTree(document);
  return sortedText(new Map([...document].filter(([name]) => !NOT_OWN.has(name))));
}

const NOT_OWN = new Set([
  '_federation',
  '_formatted',
  '_rankingScore',
  '_rankingScoreDetails',
  '_geoDistance',
  '_vectors',
]);

function memberOf(tree: Tree | undefined, name: string): Tree | undefined {
  return tree instanceof Map ? tree.get(name) : undefined;
}

/** Most hits of an index. */
export function hitsMaxOf(settings: Obj): number {
  const pagination = settings['pagination'];
  const cap = isObj(pagination) ? pagination['maxTotalHits'] : undefined;
  return typeof cap === 'number' ? cap : ALL_HITS;
}
