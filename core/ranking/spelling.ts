/**
 * How a facet value that occurs in several spellings is shown. A node shows the spelling of the candidate
 * with its lowest internal number, and files all spellings under one normalized text. Where nodes show
 * two spellings of one value, none of their answers tells which document is the older: the first documents
 * with that value are asked for, and the one that was written first decides.
 */
import { composeFilter, inFilter } from '../filter/compose.ts';
import { decodeString } from '../json/slice.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { readAnswers } from './answer.ts';
import { compareVersions, type Hit } from './hits.ts';
import { normalizeFacet } from './normalize.ts';
import { visitLeaves } from './select.ts';
import type { JsonObject, PurposeRequest } from './types.ts';

/** A value of which nodes show different spellings. */
export interface SpelledApart {
  readonly field: string;
  readonly normalized: string;
}

/** What is shown for each value that is spelled apart. */
export class Spellings {
  readonly #shown = new Map<string, string>();

  /** The spelling to show, or undefined if nothing was found out. */
  of(value: SpelledApart): string | undefined {
    return this.#shown.get(placeOf(value));
  }

  set(value: SpelledApart, shown: string): void {
    this.#shown.set(placeOf(value), shown);
  }
}

function placeOf({ field, normalized }: SpelledApart): string {
  return JSON.stringify([field, normalized]);
}

/** Values looked into for one answer; further ones keep the spelling of the first node. */
export const SPELLINGS_MAX = 20;
/** Candidates looked through where nodes do not list the oldest first. */
const CANDIDATES_MAX = 1000;

/** What decides which documents are candidates. Facet searches show spellings of all documents. */
const CANDIDATE_PARAMETERS = [
  'q',
  'matchingStrategy',
  'attributesToSearchOn',
  'locales',
  'rankingScoreThreshold',
] as const;

/** How the oldest candidates are asked for. */
interface SpellingManner {
  /** Nodes list candidates by the order of their writes: then the first one is enough. */
  readonly isByAge: boolean;
  /** Fields whose equality is switched off cannot be filtered by: all candidates are looked through. */
  readonly isFiltered: boolean;
}

const LISTED = 'spellings';
const purposeOf = (place: number): string => `spelling ${place}`;

/** Searches that bring the oldest candidates: one for each value, or one for all. */
export function spellingRequests(
  body: JsonObject,
  apart: readonly SpelledApart[],
  manner: SpellingManner,
): PurposeRequest<string>[] {
  const base: Record<string, unknown> = {};
  for (const name of CANDIDATE_PARAMETERS) if (body[name] !== undefined) base[name] = body[name];
  if (!manner.isFiltered) {
    const fields = [...new Set(apart.map(({ field }) => field)), VERSION_FIELD];
    if (body['filter'] !== undefined) base['filter'] = body['filter'];
    const all = { ...base, attributesToRetrieve: fields, limit: CANDIDATES_MAX };
    return [{ purpose: LISTED, body: all }];
  }
  return apart.map(({ field, normalized }, place) => ({
    purpose: purposeOf(place),
    body: {
      ...base,
      filter: composeFilter(body['filter'], inFilter(field, [normalized])),
      attributesToRetrieve: [field, VERSION_FIELD],
      limit: manner.isByAge ? 1 : CANDIDATES_MAX,
    },
  }));
}

/** Reads the answers to spellingRequests. */
export function readSpellings(
  apart: readonly SpelledApart[],
  answers: ReadonlyMap<string, readonly Uint8Array[]>,
): Spellings {
  const spellings = new Spellings();
  const listed = readAnswers(answers.get(LISTED)).flatMap(({ hits }) => hits);
  for (const [place, value] of apart.entries()) {
    const own = readAnswers(answers.get(purposeOf(place))).flatMap(({ hits }) => hits);
    const shown = spelledByOldest(answers.has(LISTED) ? listed : own, value);
    if (shown !== undefined) spellings.set(value, shown);
  }
  return spellings;
}

function spelledByOldest(hits: readonly Hit[], value: SpelledApart): string | undefined {
  let oldest: Hit | undefined;
  let shown: string | undefined;
  for (const hit of hits) {
    if (oldest !== undefined && compareVersions(hit, oldest) >= 0) continue;
    const spelled = spelledIn(hit, value);
    if (spelled === undefined) continue;
    oldest = hit;
    shown = spelled;
  }
  return shown;
}

const QUOTE = 0x22;

function spelledIn(hit: Hit, value: SpelledApart): string | undefined {
  let shown: string | undefined;
  visitLeaves(hit.bytes, hit.start, value.field, (start, end) => {
    if (hit.bytes[start] !== QUOTE) return;
    const text = decodeString(hit.bytes, start, end);
    if (normalizeFacet(text) === value.normalized) shown = text;
  });
  return shown;
}
