/**
 * Whether the queries of a federated search can be ranked against each other: rule by rule they must be
 * of one kind, neighbouring rules that weigh words counting as one. Queries on several nodes are compared
 * here, as a node compares those it is sent (Meilisearch's search/ranking_rules.rs).
 */
import { MiroirError } from '../errors.ts';
import {
  type CanonicalRules,
  canonicalRules,
  isRelevancy,
  type QueryRules,
  readDirected,
  type SortRule,
} from './canonical-rules.ts';

/** A query and its place among the client's. */
export interface PlacedRules {
  readonly position: number;
  readonly indexUid: string;
  readonly rules: QueryRules;
}

type Kind =
  | 'relevancy'
  | 'ascending sort'
  | 'descending sort'
  | 'ascending geo sort'
  | 'descending geo sort';

/** A rule to compare: a run of criteria, or one rule of `sort`. */
interface Rule {
  readonly kind: Kind;
  readonly begin: number;
  readonly end: number;
  /** Place in `sort`. */
  readonly nested?: number;
}

interface LaidOut extends PlacedRules {
  readonly canonical: CanonicalRules;
  readonly compared: readonly Rule[];
}

/** A query that cannot be compared with one before it. */
export interface Incompatible {
  readonly position: number;
  /** invalid_multi_search_query_ranking_rules, in a node's words. */
  readonly error: MiroirError;
}

/** The first query, in the order given, that cannot be compared; undefined if all can. */
export function findIncompatible(queries: readonly PlacedRules[]): Incompatible | undefined {
  let longest: LaidOut | undefined;
  for (const query of queries) {
    const current = layOut(query);
    const previous = longest ?? current;
    const at = current.compared.findIndex((rule, place) => {
      const other = previous.compared[place];
      return other !== undefined && other.kind !== rule.kind;
    });
    if (at >= 0) {
      const message = describe(previous, current, at);
      const error = new MiroirError('invalid_multi_search_query_ranking_rules', message);
      return { position: query.position, error };
    }
    longest = previous.compared.length > current.compared.length ? previous : current;
  }
  return undefined;
}

/** Whether some queries are ranked by more rules than others: the last of one then meets another's. */
export function areOfUnequalLength(queries: readonly PlacedRules[]): boolean {
  const [first, ...others] = queries.map((query) => layOut(query).compared.length);
  return others.some((length) => length !== first);
}

function layOut(query: PlacedRules): LaidOut {
  const canonical = canonicalRules(query.rules);
  return { ...query, canonical, compared: coalesce(canonical) };
}

function coalesce({ criteria, sort }: CanonicalRules): Rule[] {
  const rules: Rule[] = [];
  for (const [at, criterion] of criteria.entries()) {
    const last = rules.at(-1);
    if (criterion === 'sort') {
      for (const [nested, rule] of sort.entries()) {
        rules.push({ kind: kindOf(rule), begin: at, end: at, nested });
      }
    } else if (!isRelevancy(criterion)) {
      rules.push({ kind: kindOf(readDirected(criterion)), begin: at, end: at });
    } else if (last?.kind === 'relevancy') {
      rules[rules.length - 1] = { ...last, end: at };
    } else {
      rules.push({ kind: 'relevancy', begin: at, end: at });
    }
  }
  return rules;
}

function kindOf({ field, direction }: SortRule): Kind {
  const isGeo = field === undefined || field === '_geo';
  if (direction === 'asc') return isGeo ? 'ascending geo sort' : 'ascending sort';
  return isGeo ? 'descending geo sort' : 'descending sort';
}

function describe(previous: LaidOut, current: LaidOut, at: number): string {
  const [one, other] = [previous.compared[at], current.compared[at]];
  const lines = [
    `Inside \`.queries[${current.position}]\`: The results of queries #${previous.position} and #${current.position} are incompatible: `,
    `  1. ${ruleText(previous, one)}`,
    `  2. ${ruleText(current, other)}`,
    `  - ${reasonOf(one?.kind, other?.kind)}`,
  ];
  for (const { position, canonical } of [previous, current]) {
    if (canonical.notes.length === 0) continue;
    lines.push(
      `  - note: The ranking rules of query #${position} were modified during canonicalization:`,
      ...canonical.notes,
    );
  }
  return `${lines.join('\n')}\n`;
}

function ruleText({ position, indexUid, canonical }: LaidOut, rule: Rule | undefined): string {
  if (rule === undefined) return '';
  const { kind, begin, end, nested } = rule;
  if (nested !== undefined) {
    const field = canonical.sort[nested]?.field;
    const name = field === undefined ? 'default' : `on field \`${field}\``;
    return `\`queries[${position}].sort[${nested}]\`, \`${indexUid}.rankingRules[${begin}]\`: ${kind} rule(s) ${name}`;
  }
  const range = begin === end ? `${begin}` : `${begin}..=${end}`;
  const names = canonical.criteria.slice(begin, end + 1).join(', ');
  return `\`queries[${position}]\`, \`${indexUid}.rankingRules[${range}]\`: ${kind} rule(s) ${names}`;
}

function reasonOf(one: Kind | undefined, other: Kind | undefined): string {
  const kinds = [one, other];
  const geoCount = kinds.filter((kind) => kind?.includes('geo')).length;
  if (kinds.includes('relevancy')) {
    return `cannot compare a relevancy rule with a ${geoCount > 0 ? 'geosort' : 'sort'} rule`;
  }
  if (geoCount === 1) return 'cannot compare a sort rule with a geosort rule';
  return `cannot compare two ${geoCount === 2 ? 'geosort' : 'sort'} rules in opposite directions`;
}
