/**
 * A federated search of which one node holds everything: it gets the client's own request, and its answer
 * passes without what the client must not see.
 */
import {
  asBuffer,
  ByteWriter,
  decodeNumber,
  findMember,
  MalformedAnswer,
  Members,
} from '../json/slice.ts';
import { type FederatedPlan, forwardedFederation } from './federated-plan.ts';
import { type Hit, readHits } from './hits.ts';
import { EVERYTHING, nodeLists } from './projection.ts';
import type { JsonObject, MergedAnswer } from './types.ts';
import { writeHit } from './write-hit.ts';
import { writeUnreserved } from './write-unreserved.ts';

/** The client's request as the one node gets it: only what the user hides is not asked for. */
export function forwardFederated(plan: FederatedPlan, queries: readonly JsonObject[]): JsonObject {
  return {
    federation: forwardedFederation(plan),
    queries: queries.map((query, position) => {
      const projection = plan.queries[position]?.projection;
      const hides = projection?.displayed !== undefined;
      return hides ? { ...query, ...nodeLists(query, projection, []) } : query;
    }),
  };
}

/** Strips the node's answer (status 200) to that request. */
export function stripFederated(plan: FederatedPlan, body: Uint8Array): MergedAnswer {
  const bytes = asBuffer(body);
  const writer = new ByteWriter(bytes.length + 64);
  const members = new Members(bytes, 0);
  let hitCount = -1;
  writer.text('{');
  let isFirst = true;
  while (members.next()) {
    if (!isFirst) writer.text(',');
    isFirst = false;
    writer.copy(bytes, members.nameStart - 1, members.valueStart);
    if (members.isNamed('hits')) {
      hitCount = writeHits(writer, plan, readHits(bytes, members.valueStart, 0));
    } else if (members.isNamed('facetsByIndex')) {
      writeUnreserved(writer, bytes, members.valueStart, FACET_LEVELS);
    } else if (members.isNamed('facetDistribution') || members.isNamed('facetStats')) {
      writeUnreserved(writer, bytes, members.valueStart);
    } else {
      writer.copy(bytes, members.valueStart, members.valueEnd);
    }
  }
  writer.text('}');
  if (hitCount < 0) throw new MalformedAnswer('no hits');
  return {
    chunks: [writer.done()],
    hitCount,
    explain: () => ({ verdict: 'exact', decisions: [] }),
  };
}

/** Objects around the fields: by index, then distribution and stats. */
const FACET_LEVELS = 2;

function writeHits(writer: ByteWriter, plan: FederatedPlan, hits: readonly Hit[]): number {
  writer.text('[');
  for (const [place, hit] of hits.entries()) {
    if (place > 0) writer.text(',');
    const federation = findMember(hit.bytes, hit.start, '_federation');
    if (federation === undefined) throw new MalformedAnswer('a hit without its query');
    const position = findMember(hit.bytes, federation.start, 'queriesPosition');
    if (position === undefined) throw new MalformedAnswer('a hit without its query');
    const query = plan.queries[decodeNumber(hit.bytes, position.start, position.end)];
    const own = query?.projection;
    const projection = own?.displayed === undefined ? EVERYTHING : own;
    const start = writer.length;
    writeHit(writer, hit, { ...projection, keepsFederation: false });
    // The document's closing brace makes room for one more member.
    writer.truncate(writer.length - 1);
    if (writer.length > start + 1) writer.text(',');
    writer.text('"_federation":');
    writer.copy(hit.bytes, federation.start, federation.end);
    writer.text('}');
  }
  writer.text(']');
  return hits.length;
}
