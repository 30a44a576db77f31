/**
 * Marks of the words of a query in hits that the semantic half of a hybrid search found: `_formatted` and
 * `_matchesPosition`. One node marks them too, with the words of its keyword half; asked for the semantic
 * half alone, nodes mark nothing. A document that the keyword half found as well brings its marks along;
 * for the others their nodes are asked once more, by the documents' versions.
 */
import { inFilter } from '../filter/compose.ts';
import { Members } from '../json/slice.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { readAnswers } from './answer.ts';
import { type Hit, readHits } from './hits.ts';
import { NEVER_KEYWORDS_ALONE } from './hybrid.ts';
import type { SearchPlan } from './plan-search.ts';
import type { JsonObject } from './types.ts';

/** Hits with marks, by version. */
export type Marks = ReadonlyMap<string, Hit>;

/** The text of a hit's version. */
export function versionOf(hit: Hit): string {
  return hit.bytes.toString('utf8', hit.versionStart, hit.versionEnd);
}

/** What nodes are asked for the marks of these documents. */
export function marksRequest(plan: SearchPlan, versions: readonly string[]): JsonObject {
  const semantic = plan.requests.find(({ purpose }) => purpose === 'semantic')?.body ?? {};
  const asked: Record<string, unknown> = {
    ...semantic,
    hybrid: { ...(semantic['hybrid'] as JsonObject), semanticRatio: NEVER_KEYWORDS_ALONE },
    filter: inFilter(VERSION_FIELD, versions),
    offset: 0,
    limit: versions.length,
  };
  for (const name of CHOOSING) delete asked[name];
  return asked;
}

/** Parameters that choose and count hits; these are chosen already. */
const CHOOSING = [
  'page',
  'hitsPerPage',
  'rankingScoreThreshold',
  'sort',
  'distinct',
  'facets',
  'showRankingScore',
  'showRankingScoreDetails',
] as const;

/** Reads the answers (status 200) to that request. */
export function readMarks(bodies: readonly Uint8Array[]): Marks {
  const hits = readAnswers(bodies).flatMap((answer) => answer.hits);
  return new Map(hits.map((hit) => [versionOf(hit), hit]));
}

/** The hit as it is, with the marks of another that shows the same document. */
export function withMarks(hit: Hit, marked: Hit): Hit {
  const texts: string[] = [];
  eachMember(hit, (name, text) => {
    if (name === '_rankingScore') eachMark(marked, (mark) => texts.push(mark));
    if (!MARKS.has(name)) texts.push(text);
  });
  const [copy] = readHits(Buffer.from(`[{${texts.join(',')}}]`), 0, hit.source);
  return copy ?? hit;
}

const MARKS = new Set(['_formatted', '_matchesPosition']);

function eachMark(hit: Hit, visit: (text: string) => void): void {
  eachMember(hit, (name, text) => {
    if (MARKS.has(name)) visit(text);
  });
}

/** Calls with each member's name and its bytes as text. */
function eachMember(hit: Hit, visit: (name: string, text: string) => void): void {
  const members = new Members(hit.bytes, hit.start);
  while (members.next()) {
    visit(members.name(), hit.bytes.toString('utf8', members.nameStart - 1, members.valueEnd));
  }
}
