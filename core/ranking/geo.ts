/**
 * Geo rules over several nodes. A node groups points that are within a metre of the first one into a
 * bucket and reports the first point for all of them; inside a bucket later rules decide. Other nodes
 * form other buckets, so buckets are built anew from the points themselves (contract 4.3). Ascending
 * really ascends, where Meilisearch's own remote merge lets the larger distance win.
 */
import { decodeString, findMember } from '../json/slice.ts';
import { compareRules } from './compare.ts';
import { RULE_GEO, type Rule } from './details.ts';
import { compareVersions, type Hit } from './hits.ts';

/** Distances closer than this are equal to the node, in metres. */
const MARGIN_METRES = 1;
const BUCKET_HITS_MAX = 1000;
/** From so many candidates on the engine walks a tree of points instead of sorting them. */
const TREE_CANDIDATES_MIN = 1000;
const EARTH_RADIUS_METRES = 6371e3;
const GEO_RULE = /^_geoPoint\(\s*(-?[\d.eE+-]+)\s*,\s*(-?[\d.eE+-]+)\s*\):(asc|desc)$/;

/** Haversine distance in metres, rounded to millimetres, in the engine's own formula. */
export function distanceMetres(
  fromLatitude: number,
  fromLongitude: number,
  toLatitude: number,
  toLongitude: number,
): number {
  const radians = Math.PI / 180;
  const haversine = (theta: number) => (1 - Math.cos(theta)) / 2;
  const phi1 = fromLatitude * radians;
  const phi2 = toLatitude * radians;
  const total =
    haversine(phi2 - phi1) +
    Math.cos(phi1) * Math.cos(phi2) * haversine((toLongitude - fromLongitude) * radians);
  return Math.round(2 * EARTH_RADIUS_METRES * Math.asin(Math.sqrt(total)) * 1000) / 1000;
}

/**
 * Rebuilds the buckets of every geo rule, outermost first. Afterwards a geo rule's `first` is the number
 * of its bucket, ascending in both directions, and NaN where the document has no point.
 */
export function rebuildGeoBuckets(hits: readonly Hit[], candidateCount: number): void {
  const ruleCount = hits.reduce((most, hit) => Math.max(most, hit.rules.length), 0);
  for (let place = 0; place < ruleCount; place += 1) {
    const ranked = hits.filter((hit) => hit.rules[place]?.kind === RULE_GEO);
    if (ranked.length === 0) continue;
    ranked.sort((left, right) => compareRules(left.rules, right.rules, place));
    let start = 0;
    for (let at = 1; at <= ranked.length; at += 1) {
      const first = ranked[start] as Hit;
      const hit = ranked[at];
      if (hit !== undefined && compareRules(first.rules, hit.rules, place) === 0) continue;
      buildBuckets(ranked.slice(start, at), place, candidateCount < TREE_CANDIDATES_MIN);
      start = at;
    }
  }
}

/** Buckets of hits that are equal under all rules before this one. */
function buildBuckets(hits: readonly Hit[], place: number, isCoarse: boolean): void {
  const measured: { hit: Hit; metres: number }[] = [];
  for (const hit of hits) {
    const metres = trueDistance(hit, place);
    if (Number.isNaN(metres)) (hit.rules[place] as Rule).first = Number.NaN;
    else measured.push({ hit, metres });
  }
  const isAscending = hits[0]?.rules[place]?.isAscending ?? true;
  // Few candidates are sorted by whole metres and then by age; many come from a tree, exactly.
  const key = (metres: number) => (isCoarse ? Math.trunc(metres) : metres);
  measured.sort(
    (left, right) =>
      key(left.metres) - key(right.metres) ||
      compareVersions(left.hit, right.hit) ||
      left.hit.source - right.hit.source,
  );
  if (!isAscending) measured.reverse();
  let bucket = -1;
  let leader: { hit: Hit; metres: number } | undefined;
  let size = 0;
  for (const entry of measured) {
    const rule = entry.hit.rules[place];
    if (rule === undefined) continue;
    const isSame =
      leader !== undefined &&
      size < BUCKET_HITS_MAX &&
      Math.abs(leader.metres - entry.metres) <= MARGIN_METRES;
    if (!isSame) {
      leader = entry;
      bucket += 1;
      size = 0;
    }
    size += 1;
    rule.first = bucket;
    rule.isAscending = true;
    if (leader !== undefined && leader.hit !== entry.hit) {
      entry.hit.geoLeaders ??= [];
      entry.hit.geoLeaders[place] = leader.hit;
    }
  }
}

/** Distance of the document's own point; what the node said if the point is not in the hit. */
function trueDistance(hit: Hit, place: number): number {
  const rule = hit.rules[place];
  if (rule === undefined || Number.isNaN(rule.first)) return Number.NaN;
  const parts = GEO_RULE.exec(hit.bytes.toString('utf8', rule.nameStart, rule.nameEnd));
  const point = readPoint(hit);
  if (parts === null || point === undefined) return rule.first;
  return distanceMetres(Number(parts[1]), Number(parts[2]), point.latitude, point.longitude);
}

/** The document's `_geo`, if it has a whole one. */
export function readPoint(hit: Hit): { latitude: number; longitude: number } | undefined {
  const geo = findMember(hit.bytes, hit.start, '_geo');
  if (geo === undefined || hit.bytes[geo.start] !== 0x7b) return undefined;
  const latitude = readCoordinate(hit.bytes, geo.start, 'lat');
  const longitude = readCoordinate(hit.bytes, geo.start, 'lng');
  return Number.isNaN(latitude) || Number.isNaN(longitude) ? undefined : { latitude, longitude };
}

/** A coordinate may be a number or a text that holds one. */
function readCoordinate(bytes: Buffer, at: number, name: string): number {
  const span = findMember(bytes, at, name);
  if (span === undefined) return Number.NaN;
  const isText = bytes[span.start] === 0x22;
  const text = isText
    ? decodeString(bytes, span.start, span.end)
    : bytes.toString('latin1', span.start, span.end);
  return text === '' ? Number.NaN : Number(text);
}
