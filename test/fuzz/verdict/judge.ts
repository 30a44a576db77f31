/**
 * Gives each pair of answers its class. A class other than `equal` is only given where there is
 * evidence for it; whatever is not explained is a difference.
 */
import type { Tree } from '../../stories/lossless.ts';
import type { Difference } from '../compare.ts';
import type { Arena, Pair } from '../run.ts';
import type { Evidence } from './evidence.ts';
import { explain } from './explain.ts';
import { explainFacetOrder } from './facet-order.ts';
import { explainUnsteady } from './unsteady.ts';
import type { Verdict } from './verdict.ts';

/** A pair of answers with its differences. */
export interface Case extends Pair {
  readonly differences: readonly Difference[];
}

/** Judges one case. */
export async function judge(one: Case, arena: Arena, evidence: Evidence): Promise<Verdict> {
  const { request, target, differences } = one;
  const code = errorCode(target.tree);
  if (target.status === 501 && code === 'miroir_not_implemented') {
    return { class: 'not-built', why: `${request.method} ${request.path}` };
  }
  if (request.kind === 'reserved' && arena.isGateway) {
    return target.status === 400 && code === 'miroir_reserved_field'
      ? { class: 'equal', why: '' }
      : { class: 'difference', why: 'internal fields must be refused as miroir_reserved_field' };
  }
  if (differences.length === 0) return { class: 'equal', why: '' };
  const order = await explainFacetOrder(one, arena);
  if (order !== undefined) return order;
  const verdict: Verdict = arena.freedom.hasSeveralOwners
    ? await explain(one, arena, evidence)
    : { class: 'difference', why: 'one owner in one copy must answer exactly' };
  if (verdict.class !== 'difference') return verdict;
  return (await explainUnsteady(one, evidence)) ?? verdict;
}

function errorCode(tree: Tree | undefined): string | undefined {
  const code = tree instanceof Map ? tree.get('code') : undefined;
  return typeof code === 'string' ? code : undefined;
}
