/**
 * Facet search over several nodes (contract 4.7): values joined under their normalized text, counts
 * added, ordered and cut by the user's settings; nodes answer with a raised limit.
 */
import {
  ByteWriter,
  decodeNumber,
  decodeString,
  findMember,
  Items,
  MalformedAnswer,
  Members,
  textOf,
} from '../json/slice.ts';
import { facetRules } from './facets.ts';
import { compareUtf8, normalizeFacet } from './normalize.ts';
import type { Spellings } from './spelling.ts';
import type { JsonObject, MergedAnswer, RankedIndex } from './types.ts';
import { judgeFacetSearch } from './verdict.ts';

interface FacetHit {
  shown: string;
  readonly normalized: string;
  count: number;
  isSpelledApart?: true;
}

/** Merges the nodes' answers (all with status 200) to the client's unchanged body. */
export function mergeFacetSearch(
  request: {
    readonly body: JsonObject;
    readonly index: RankedIndex;
    readonly spellings?: Spellings;
    /** What nodes answer where all their documents are candidates: how they spell, nothing else of it. */
    readonly ofAll?: readonly Uint8Array[];
  },
  bodies: readonly Uint8Array[],
  processingTimeMs: number,
): MergedAnswer {
  const { settings } = request.index;
  const rules = facetRules(settings);
  const values = new Map<string, FacetHit>();
  for (const body of bodies) {
    for (const hit of readHits(body)) addHit(values, hit);
  }
  for (const { normalized, shown } of (request.ofAll ?? []).flatMap(readHits)) {
    const known = values.get(normalized);
    if (known !== undefined && known.shown !== shown) known.isSpelledApart = true;
  }
  const field = String(request.body['facetName']);
  for (const value of values.values()) {
    value.shown = request.spellings?.of({ field, normalized: value.normalized }) ?? value.shown;
  }
  const order = rules.orders.get(field) ?? rules.orders.get('*') ?? 'alpha';
  const hasQuery = typeof request.body['facetQuery'] === 'string';
  const hits = inNodeOrder([...values.values()], hasQuery);
  const shown =
    order === 'count' ? mostFrequent(hits, rules.valuesMax) : hits.slice(0, rules.valuesMax);
  const first = bodies[0];
  const query = first === undefined ? undefined : findMember(first, 0, 'facetQuery');
  const writer = new ByteWriter();
  writer.text('{"facetHits":[');
  for (const [place, hit] of shown.entries()) {
    const comma = place > 0 ? ',' : '';
    writer.text(`${comma}{"value":${JSON.stringify(hit.shown)},"count":${hit.count}}`);
  }
  writer.text('],"facetQuery":');
  writer.text(
    first === undefined || query === undefined ? 'null' : textOf(first, query.start, query.end),
  );
  writer.text(`,"processingTimeMs":${processingTimeMs}}`);
  return {
    chunks: [writer.done()],
    hitCount: shown.length,
    spelledApart: [...values.values()]
      .filter(({ isSpelledApart }) => isSpelledApart === true)
      .map(({ normalized }) => ({ field, normalized })),
    explain: () => ({ ...judgeFacetSearch(bodies.length, order), decisions: [] }),
  };
}

/** The order in which a node comes upon its values: with a query, marks on letters do not count. */
function inNodeOrder(hits: readonly FacetHit[], hasQuery: boolean): FacetHit[] {
  const keyed = hits.map((hit) => ({
    hit,
    key: hasQuery ? hit.normalized.replace(/\p{Mn}/gu, '') : hit.normalized,
  }));
  keyed.sort(
    (left, right) =>
      compareUtf8(left.key, right.key) || compareUtf8(left.hit.normalized, right.hit.normalized),
  );
  return keyed.map(({ hit }) => hit);
}

/**
 * The most frequent values as the engine keeps them: a full list gives up its least value for a later one
 * of at least the same count; in the end counts descend, and among equals the texts shown.
 */
function mostFrequent(hits: readonly FacetHit[], valuesMax: number): FacetHit[] {
  const kept: FacetHit[] = [];
  for (const hit of hits) {
    if (kept.length < valuesMax) {
      kept.push(hit);
    } else {
      const last = leastPlace(kept);
      if (last >= 0 && (kept[last] as FacetHit).count <= hit.count) kept[last] = hit;
    }
  }
  return kept.sort(descending);
}

function leastPlace(hits: readonly FacetHit[]): number {
  let least = hits.length - 1;
  for (let place = least - 1; place >= 0; place -= 1) {
    if (descending(hits[place] as FacetHit, hits[least] as FacetHit) > 0) least = place;
  }
  return least;
}

function descending(left: FacetHit, right: FacetHit): number {
  return right.count - left.count || compareUtf8(right.shown, left.shown);
}

function addHit(values: Map<string, FacetHit>, hit: FacetHit): void {
  const known = values.get(hit.normalized);
  if (known === undefined) {
    values.set(hit.normalized, hit);
    return;
  }
  known.count += hit.count;
  if (known.shown !== hit.shown) known.isSpelledApart = true;
}

function readHits(body: Uint8Array): FacetHit[] {
  // To the end, so that an answer that was cut short is noticed.
  const members = new Members(body, 0);
  let listStart = -1;
  while (members.next()) if (members.isNamed('facetHits')) listStart = members.valueStart;
  if (listStart < 0) throw new MalformedAnswer('no facet hits');
  const hits: FacetHit[] = [];
  const items = new Items(body, listStart);
  while (items.next()) {
    const value = findMember(body, items.start, 'value');
    const count = findMember(body, items.start, 'count');
    if (value === undefined || count === undefined) throw new MalformedAnswer('no facet value');
    const shown = decodeString(body, value.start, value.end);
    const number = decodeNumber(body, count.start, count.end);
    hits.push({ shown, normalized: normalizeFacet(shown), count: number });
  }
  return hits;
}
