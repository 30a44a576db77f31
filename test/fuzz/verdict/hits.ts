/**
 * Explains other hits, or hits in another order, by ties: fetches all candidates with their ranks from
 * the twins on the reference, and checks that the gateway's list is one of the right arrangements and
 * that its pages fit together.
 */
import { NumberText, printTree, type Tree } from '../../stories/lossless.ts';
import { type Candidate, faultOf, isSameList, sortedText } from './arrangement.ts';
import {
  distinctOf,
  hitsOf,
  listAt,
  omit,
  type SubCase,
  WINDOW_NAMES,
  windowOf,
} from './sub-case.ts';
import type { Verdict } from './verdict.ts';

const ALL_HITS = 100_000;
const FORMAT_NAMES = [
  'attributesToRetrieve',
  'attributesToHighlight',
  'attributesToCrop',
  'showMatchesPosition',
  'facets',
];

/** Grants `ties`, or says why not. */
export async function explainTies(one: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const candidates = await candidatesOf(one);
  if (candidates === undefined) return no('the candidates could not be fetched');
  const settings = one.evidence.settings(one.uid);
  const { offset, limit } = windowOf(one.params, settings);
  const shown = listAt(one.target, 'hits');
  const hits = offset === 0 ? shown : await targetHead(one, offset + limit);
  if (hits === undefined) return no('the first page could not be fetched');
  if (!isSameList(hits.slice(offset, offset + limit), shown)) {
    return no('the page does not continue the pages before it');
  }
  const fault = faultOf({ candidates, hits, limit: offset + limit });
  if (fault !== undefined) return no(fault);
  if (!one.evidence.isChurned(one.uid)) {
    return no('tied documents out of the order in which they arrived, though none was replaced');
  }
  return { class: 'ties', why: 'documents of equal rank change places' };
}

/** All documents that match, in rank order, with what makes them tie and what makes them distinct. */
export async function candidatesOf(one: SubCase): Promise<Candidate[] | undefined> {
  const base = { ...omit(one.params, [...WINDOW_NAMES, 'distinct']), limit: ALL_HITS };
  const bare = omit(base, FORMAT_NAMES);
  const [wide, open] = await Promise.all([
    one.evidence.search('wide', one.uid, base),
    one.evidence.search('open', one.uid, { ...bare, showRankingScoreDetails: true }),
  ]);
  const hits = hitsOf(wide);
  const documents = hitsOf(open);
  if (hits === undefined || documents === undefined || hits.length !== documents.length) {
    return undefined;
  }
  const field = distinctOf(one);
  return hits.map((hit, at): Candidate => {
    const document = documents[at] as Tree;
    return {
      hit,
      rank: rankOf(document),
      distinct: field === undefined ? [] : valuesAt(document, field.split('.')),
    };
  });
}

/** What a document's rank is made of. */
export function rankOf(hit: Tree): string {
  const details = hit instanceof Map ? hit.get('_rankingScoreDetails') : undefined;
  return details === undefined ? '' : sortedText(details);
}

/** The gateway's hits from the first on. */
async function targetHead(one: SubCase, limit: number): Promise<Tree[] | undefined> {
  const params = { ...omit(one.params, WINDOW_NAMES), limit };
  return hitsOf(
    await one.arena.target.send({
      method: 'POST',
      path: `/indexes/${one.uid}/search`,
      body: params,
    }),
  );
}

/** The facet values of a field, as the engine sees them: arrays apart, texts without case and marks. */
export function valuesAt(tree: Tree, path: readonly string[]): string[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => valuesAt(item, path));
  if (!(tree instanceof Map)) return path.length === 0 ? scalarValue(tree) : [];
  // a key may itself hold dots
  return Array.from({ length: path.length }, (_, i) => i + 1).flatMap((length) => {
    const inner = tree.get(path.slice(0, length).join('.'));
    return inner === undefined ? [] : valuesAt(inner, path.slice(length));
  });
}

function scalarValue(value: Tree): string[] {
  if (value === null || value === '') return [];
  if (value instanceof NumberText) {
    const number = Number(value.text);
    return [`n${Object.is(number, -0) ? '-0' : number}`];
  }
  if (typeof value === 'boolean') return [`s${value}`];
  return typeof value === 'string' ? [`s${normalize(value)}`] : [`s${printTree(value)}`];
}

/** How the engine normalizes facet values, but for the cut at 468 bytes. */
export function normalize(text: string): string {
  return text.trim().normalize('NFKD').toLowerCase();
}
