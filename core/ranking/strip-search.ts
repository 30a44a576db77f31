/**
 * The answer of the one node that holds everything asked: its bytes, minus what the client must not see.
 * No parsing beyond finding members, no ordering.
 */

import { ByteWriter, Members } from '../json/slice.ts';
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { SearchAnswer } from './answer.ts';
import { FacetTable } from './facets.ts';
import type { SearchPlan } from './plan-search.ts';
import { EVERYTHING } from './projection.ts';
import type { MergedAnswer } from './types.ts';
import { judgeStripped } from './verdict.ts';
import { writeHit } from './write-hit.ts';
import { writeUnreserved } from './write-unreserved.ts';

/** Strips a node's answer (status 200) to the request of a `single` plan. */
export function stripSearch(plan: SearchPlan, body: Uint8Array): MergedAnswer {
  const answer = new SearchAnswer(body, 0);
  // The order inside is the node's own: nothing was decided here.
  const explain = () => ({ ...judgeStripped(plan, answer), decisions: [] });
  const isClean = plan.projection === EVERYTHING && !answer.bytes.includes(RESERVED_PREFIX);
  if (isClean && !(plan.hasRaisedFacets && answer.distributionAt >= 0)) {
    return { chunks: [answer.bytes], hitCount: answer.hits.length, explain };
  }
  const { bytes, hits } = answer;
  const writer = new ByteWriter(bytes.length + 64);
  const members = new Members(bytes, 0);
  writer.text('{');
  let isFirst = true;
  while (members.next()) {
    if (!isFirst) writer.text(',');
    isFirst = false;
    writer.copy(bytes, members.nameStart - 1, members.valueStart);
    if (members.isNamed('hits')) {
      writer.text('[');
      for (const [place, hit] of hits.entries()) {
        if (place > 0) writer.text(',');
        writeHit(writer, hit, plan.projection);
      }
      writer.text(']');
    } else if (members.isNamed('facetDistribution')) {
      writeFacets(writer, answer, plan);
    } else if (members.isNamed('facetStats')) {
      writeUnreserved(writer, bytes, members.valueStart);
    } else {
      writer.copy(bytes, members.valueStart, members.valueEnd);
    }
  }
  writer.text('}');
  return { chunks: [writer.done()], hitCount: hits.length, explain };
}

/** Nodes that share an index have raised facet limits: the user's are applied here. */
function writeFacets(writer: ByteWriter, answer: SearchAnswer, plan: SearchPlan): void {
  if (!plan.hasRaisedFacets) {
    writeUnreserved(writer, answer.bytes, answer.distributionAt);
    return;
  }
  const table = new FacetTable();
  table.add(answer.bytes, answer.distributionAt, answer.statsAt);
  table.writeDistribution(writer, plan.facetRules, answer.total);
}
