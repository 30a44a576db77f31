/** What a comparison can come to. */

/**
 * - `equal`: nothing differs.
 * - `ties`: only documents equal under every ranking rule, or facet values of equal count in count
 *   order, change places.
 * - `estimate`: only a number differs that the engine itself estimates.
 * - `vocabulary`: a keyword search whose scores depend on the words that a node knows.
 * - `spelling`: facet values equal after normalization are shown in another original spelling.
 * - `mixed-key`: a facet value that is a number in one document and a text in another.
 * - `engine`: a page of a sorted list of documents that the node itself does not cut from its own list.
 * - `seen-fields`: a member whose name holds dots, or an empty list, which a node formats or not by the
 *   fields it has seen.
 * - `several-vectors`: a search by vector, or for similar documents, where some have several vectors for
 *   the embedder.
 * - `field-order`: an error names another of several facets with two orders.
 * - `lists`: a federation that is distinct by a field with several values, where a node left a document out
 *   for one that the whole leaves out.
 * - `group-scores`: hits of two queries of a federation whose rules have a sort between those of words.
 * - `unsteady`: a vector search that is answered otherwise when its index is built anew from the same
 *   writes, by the node itself, or by the gateway and then as by the node: graphs of neighbours are random.
 * - `not-built`: the gateway says that it does not have this route yet.
 * - `difference`: anything else, a bug.
 */
export const CLASSES = [
  'equal',
  'ties',
  'estimate',
  'vocabulary',
  'spelling',
  'mixed-key',
  'engine',
  'seen-fields',
  'several-vectors',
  'field-order',
  'lists',
  'group-scores',
  'unsteady',
  'not-built',
  'difference',
] as const;

/** One of the classes. */
export type VerdictClass = (typeof CLASSES)[number];

/** A class and what supports it. */
export interface Verdict {
  readonly class: VerdictClass;
  readonly why: string;
}

/** How far answers may be from a node's at all. */
export interface Freedom {
  /** Documents may lie on several nodes: words are known to some only. */
  readonly hasSpread: boolean;
  /** An index may have more than one owner: ties are ordered by version. */
  readonly hasSeveralOwners: boolean;
}

/** Puts the verdicts of the parts of an answer together: the gravest counts, all reasons are kept. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  const [first] = verdicts;
  if (first === undefined) return { class: 'equal', why: '' };
  const rank = (verdict: Verdict) => CLASSES.indexOf(verdict.class);
  const gravest = verdicts.reduce((a, b) => (rank(b) > rank(a) ? b : a), first);
  const reasons = new Set(verdicts.filter((v) => v.class !== 'equal').map((v) => v.why));
  return { class: gravest.class, why: [...reasons].join('; ') };
}
