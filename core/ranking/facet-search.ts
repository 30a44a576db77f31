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
  textOf,
} from '../json/slice.ts';
import { facetRules } from './facets.ts';
import { compareUtf8, normalizeFacet } from './normalize.ts';
import type { JsonObject, MergedAnswer, RankedIndex } from './types.ts';

interface FacetHit {
  readonly shown: string;
  readonly normalized: string;
  count: number;
}

/** Merges the nodes' answers (all with status 200) to the client's unchanged body. */
export function mergeFacetSearch(
  request: { readonly body: JsonObject; readonly index: RankedIndex },
  bodies: readonly Uint8Array[],
  processingTimeMs: number,
): MergedAnswer {
  const { settings } = request.index;
  const rules = facetRules(settings);
  const values = new Map<string, FacetHit>();
  for (const body of bodies) addHits(values, body);
  const name = request.body['facetName'];
  const order = rules.orders.get(String(name)) ?? rules.orders.get('*') ?? 'alpha';
  const hits = [...values.values()].sort((left, right) =>
    order === 'count'
      ? right.count - left.count || compareUtf8(left.normalized, right.normalized)
      : compareUtf8(left.normalized, right.normalized),
  );
  const shown = hits.slice(0, rules.valuesMax);
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
  return { chunks: [writer.done()], hitCount: shown.length, verdict: 'exact' };
}

function addHits(values: Map<string, FacetHit>, body: Uint8Array): void {
  const list = findMember(body, 0, 'facetHits');
  if (list === undefined) return;
  const items = new Items(body, list.start);
  while (items.next()) {
    const value = findMember(body, items.start, 'value');
    const count = findMember(body, items.start, 'count');
    if (value === undefined || count === undefined) continue;
    const shown = decodeString(body, value.start, value.end);
    const normalized = normalizeFacet(shown);
    const number = decodeNumber(body, count.start, count.end);
    const known = values.get(normalized);
    if (known === undefined) values.set(normalized, { shown, normalized, count: number });
    else known.count += number;
  }
}
