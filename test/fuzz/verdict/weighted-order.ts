/**
 * How a node ranks hits of different queries against each other: by the values that it tells a node that
 * asks it as a remote. Scores and values are compared one by one; of two that cannot be compared the hit
 * with more left goes first, else the one with the better score.
 */
import { NumberText, type Tree } from '../../stories/lossless.ts';

/** A hit as it is ranked. */
export interface Weighed {
  readonly values: readonly Tree[];
  readonly score: number;
}

/** What came of a comparison; above 0: the right one goes first. */
export interface Weighing {
  readonly order: number;
  /** Whether two scores settled it. */
  readonly isByScore: boolean;
}

/** Compares two hits of different queries. */
export function weigh(left: Weighed, right: Weighed): Weighing {
  const most = Math.max(left.values.length, right.values.length);
  for (let at = 0; at < most; at += 1) {
    const [a, b] = [left.values[at], right.values[at]];
    if (a === undefined) return { order: 1, isByScore: false };
    if (b === undefined) return { order: -1, isByScore: false };
    const order = compareValues(a, b);
    if (order === undefined) {
      const more = right.values.length - left.values.length;
      return { order: more || right.score - left.score, isByScore: false };
    }
    if (order !== 0) return { order, isByScore: scoreOf(a) !== undefined };
  }
  return { order: 0, isByScore: false };
}

/** Undefined: cannot be compared. */
function compareValues(left: Tree, right: Tree): number | undefined {
  const [a, b] = [scoreOf(left), scoreOf(right)];
  if (a !== undefined && b !== undefined) return better(a, b);
  const [sort, otherSort] = [member(left, 'sort'), member(right, 'sort')];
  if (sort !== undefined && otherSort !== undefined) {
    const isAscending = member(sort, 'asc') === true;
    if (isAscending !== (member(otherSort, 'asc') === true)) return undefined;
    return compareSorted(member(sort, 'value'), member(otherSort, 'value'), isAscending);
  }
  const [geo, otherGeo] = [member(left, 'geoSort'), member(right, 'geoSort')];
  if (geo === undefined || otherGeo === undefined) return undefined;
  if (member(geo, 'asc') !== member(otherGeo, 'asc')) return undefined;
  const [one, other] = [numberOf(member(geo, 'distance')), numberOf(member(otherGeo, 'distance'))];
  if (one === undefined || other === undefined) {
    return (one === undefined ? 1 : 0) - (other === undefined ? 1 : 0);
  }
  // the node takes the farther one, in either direction of the sort
  return better(one, other);
}

/** The greater goes first. */
function better(one: number, other: number): number {
  return Math.abs(one - other) <= Number.EPSILON ? 0 : other - one;
}

/** Numbers before texts before nothing, whatever the direction. */
function compareSorted(left: Tree | undefined, right: Tree | undefined, isAscending: boolean) {
  const rank = (value: Tree | undefined) =>
    value instanceof NumberText ? 0 : typeof value === 'string' ? 1 : 2;
  if (rank(left) !== rank(right)) return rank(left) - rank(right);
  const sign = isAscending ? 1 : -1;
  if (left instanceof NumberText && right instanceof NumberText) {
    return sign * (Number(left.text) - Number(right.text));
  }
  if (typeof left !== 'string' || typeof right !== 'string') return 0;
  return sign * Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function scoreOf(value: Tree): number | undefined {
  return numberOf(member(value, 'weightedScore')) ?? numberOf(member(value, 'vectorSort'));
}

function numberOf(value: Tree | undefined): number | undefined {
  return value instanceof NumberText ? Number(value.text) : undefined;
}

function member(tree: Tree | undefined, name: string): Tree | undefined {
  return tree instanceof Map ? tree.get(name) : undefined;
}
