/** Runs the real merge over one recorded case. */
import {
  cleanError,
  type JsonObject,
  mergeDocuments,
  mergeFacetSearch,
  mergeSearch,
  mergeSimilar,
  planDocuments,
  planSearch,
  planSimilar,
  type SearchPurpose,
  type SimilarPurpose,
} from '../../core/ranking/index.ts';
import type { MergeCase, MergeFixture, RecordedAnswer, RecordedNode } from './fixture.ts';

const ENVELOPE = { processingTimeMs: 0, requestUid: '00000000-0000-7000-8000-000000000000' };

/** What the merge makes of the nodes' answers: status and body. */
export function runCase(fixture: MergeFixture, one: MergeCase): RecordedAnswer {
  const refused = one.nodes.find((node) => node.main.status >= 400);
  if (refused !== undefined) {
    const body = cleanError(refused.main.body, fixture.settings);
    return { status: refused.main.status, body: Buffer.from(body) };
  }
  return { status: one.single.status, body: Buffer.concat(merge(fixture, one)) };
}

function merge(fixture: MergeFixture, one: MergeCase): Uint8Array[] {
  const index = {
    uid: one.path.split('/')[2] ?? '',
    primaryKey: fixture.primaryKey,
    settings: fixture.settings,
    hasSeveralOwners: true,
  };
  const { body } = one;
  const main = one.nodes.map((node) => node.main.body);
  switch (one.kind) {
    case 'search': {
      const plan = planSearch({ body, index, ...recordedVector(one.nodes) });
      return mergeSearch(plan, collect<SearchPurpose>(one.nodes), ENVELOPE).chunks;
    }
    case 'facet-search':
      return mergeFacetSearch({ body, index }, main, 0).chunks;
    case 'fetch':
      return mergeDocuments(planDocuments({ body, index }), main).chunks;
    case 'similar': {
      const { queryVector: vector = [] } = recordedVector(one.nodes);
      const plan = planSimilar({ body, index, vector });
      return mergeSimilar(plan, collect<SimilarPurpose>(one.nodes), {
        ...ENVELOPE,
        ...(one.selfMatches === undefined ? {} : { isSelfCandidate: one.selfMatches }),
      }).chunks;
    }
    default:
      throw new Error(`cases of kind "${one.kind}" cannot be run`);
  }
}

function collect<Purpose extends string>(
  nodes: readonly RecordedNode[],
): ReadonlyMap<Purpose, readonly Uint8Array[]> {
  const answers = new Map<Purpose, Uint8Array[]>();
  answers.set(
    'main' as Purpose,
    nodes.map((node) => node.main.body),
  );
  for (const purpose of nodes[0]?.extra.keys() ?? []) {
    const bodies = nodes.map((node) => node.extra.get(purpose));
    if (bodies.some((answer) => answer === undefined || answer.status >= 400)) continue;
    answers.set(
      purpose as Purpose,
      bodies.map((answer) => (answer as RecordedAnswer).body),
    );
  }
  return answers;
}

/** The vector that the nodes were sent where the client sent none. */
function recordedVector(nodes: readonly RecordedNode[]): { queryVector?: readonly number[] } {
  const sent = (nodes[0]?.request['body'] as JsonObject | undefined)?.['vector'];
  return Array.isArray(sent) ? { queryVector: sent as number[] } : {};
}
