/**
 * Finds which spelling of a facet value a single node would show, where the nodes' answers disagree (core/
 * ranking, spelling). One more question to the same nodes, only then; if it cannot be answered, the merge
 * stays as it is.
 */
import type { CoveringSet } from '../../core/placement/index.ts';
import {
  type JsonObject,
  readHitsTotalMax,
  readSpellings,
  type SpelledApart,
  type Spellings,
  spellingRequests,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { RouteContext } from './context.ts';
import { fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';

/** Whose spellings are asked for. */
export interface SpellingQuestion {
  readonly entry: IndexEntry;
  readonly covering: CoveringSet;
  /** The client's search; of a facet search only the filter's absence counts: pass `{}`. */
  readonly body: JsonObject;
  readonly apart: readonly SpelledApart[];
  /** Default: the caller's own key. */
  readonly token?: string;
}

/** The spellings, or undefined if they cannot be found out. */
export async function findSpellings(
  context: RouteContext,
  question: SpellingQuestion,
): Promise<Spellings | undefined> {
  const { entry, covering, body, apart, token } = question;
  const isByAge = isListedByAge(entry, body);
  const path = indexPath(entry.uid, 'search');
  const hitsMax = readHitsTotalMax(entry.settings);
  for (const isFiltered of [true, false]) {
    const requests = spellingRequests(body, apart, { isByAge, isFiltered });
    const plan = {
      entry,
      path,
      requests,
      covering,
      hitsMax,
      ...(token === undefined ? {} : { token }),
    };
    const result = await fanOut(context, plan, (answers) => readSpellings(apart, answers)).catch(
      () => undefined,
    );
    if (result?.kind === 'answered') return result.merged;
    // Refused: the field cannot be filtered by.
    if (result === undefined) return undefined;
  }
  return undefined;
}

/** Without words and without a rule of the user, what orders documents is when they were written. */
function isListedByAge(entry: IndexEntry, body: JsonObject): boolean {
  const { q } = body;
  if (typeof q === 'string' && q.trim() !== '') return false;
  const rules = entry.settings['rankingRules'];
  return !Array.isArray(rules) || !rules.some((rule) => /:(asc|desc)$/.test(String(rule)));
}
