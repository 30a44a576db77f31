/**
 * How a merged answer differs from the one node's, in named parts, and whether a case allows it.
 */

import { findMember } from '../../core/json/slice.ts';
import { compareByRules, type Hit, readHits } from '../../core/ranking/hits.ts';
import { normalizeFacet } from '../../core/ranking/normalize.ts';
import type { MergeCase, MergeFixture, RecordedAnswer } from './fixture.ts';
import { isSameTree, NumberText, readTree, type Tree } from './tree.ts';

const LISTS = ['hits', 'results'];
const FACETS = ['facetDistribution', 'facetHits'];

/** Why the case fails; undefined if it passes. */
export function judge(
  fixture: MergeFixture,
  one: MergeCase,
  merged: RecordedAnswer,
): string | undefined {
  if (merged.status !== one.single.status) {
    return `status ${merged.status} instead of ${one.single.status}`;
  }
  const wanted = readTree(one.single.body);
  const got = readTree(merged.body);
  if (!(wanted instanceof Map) || !(got instanceof Map)) return 'the answer is no object';
  if (merged.body.includes('_miroir_')) return 'an internal field shows';
  const parts = differingParts(fixture, wanted, got);
  if (parts.length === 0) return undefined;
  if (one.expect === 'exact') return parts.join(', ');
  const allowed = new Set(one.differs);
  if (allowed.has('hit set')) for (const part of ['order', 'scores']) allowed.add(part);
  if (allowed.has('order')) allowed.add('scores');
  if (allowed.has('facetDistribution')) allowed.add('facetDistribution.order');
  if (allowed.has('facetHits')) allowed.add('facetHits.order');
  const beyond = parts.filter((part) => !allowed.has(part));
  if (beyond.length > 0) return `beyond what may differ: ${beyond.join(', ')}`;
  if (one.expect === 'order-of-ties') {
    return judgeFacets(wanted, got) ?? judgeTies(fixture, one, wanted, got);
  }
  if (one.expect === 'spelling') return judgeFacets(wanted, got);
  return undefined;
}

function differingParts(
  fixture: MergeFixture,
  wanted: Map<string, Tree>,
  got: Map<string, Tree>,
): string[] {
  const parts: string[] = [];
  const names = new Set([...wanted.keys(), ...got.keys()]);
  for (const name of names) {
    if (fixture.volatile.includes(name)) continue;
    const left = wanted.get(name);
    const right = got.get(name);
    if (left === undefined || right === undefined) {
      parts.push(`${name} ${left === undefined ? 'is too much' : 'is missing'}`);
    } else if (LISTS.includes(name) && Array.isArray(left) && Array.isArray(right)) {
      parts.push(...differingHits(fixture, left, right));
    } else if (!isSameTree(left, right)) {
      const isOrder = name === 'facetHits' && isSameBag(left as Tree[], right as Tree[]);
      parts.push(isOrder ? 'facetHits.order' : name);
    } else if (FACETS.includes(name) && !hasSameOrder(left, right)) {
      parts.push(`${name}.order`);
    }
  }
  return parts;
}

function differingHits(fixture: MergeFixture, wanted: Tree[], got: Tree[]): string[] {
  if (isSameTree(wanted, got)) return [];
  const id = (hit: Tree) => JSON.stringify(describe(idOf(fixture, hit)));
  const wantedIds = wanted.map(id);
  const gotIds = got.map(id);
  if ([...wantedIds].sort().join() !== [...gotIds].sort().join()) return ['hit set'];
  const parts: string[] = [];
  if (wantedIds.join() !== gotIds.join()) parts.push('order');
  const byId = new Map(got.map((hit) => [id(hit), hit]));
  const others = wanted.filter((hit) => !isSameTree(hit, byId.get(id(hit))));
  if (others.some((hit) => !isSameTree(noScores(hit), noScores(byId.get(id(hit)) ?? null)))) {
    parts.push('documents');
  } else if (others.length > 0) {
    parts.push('scores');
  }
  return parts;
}

function idOf(fixture: MergeFixture, hit: Tree): Tree {
  if (!(hit instanceof Map)) return hit;
  return hit.get(fixture.primaryKey) ?? noScores(hit);
}

function noScores(hit: Tree): Tree {
  if (!(hit instanceof Map)) return hit;
  return new Map([...hit].filter(([name]) => !name.startsWith('_rankingScore')));
}

function describe(tree: Tree): unknown {
  if (tree instanceof NumberText) return tree.text;
  if (tree instanceof Map) return [...tree].map(([name, value]) => [name, describe(value)]);
  return Array.isArray(tree) ? tree.map(describe) : tree;
}

function isSameBag(wanted: Tree[], got: Tree[]): boolean {
  const key = (tree: Tree) => JSON.stringify(describe(tree));
  return wanted.map(key).sort().join() === got.map(key).sort().join();
}

/** Facet values must come in the same order, too. */
function hasSameOrder(wanted: Tree, got: Tree): boolean {
  if (!(wanted instanceof Map) || !(got instanceof Map)) return true;
  return [...wanted].every(([field, values]) => {
    const others = got.get(field);
    return (
      values instanceof Map &&
      others instanceof Map &&
      [...values.keys()].join('\n') === [...others.keys()].join('\n')
    );
  });
}

/** Only hits that are equal under every rule may stand in each other's place. */
function judgeTies(
  fixture: MergeFixture,
  one: MergeCase,
  wanted: Map<string, Tree>,
  got: Map<string, Tree>,
): string | undefined {
  const name = wanted.has('hits') ? 'hits' : 'results';
  const left = wanted.get(name);
  const right = got.get(name);
  if (!Array.isArray(left) || !Array.isArray(right)) return undefined;
  if (left.length !== right.length) return 'number of hits';
  const rules = rulesById(fixture, one, name);
  const last = rules.get(keyOf(fixture, right[right.length - 1] ?? null));
  for (const [place, hit] of left.entries()) {
    const other = rules.get(keyOf(fixture, right[place] ?? null));
    const own = rules.get(keyOf(fixture, hit)) ?? last;
    if (own === undefined || other === undefined) continue;
    if (compareByRules(own, other) !== 0) return `place ${place} is no tie`;
  }
  return undefined;
}

function keyOf(fixture: MergeFixture, hit: Tree): string {
  return JSON.stringify(describe(idOf(fixture, hit)));
}

function rulesById(fixture: MergeFixture, one: MergeCase, name: string): Map<string, Hit> {
  const found = new Map<string, Hit>();
  for (const node of one.nodes) {
    const list = findMember(node.main.body, 0, name);
    if (list === undefined) continue;
    for (const hit of readHits(node.main.body, list.start, 0)) {
      found.set(keyOf(fixture, readTree(hit.bytes, hit.start, hit.end)), hit);
    }
  }
  return found;
}

/**
 * Facets are equal once normalized. Where values are ordered by count, those of equal count may change
 * places, and others of the last count may be the ones that were cut.
 */
function judgeFacets(wanted: Map<string, Tree>, got: Map<string, Tree>): string | undefined {
  const left = wanted.get('facetDistribution');
  const right = got.get('facetDistribution');
  if (left instanceof Map && right instanceof Map) {
    if ([...left.keys()].sort().join() !== [...right.keys()].sort().join()) return 'facet fields';
    for (const [field, values] of left) {
      if (!isSameFacet(values, right.get(field) ?? null)) return `facet ${field}`;
    }
  }
  const hits = (answer: Map<string, Tree>) => describeFacetHits(answer.get('facetHits')).join();
  return hits(wanted) === hits(got) ? undefined : 'differs in more than spelling';
}

function isSameFacet(wanted: Tree, got: Tree): boolean {
  if (!(wanted instanceof Map) || !(got instanceof Map)) return false;
  const left = readFacet(wanted);
  const right = readFacet(got);
  const counts = (facet: Map<string, number>) => [...facet.values()].sort((a, b) => a - b).join();
  if (counts(left) !== counts(right)) return false;
  const isByCount = [...left.values()].every(
    (n, place, all) => place === 0 || n <= (all[place - 1] ?? 0),
  );
  const last = Math.min(...left.values());
  return [...left].every(
    ([value, count]) => right.get(value) === count || (isByCount && count === last),
  );
}

function readFacet(values: Map<string, Tree>): Map<string, number> {
  return new Map(
    [...values].map(([value, count]) => [normalizeFacet(value), Number(describe(count))]),
  );
}

function describeFacetHits(hits: Tree | undefined): string[] {
  if (!Array.isArray(hits)) return [];
  return hits
    .map((hit) =>
      hit instanceof Map
        ? `${normalizeFacet(String(hit.get('value')))} ${describe(hit.get('count') ?? null)}`
        : '',
    )
    .sort();
}
