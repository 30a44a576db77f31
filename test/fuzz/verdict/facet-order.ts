/**
 * Facets to be merged that have two orders: a node names the first by its internal numbers of fields, which
 * it shows nowhere, and indexes on different nodes have no one who would know them. Granted if the node
 * says of the facet the gateway names, asked for alone, what the gateway says.
 */
import { isObj, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import type { Reply } from '../server.ts';
import type { Case } from './judge.ts';
import type { Verdict } from './verdict.ts';

const CODE = 'invalid_multi_search_facet_order';

/** Grants `field-order`; undefined if the answers are not about that. */
export async function explainFacetOrder(one: Case, arena: Arena): Promise<Verdict | undefined> {
  const { request, reference, target } = one;
  const { body } = request;
  if (textOf(reference, 'code') !== CODE || textOf(target, 'code') !== CODE) return undefined;
  const message = textOf(target, 'message');
  const facet = / in facet `(.*?)`: index /s.exec(message ?? '')?.[1];
  const federation = isObj(body) ? body['federation'] : undefined;
  if (facet === undefined || !isObj(body) || !isObj(federation)) return undefined;
  const facetsByIndex = federation['facetsByIndex'];
  if (!isObj(facetsByIndex)) return undefined;
  const alone: Obj = Object.fromEntries(Object.keys(facetsByIndex).map((uid) => [uid, [facet]]));
  const asked = { ...body, federation: { ...federation, facetsByIndex: alone } };
  const again = await arena.reference.send({ ...request, body: asked });
  return textOf(again, 'message') === message
    ? { class: 'field-order', why: 'another of several facets with two orders is named' }
    : undefined;
}

function textOf({ tree }: Reply, key: string): string | undefined {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return typeof value === 'string' ? value : undefined;
}
