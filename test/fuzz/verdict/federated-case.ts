/** A federated request with both answers, taken apart. */
import type { Tree } from '../../stories/lossless.ts';
import type { Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import type { Evidence } from './evidence.ts';
import type { Case } from './judge.ts';
import { countAt } from './sub-case.ts';

/** A federated request taken apart. */
export interface Federated {
  readonly one: Case;
  readonly arena: Arena;
  readonly evidence: Evidence;
  readonly federation: Obj;
  readonly queries: readonly Obj[];
  /** Fields by which each query is distinct, the federation's own first. */
  readonly distinct: readonly (string | undefined)[];
}

/** Place of the query that found a hit. */
export function positionOf(hit: Tree): number {
  const mark = hit instanceof Map ? hit.get('_federation') : undefined;
  return countAt(mark, 'queriesPosition') ?? -1;
}
