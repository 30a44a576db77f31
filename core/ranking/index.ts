/**
 * Ranking: what nodes are asked, and how their answers become the one a single node would give.
 * Pure functions over bodies and bytes; types.ts says how a caller puts them together.
 */
export {
  type DocumentsPlan,
  type DocumentsRequest,
  mergeDocuments,
  planDocuments,
  stripDocument,
} from './documents.ts';
export { cleanError, cleanMessage } from './errors.ts';
export { canFacetOrdersDiffer, FacetOrders, type MergedFacetIndex } from './facet-orders.ts';
export { mergeFacetSearch } from './facet-search.ts';
export type { FederatedAnswer } from './federated-answer.ts';
export { firstRefusal, type OwnRefusal, refusalText } from './federated-errors.ts';
export { mergeFederated } from './federated-merge.ts';
export {
  type FederatedNodeRequest,
  type FederatedPlan,
  type FederatedRequest,
  federatedRequests,
  planFederated,
} from './federated-plan.ts';
export { firstIncompatible } from './federated-rules.ts';
export { refusableFacets, withoutMark } from './filterable.ts';
export { hitsWanted, ListParts } from './list-parts.ts';
export { type Marks, marksRequest, readMarks } from './marks.ts';
export { mergeSearch } from './merge-search.ts';
export { compareUtf8 } from './normalize.ts';
export { openRequests } from './open-distinct.ts';
export { planSearch, type SearchPlan, type SearchRequest } from './plan-search.ts';
export { namedFields, wholeMembers } from './projection.ts';
export {
  filterOfSelf,
  mergeSimilar,
  planSimilar,
  type SimilarPlan,
  type SimilarPurpose,
  type SimilarRequest,
} from './similar.ts';
export {
  readSpellings,
  SPELLINGS_MAX,
  type SpelledApart,
  type Spellings,
  spellingRequests,
} from './spelling.ts';
export { forwardFederated, stripFederated } from './strip-federated.ts';
export { stripSearch } from './strip-search.ts';
export type {
  AnswerEnvelope,
  JsonObject,
  MergedAnswer,
  MergeExplanation,
  PurposeAnswers,
  PurposeRequest,
  RankedIndex,
  SearchPurpose,
  Verdict,
} from './types.ts';
export { readHitsTotalMax } from './window.ts';
