/** Reads a node's answer to the queries of a federated search on one index. */

import type { Span } from '../json/slice.ts';
import { asBuffer, decodeNumber, findMember, MalformedAnswer, Members } from '../json/slice.ts';
import { FacetTable } from './facets.ts';
import type { FederatedNodeRequest, FederatedPlan, FederatedQuery } from './federated-plan.ts';
import { type Hit, readHits } from './hits.ts';
import type { WeightedValue } from './weighted.ts';

/** A node's answer (status 200) and what it was asked. */
export interface FederatedAnswer {
  readonly body: Uint8Array;
  readonly request: Pick<FederatedNodeRequest, 'indexUid' | 'positions' | 'part'>;
}

/** A hit and the query that found it. */
export interface RankedHit {
  readonly hit: Hit;
  /** Place of its query among the client's. */
  readonly position: number;
  readonly query: FederatedQuery;
  readonly weightedScore: Span;
  /** Made on first use: most hits compare with hits of their own query only. */
  values: WeightedValue[] | undefined;
}

/** What one answer says. */
export interface ReadAnswer {
  readonly indexUid: string;
  readonly part: FederatedNodeRequest['part'];
  readonly hits: readonly RankedHit[];
  /** Candidates of all queries together; 0 if the answer is asked for hits alone. */
  readonly total: number;
  readonly hasSemantic: boolean;
  /** By place of the query, as JSON text. */
  readonly queryVectors: ReadonlyMap<number, string>;
  readonly facets: FacetTable | undefined;
}

/** Reads an answer; `source` is its place among all. Throws MalformedAnswer. */
export function readFederatedAnswer(
  plan: FederatedPlan,
  answer: FederatedAnswer,
  source: number,
): ReadAnswer {
  const bytes = asBuffer(answer.body);
  const { request } = answer;
  const { indexUid, positions, part } = request;
  let hits: readonly RankedHit[] | undefined;
  let total = Number.NaN;
  let hasSemantic = false;
  let queryVectors: ReadonlyMap<number, string> = new Map();
  let facets: FacetTable | undefined;
  const members = new Members(bytes, 0);
  while (members.next()) {
    if (members.isNamed('hits')) {
      hits = readHits(bytes, members.valueStart, source).map((hit) =>
        rankedHit(plan, positions, hit),
      );
    } else if (members.isNamed('estimatedTotalHits') || members.isNamed('totalHits')) {
      total = decodeNumber(bytes, members.valueStart, members.valueEnd);
    } else if (members.isNamed('semanticHitCount')) {
      hasSemantic = true;
    } else if (members.isNamed('facetsByIndex')) {
      facets = readFacets(bytes, members.valueStart, indexUid);
    } else if (members.isNamed('queryVectors')) {
      queryVectors = readVectors(bytes, members.valueStart, positions);
    }
  }
  if (hits === undefined || Number.isNaN(total)) {
    throw new MalformedAnswer('no hits or no total');
  }
  const counted = part === 'hits' ? 0 : total;
  return { indexUid, part, hits, total: counted, hasSemantic, queryVectors, facets };
}

function readFacets(bytes: Buffer, at: number, indexUid: string): FacetTable | undefined {
  const own = findMember(bytes, at, indexUid);
  if (own === undefined) return undefined;
  const distribution = findMember(bytes, own.start, 'distribution');
  const stats = findMember(bytes, own.start, 'stats');
  const table = new FacetTable();
  table.add(bytes, distribution?.start ?? -1, stats?.start ?? -1);
  return table;
}

function readVectors(
  bytes: Buffer,
  at: number,
  positions: readonly number[],
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const vectors = new Members(bytes, at);
  while (vectors.next()) {
    const position = positions[Number(vectors.name())] ?? -1;
    found.set(position, bytes.toString('latin1', vectors.valueStart, vectors.valueEnd));
  }
  return found;
}

function rankedHit(plan: FederatedPlan, positions: readonly number[], hit: Hit): RankedHit {
  const { bytes } = hit;
  const federation = findMember(bytes, hit.start, '_federation');
  if (federation === undefined) throw new MalformedAnswer('a hit without its query');
  const place = findMember(bytes, federation.start, 'queriesPosition');
  const score = findMember(bytes, federation.start, 'weightedRankingScore');
  if (place === undefined || score === undefined) throw new MalformedAnswer('a hit without score');
  const sent = decodeNumber(bytes, place.start, place.end);
  const position = positions[sent];
  const query = position === undefined ? undefined : plan.queries[position];
  if (position === undefined || query === undefined) {
    throw new MalformedAnswer(`a hit of query ${sent}, which was not sent`);
  }
  return { hit, position, query, weightedScore: score, values: undefined };
}
