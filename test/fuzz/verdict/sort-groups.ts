/**
 * Which documents of a sorted list are equal to the node: it says of each by what values it was sorted
 * (only where asked as a remote), in words that are not quite what it sorts by. Texts are equal by their
 * first 468 normalized bytes; distances are equal within a metre of the first of their bucket. Of
 * coordinates that are texts none is shown, so all are worked out alike.
 */
import { NumberText, type Tree, type TreeObject } from '../../stories/lossless.ts';
import { sortedText } from './arrangement.ts';
import { normalize } from './hits.ts';

const MARGIN_METRES = 1;
const EARTH_RADIUS_METRES = 6_371_000;

/** A document with its `_geo`, and what it was sorted by: an object for each entry of the sort. */
export interface SortedDocument {
  readonly hit: Tree;
  readonly values: readonly Tree[];
}

/** A text for each document, equal for those that are equal to the node; `sort` as in the request. */
export function sortGroups(
  documents: readonly SortedDocument[],
  sort: readonly string[],
): readonly string[] {
  const targets = sort.map(targetOf);
  /** Of each entry: what the first document of the present run had there. */
  const leaders: (string | number)[] = [];
  let group = 0;
  return documents.map(({ hit, values }, at) => {
    let isSame = at > 0;
    for (const [place, value] of values.entries()) {
      const own = sortedBy(value, hit, targets[place]);
      if (isSame && isEqual(own, leaders[place])) continue;
      isSame = false;
      leaders[place] = own;
    }
    if (!isSame && at > 0) group += 1;
    return String(group);
  });
}

function isEqual(one: string | number, leader: string | number | undefined): boolean {
  if (typeof one !== 'number' || typeof leader !== 'number') return one === leader;
  return Math.abs(one - leader) <= MARGIN_METRES;
}

/** A distance is a number, anything else a text. */
function sortedBy(entry: Tree, hit: Tree, target: Point | undefined): string | number {
  const geo = memberOf(entry, 'geoSort');
  if (geo === undefined) {
    const value = memberOf(memberOf(entry, 'sort'), 'value');
    if (typeof value === 'string') return `text ${normalize(value)}`;
    // documents are sorted by doubles, whatever their numbers are written like
    return value instanceof NumberText ? `number ${doubleText(value)}` : sortedText(entry);
  }
  const point = memberOf(hit, '_geo');
  const [lat, lng] = [numberOf(memberOf(point, 'lat')), numberOf(memberOf(point, 'lng'))];
  const distance = numberOf(memberOf(geo, 'distance'));
  if (lat === undefined || lng === undefined || target === undefined) return distance ?? 'no point';
  return metresBetween(target, { lat, lng });
}

/** Zeros of either sign are two. */
function doubleText({ text }: NumberText): string {
  const double = Number(text);
  return Object.is(double, -0) ? '-0' : String(double);
}

interface Point {
  readonly lat: number;
  readonly lng: number;
}

function targetOf(entry: string): Point | undefined {
  const parts = /^_geoPoint\(([^,]+),([^)]+)\)/.exec(entry);
  return parts === null ? undefined : { lat: Number(parts[1]), lng: Number(parts[2]) };
}

/** Great circle by the angle between two vectors. */
function metresBetween(a: Point, b: Point): number {
  const [p, q] = [vectorOf(a), vectorOf(b)];
  const chord = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, chord / 2));
}

function vectorOf({ lat, lng }: Point): readonly [number, number, number] {
  const [phi, lambda] = [(lat * Math.PI) / 180, (lng * Math.PI) / 180];
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
}

function memberOf(tree: Tree | undefined, name: string): Tree | undefined {
  return tree instanceof Map ? (tree as TreeObject).get(name) : undefined;
}

function numberOf(tree: Tree | undefined): number | undefined {
  if (tree instanceof NumberText) return Number(tree.text);
  if (typeof tree !== 'string' || tree.trim() === '') return undefined;
  return Number.isNaN(Number(tree)) ? undefined : Number(tree);
}
