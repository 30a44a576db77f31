/**
 * Explains other hits, or hits in another order, by ties: fetches all candidates with their ranks from
 * the twins on the reference, and checks that the gateway's list is one of the right arrangements and
 * that its pages fit together.
 */
import { NumberText, printTree, type Tree } from '../../stories/lossless.ts';
import { type Candidate, faultOf, isSameList, sortedText } from './arrangement.ts';
import { withoutDotted } from './dotted.ts';
import { withoutGeoLeaders } from './geo-leaders.ts';
import { withoutMarks } from './marks.ts';
import {
  countAt,
  distinctOf,
  hitsOf,
  isKeyword,
  listAt,
  omit,
  type SubCase,
  WINDOW_NAMES,
  windowOf,
} from './sub-case.ts';
import type { Verdict } from './verdict.ts';

const ALL_HITS = 100_000;
const FIRST_CANDIDATES = 40;
const FORMAT_NAMES = [
  'attributesToRetrieve',
  'attributesToHighlight',
  'attributesToCrop',
  'showMatchesPosition',
  'facets',
];

/** Grants `ties`, or says why not. */
export async function explainTies(search: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const one = asKeyword(search);
  // neighbours of equal distance come as the engine's search comes upon them
  if (!one.evidence.isChurned(one.uid) && one.params['hybrid'] === undefined) {
    return no('tied documents out of the order in which they arrived, though none was replaced');
  }
  const settings = one.evidence.settings(one.uid);
  const { offset, limit } = windowOf(one.params, settings);
  const shown = listAt(one.target, 'hits');
  const hits = offset === 0 ? shown : await targetHead(one, offset + limit);
  if (hits === undefined) return no('the first page could not be fetched');
  if (!isSameList(hits.slice(offset, offset + limit), shown)) {
    return no('the page does not continue the pages before it');
  }
  let fault: string | undefined;
  // hits that look alike are told apart by the whole documents
  const isAlike = new Set(hits.map(sortedText)).size < hits.length;
  const whole = isAlike ? await targetHead(wholeDocuments(one), offset + limit) : undefined;
  if (isAlike && whole?.length !== hits.length) return no('the documents could not be fetched');
  const told = paired(hits, whole);
  // the first candidates mostly settle it; all of them are many bytes
  for (const size of [3 * (offset + limit) + FIRST_CANDIDATES, ALL_HITS]) {
    const candidates = await candidatesOf(one, size, isAlike);
    if (candidates === undefined) return no('the candidates could not be fetched');
    const lists = { candidates, hits: told, limit: offset + limit };
    fault = faultOf(lists);
    if (fault === undefined || faultOf(withoutGeoLeaders(lists)) === undefined) {
      return { class: 'ties', why: 'documents of equal rank change places' };
    }
    if (faultOf(withoutDotted(lists)) === undefined) {
      return { class: 'seen-fields', why: 'a name with dots is formatted by the fields seen' };
    }
    if (isKeyword(one.params)) {
      if (faultOf(withoutMarks(lists)) === undefined) {
        return { class: 'vocabulary', why: 'words are marked as a node knows them' };
      }
    }
    if (candidates.length < size) break;
  }
  return no(fault ?? 'no fault');
}

/** A hybrid search that shows hits by words alone: of a longer list the other half is a part. */
function asKeyword(one: SubCase): SubCase {
  const isOfWords = [one.reference, one.target].every(
    (answer) => countAt(answer, 'semanticHitCount') === 0,
  );
  if (one.params['hybrid'] === undefined || !isOfWords) return one;
  return { ...one, params: omit(one.params, ['hybrid', 'vector']) };
}

/** Documents that match, in rank order, with what makes them tie and what makes them distinct. */
async function candidatesOf(
  one: SubCase,
  size: number,
  isAlike: boolean,
): Promise<Candidate[] | undefined> {
  const base = { ...omit(one.params, [...WINDOW_NAMES, 'distinct']), limit: size };
  const bare = omit(base, FORMAT_NAMES);
  const field = distinctOf(one);
  const [wide, whole, open] = await Promise.all([
    one.evidence.search('wide', one.uid, base),
    isAlike
      ? one.evidence.search('wide', one.uid, omit(bare, ['attributesToRetrieve']))
      : undefined,
    one.evidence.search('open', one.uid, {
      ...bare,
      showRankingScoreDetails: true,
      attributesToRetrieve: field === undefined ? [] : [field.split('.')[0] as string, field],
    }),
  ]);
  const hits = hitsOf(wide);
  const documents = hitsOf(open);
  if (hits === undefined || documents === undefined || hits.length !== documents.length) {
    return undefined;
  }
  const texts = whole === undefined ? undefined : hitsOf(whole);
  if (whole !== undefined && texts?.length !== hits.length) return undefined;
  return paired(hits, texts).map((hit, at): Candidate => {
    const document = documents[at] as Tree;
    return {
      hit,
      rank: rankOf(document),
      distinct: field === undefined ? [] : distinctValues(one, document, field.split('.')),
      filed: field === undefined ? [] : valuesAt(document, field.split('.')),
    };
  });
}

/** The same search for whole documents, as far as they are shown at all. */
function wholeDocuments(one: SubCase): SubCase {
  return { ...one, params: omit(one.params, FORMAT_NAMES) };
}

/** Each hit with its document, where there is one. */
function paired(hits: readonly Tree[], documents: readonly Tree[] | undefined): readonly Tree[] {
  if (documents === undefined) return hits;
  return hits.map((hit, at) => {
    const members: [string, Tree][] = hit instanceof Map ? [...hit] : [];
    return new Map([...members, ['document', documents[at] as Tree]]);
  });
}

/** Where the request names the field, values are compared as they are written, too. */
function distinctValues(one: SubCase, document: Tree, path: readonly string[]): string[] {
  const filed = valuesAt(document, path);
  return typeof one.params['distinct'] === 'string'
    ? [...new Set([...filed, ...valuesAt(document, path, true)])]
    : filed;
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

/**
 * The facet values of a field, as the engine sees them: arrays apart, texts without case and marks. An
 * empty text is a value only where values are compared as they are written, and then 1 and 1.0 are two.
 */
export function valuesAt(tree: Tree, path: readonly string[], isWritten = false): string[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => valuesAt(item, path, isWritten));
  if (!(tree instanceof Map)) return path.length === 0 ? scalarValue(tree, isWritten) : [];
  // a key may itself hold dots
  return Array.from({ length: path.length }, (_, i) => i + 1).flatMap((length) => {
    const inner = tree.get(path.slice(0, length).join('.'));
    return inner === undefined ? [] : valuesAt(inner, path.slice(length), isWritten);
  });
}

function scalarValue(value: Tree, isWritten: boolean): string[] {
  if (value === null || (value === '' && !isWritten)) return [];
  if (value instanceof NumberText) {
    if (isWritten) return [`n${value.text === '-0.0' ? '0.0' : value.text}`];
    const number = Number(value.text);
    return [`n${Object.is(number, -0) ? '-0' : number}`];
  }
  if (typeof value === 'boolean') return [`s${value}`];
  return typeof value === 'string' ? [`s${normalize(value)}`] : [`s${printTree(value)}`];
}

const FACET_BYTES_MAX = 468;

/** How the engine normalizes facet values, with its cut at whole characters. */
export function normalize(text: string): string {
  const plain = text.trim().normalize('NFKD').toLowerCase();
  if (Buffer.byteLength(plain) <= FACET_BYTES_MAX) return plain;
  let bytes = 0;
  let kept = '';
  for (const char of plain) {
    bytes += Buffer.byteLength(char);
    if (bytes > FACET_BYTES_MAX) break;
    kept += char;
  }
  return kept;
}
