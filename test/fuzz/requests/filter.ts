/**
 * Filters: random sentences of Meilisearch's filter language over the fields and values of an index,
 * in text and in array form, most of them right, some wrong in a way that only the engine can tell.
 */
import { NumberText } from '../../stories/lossless.ts';
import { encode, type Json } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';

const WRONG = [
  'n >',
  'tag = ',
  '(n = 1',
  'n = 1 AND',
  'tag IN [a, b',
  '_geoRadius(1,2)',
  '_geoRadius(91, 2, 3)',
  '_geoBoundingBox([1,2],[3])',
  'tag ! a',
  "tag = 'a",
  'n TO 5',
  '_geo = 3',
  'nope = 1',
  '',
  '   ',
  'NOT',
  'tag = a OR OR tag = b',
  '_vectors EXISTS',
  '"n" = 1 extra',
];

/** Any filter: text or array form, now and then wrong. */
export function makeFilter(rng: Rng, facts: IndexFacts): Json {
  if (rng.chance(0.02)) return rng.pick(WRONG);
  if (rng.chance(0.65)) return expression(rng, facts, rng.pick([0, 0, 0, 1, 1, 2]));
  if (rng.chance(0.01)) return rng.pick<Json>([[], [[]], 5, [['a', 5]], {}, [[['x = 1']]]]);
  return Array.from({ length: rng.pick([1, 1, 2, 3]) }, () =>
    rng.chance(0.5)
      ? expression(rng, facts, rng.int(0, 1))
      : Array.from({ length: rng.int(1, 3) }, () => expression(rng, facts, 0)),
  );
}

/** A filter in text form, so deep. */
export function expression(rng: Rng, facts: IndexFacts, depth: number): string {
  if (depth === 0) return condition(rng, facts);
  const inner = () => expression(rng, facts, depth - 1);
  return rng.pick([
    () => `${inner()} AND ${inner()}`,
    () => `${inner()} OR ${inner()}`,
    () => `${inner()} OR ${inner()}`,
    () => `NOT ${inner()}`,
    () => `(${inner()}) AND NOT (${inner()})`,
    () => `(${inner()} OR ${inner()})`,
  ])();
}

function condition(rng: Rng, facts: IndexFacts): string {
  const { can } = facts;
  if (can.canFilterGeo && rng.chance(0.12)) return geoCondition(rng);
  if (can.comparable.length > 0 && rng.chance(0.3)) return comparison(rng, facts);
  const field = filterField(rng, facts);
  const name = spell(rng, field);
  const value = () => literal(rng, facts, field);
  return rng.weighted<() => string>([
    [8, () => `${name} = ${value()}`],
    [7, () => `${name} != ${value()}`],
    [4, () => `${name} IN [${list(rng, value)}]`],
    [4, () => `${name} NOT IN [${list(rng, value)}]`],
    [2, () => `${name} ${rng.pick(['EXISTS', 'NOT EXISTS'])}`],
    [2, () => `${name} ${rng.pick(['IS NULL', 'IS NOT NULL', 'IS EMPTY', 'IS NOT EMPTY'])}`],
    [0.2, () => comparison(rng, facts)],
    [
      can.canContain ? 1 : 0.1,
      () => `${name} ${rng.pick(['CONTAINS', 'NOT CONTAINS'])} ${value()}`,
    ],
  ])();
}

function comparison(rng: Rng, facts: IndexFacts): string {
  const { comparable } = facts.can;
  const field = comparable.length > 0 ? rng.pick(comparable) : filterField(rng, facts);
  const name = spell(rng, field);
  const value = () => literal(rng, facts, field);
  return rng.weighted<() => string>([
    [8, () => `${name} ${rng.pick(['<', '<=', '>', '>='])} ${value()}`],
    [3, () => `${name} ${value()} TO ${value()}`],
    [2, () => `${name} ${rng.pick(['STARTS WITH', 'NOT STARTS WITH'])} ${value()}`],
  ])();
}

/** A field name, in quotes now and then. */
function spell(rng: Rng, field: string): string {
  return /^[A-Za-z0-9_.-]+$/.test(field) && rng.chance(0.85) ? field : quote(field);
}

function list(rng: Rng, value: () => string): string {
  return Array.from({ length: rng.int(1, rng.chance(0.05) ? 60 : 4) }, value).join(', ');
}

function geoCondition(rng: Rng): string {
  const lat = rng.pick([48.8566, 40.7, 0, -33.87, rng.int(-80, 80)]);
  const lng = rng.pick([2.3522, -74, 179.999, 151.2, rng.int(-170, 170)]);
  return rng.chance(0.6)
    ? `_geoRadius(${lat}, ${lng}, ${rng.pick([0, 1, 1000, 500_000, 9_000_000])})`
    : `_geoBoundingBox([${lat + rng.int(1, 9)}, ${lng}], [${lat - rng.int(1, 30)}, ${lng - rng.int(1, 60)}])`;
}

/** A field that may most likely be filtered by. */
export function filterField(rng: Rng, facts: IndexFacts): string {
  const { filterable } = facts.can;
  if (filterable.length > 0 && !rng.chance(0.02)) return rng.pick(filterable);
  return rng.pick(['nope', 'no such', ...facts.samples.topFields]);
}

function literal(rng: Rng, facts: IndexFacts, field: string): string {
  const values = facts.samples.values.get(field) ?? [];
  if (values.length === 0 || rng.chance(0.1)) return rng.pick(['1', '5', 'a', '"action"', '0.5']);
  const value = rng.pick(values);
  if (value instanceof NumberText || typeof value === 'number') return encode(value);
  const text = value === null ? 'null' : String(value);
  const cased = rng.chance(0.1) ? text.toUpperCase() : text;
  return /^[A-Za-z0-9_.-]+$/.test(cased) && rng.chance(0.6) ? cased : quote(cased);
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
