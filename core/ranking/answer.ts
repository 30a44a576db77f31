/**
 * The members of one node's search answer, found in one walk. An answer without hits or without their
 * total is none: taken for an empty one it would be a hole that nobody sees.
 */
import {
  asBuffer,
  decodeNumber,
  MalformedAnswer,
  Members,
  type Span,
  skipValue,
} from '../json/slice.ts';
import { type Hit, readHitsInto } from './hits.ts';

/** A node's search answer as spans; positions are -1 where a member is absent. */
export class SearchAnswer {
  readonly bytes: Buffer;
  readonly source: number;
  distributionAt = -1;
  statsAt = -1;
  query: Span | undefined;
  queryVector: Span | undefined;
  performanceDetails: Span | undefined;
  /** Candidates of the search: `estimatedTotalHits` or `totalHits`. */
  total = Number.NaN;
  semanticHitCount: number | undefined;
  readonly hits: Hit[] = [];

  constructor(body: Uint8Array, source: number) {
    this.bytes = asBuffer(body);
    this.source = source;
    const members = new Members(this.bytes, 0);
    let hasHits = false;
    while (members.nextName()) {
      if (members.isNamed('hits')) {
        hasHits = true;
        members.advance(readHitsInto(this.hits, this.bytes, members.valueStart, source));
      } else {
        members.advance(skipValue(this.bytes, members.valueStart));
        this.#read(members);
      }
    }
    if (!hasHits || Number.isNaN(this.total)) throw new MalformedAnswer('no hits or no total');
  }

  #read(members: Members): void {
    const span = { start: members.valueStart, end: members.valueEnd };
    if (members.isNamed('query')) {
      this.query = span;
    } else if (members.isNamed('estimatedTotalHits') || members.isNamed('totalHits')) {
      this.total = decodeNumber(this.bytes, span.start, span.end);
    } else if (members.isNamed('facetDistribution')) {
      this.distributionAt = span.start;
    } else if (members.isNamed('facetStats')) {
      this.statsAt = span.start;
    } else if (members.isNamed('queryVector')) {
      this.queryVector = span;
    } else if (members.isNamed('performanceDetails')) {
      this.performanceDetails = span;
    } else if (members.isNamed('semanticHitCount')) {
      this.semanticHitCount = decodeNumber(this.bytes, span.start, span.end);
    }
  }
}

/** Reads the answers of all nodes to one request. */
export function readAnswers(bodies: readonly Uint8Array[] | undefined): SearchAnswer[] {
  return (bodies ?? []).map((body, source) => new SearchAnswer(body, source));
}
