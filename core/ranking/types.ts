/**
 * What goes in and out of the ranking functions. All pure: bodies and answers in, plans and bytes out.
 *
 * A caller (the routes) does this:
 *   plan = planSearch({ body, index })
 *   if plan.kind is 'needs-vector': send plan.request to ONE node, call planSearch again with `queryVector`
 *   send each of plan.requests to every node of the covering set (composing the internal filter where a
 *   node holds more than it is asked for), all in parallel
 *   any node answered with an error status: relay cleanError(its body); else
 *   merged = mergeSearch(plan, answers, envelope); chunks are the client's body
 * and with `plan.kind === 'single'` (one node holds everything asked in one copy): send plan.request to
 * that node, answer stripSearch(plan, body).
 */

import type { Marks } from './marks.ts';
import type { SpelledApart, Spellings } from './spelling.ts';

/** A parsed JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What the ranking functions must know of an index. */
export interface RankedIndex {
  readonly uid: string;
  readonly primaryKey: string | null;
  /** Settings as the user set them: only the keys that were set. */
  readonly settings: JsonObject;
  /** True if the nodes rank by `_miroir_version:asc` last (more than one owner node). */
  readonly hasSeveralOwners: boolean;
  /** Names with dots, of those a search asks for, that some node has seen a field of. */
  readonly seenNested?: ReadonlySet<string>;
}

/** Why a request goes to the nodes. Each purpose is asked of every node of the covering set. */
export type SearchPurpose =
  /** The hits, and all that comes with them. */
  | 'main'
  /** Page mode: exhaustive totals, where `main` was asked in window mode. */
  | 'totals'
  /** Facet distribution of the distinct field, without distinct: the union counts distinct values. */
  | 'distinct-values'
  /** Page mode: all hits under distinct, where neither facets nor nodes' totals can be added up. */
  | 'distinct-list'
  /** How many candidates lack the distinct field. */
  | 'distinct-missing'
  /** The total without rankingScoreThreshold. */
  | 'no-threshold'
  /** As `no-threshold`, for the semantic half of a hybrid search. */
  | 'universe'
  /** Both halves of a hybrid search together under a threshold: whatever either of them lets in. */
  | 'union'
  /** As `distinct-values`, for the semantic half of a hybrid search. */
  | 'universe-values'
  /** The two halves of a hybrid search. */
  | 'keyword'
  | 'semantic'
  /** `main`, the halves and `distinct-list` without distinct. */
  | 'open-main'
  | 'open-keyword'
  | 'open-semantic'
  | 'open-list';

/** One body for all nodes of the covering set. */
export interface PurposeRequest<Purpose extends string = SearchPurpose> {
  readonly purpose: Purpose;
  readonly body: JsonObject;
}

/** What the nodes answered with status 200, in one order of nodes for all purposes. */
export type PurposeAnswers<Purpose extends string = SearchPurpose> = ReadonlyMap<
  Purpose,
  readonly Uint8Array[]
>;

/** Members of an answer that are the gateway's own. */
export interface AnswerEnvelope {
  readonly processingTimeMs: number;
  /** UUID v7 text. */
  readonly requestUid: string;
  /** JSON text of the `metadata` member, where the client asked for it. */
  readonly metadataJson?: string;
  /** Some node has seen a field to be highlighted or cropped, be it none of those with hits. */
  readonly isFormatted?: boolean;
  /** How facet values that are spelled apart are shown. */
  readonly spellings?: Spellings;
  /** How many hits the lists without distinct were asked for, where they are among the answers. */
  readonly openDepth?: number;
  /** Hits with the marks that the semantic half of a hybrid search lacks. */
  readonly marks?: Marks;
}

/** How near an answer is to that of a single node. */
export type Verdict = 'exact' | 'ties' | 'estimate' | 'vocabulary';

/** A verdict and, unless it is `exact`, why in a few words. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly why?: string;
}

/** What put a hit before the next one. */
export interface MergeDecision {
  /** Of the first of the two, from 0, among the hits shown. */
  readonly place: number;
  /** Which answers the two came in. */
  readonly nodes: readonly [number, number];
  /** The ranking rule, the weighted score of a federation, or what orders ties. */
  readonly by: string;
  /** What the rule says of either, as the node put it. */
  readonly first?: unknown;
  readonly second?: unknown;
}

/** A judgement with the decisions between the first hits. */
export interface MergeExplanation extends Judgement {
  readonly decisions: readonly MergeDecision[];
}

/** A merged answer. */
export interface MergedAnswer {
  /** The body, to be sent as it is. */
  readonly chunks: Uint8Array[];
  readonly hitCount: number;
  /**
   * Fields to be highlighted or cropped of which no hit tells whether a node has seen them. If one has, the
   * answers are to be merged again with `isFormatted`.
   */
  readonly unseenFields?: readonly string[];
  /** Facet values of which nodes show several spellings. What is found out makes the merge's `spellings`. */
  readonly spelledApart?: readonly SpelledApart[];
  /**
   * So many hits of each node are wanted without distinct, as nodes may have dropped some for hits that did
   * not survive. The answers to openRequests go to the next merge beside those at hand.
   */
  readonly wantedDepth?: number;
  /** Versions of hits shown without the marks of their words. What is found out makes the merge's `marks`. */
  readonly unmarked?: readonly string[];
  /** Worked out when asked, from the same hits: no answer waits for it. */
  readonly explain: () => MergeExplanation;
}
