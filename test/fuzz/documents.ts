/**
 * Documents whose fields hold every kind of value a field can hold: numbers near the limits of 64
 * bits and of floats, numbers as texts, arrays of mixed types, null, missing, empty, nested objects,
 * places some of which lie within a metre of each other, vectors, dates, booleans and long texts.
 * Values repeat on purpose: ties are where merging goes wrong.
 */
import { type Json, num, type Obj } from './json.ts';
import type { Rng } from './rng.ts';
import { COMMON, text, WORLD, word } from './words.ts';

/** What a corpus is like; fixed for all documents of one index. */
export interface Shape {
  readonly idStyle: 'integer' | 'text' | 'mixed';
  readonly hasGeo: boolean;
  /** Name of the embedder whose vectors the documents carry, and their length; undefined: none. */
  readonly embedder: { readonly name: string; readonly dimensions: number } | undefined;
  /** How many different values a repeated field has. */
  readonly variety: number;
  /** Fields left out of all documents. */
  readonly absent: ReadonlySet<string>;
  /** True: values that the engine normalizes or that lie at the limits of numbers. */
  readonly isWild: boolean;
}

const TAGS = [
  'Action',
  'action',
  'ACTION',
  ' Drama',
  'drama',
  'Sea',
  'War',
  'Café',
  'cafe\u0301',
  'Ø',
];
const PLAIN_TAGS = ['action', 'drama', 'sea', 'war', 'comedy', 'opera'];
const WILD_NUMBERS = [
  '0',
  '-0.0',
  '0.0',
  '1',
  '1.0',
  '1e2',
  '100',
  '9007199254740993',
  '9007199254740992',
  '18446744073709551615',
  '-9223372036854775808',
  '18446744073709551616',
  '1.10',
  '-1.5',
  '5e-324',
  '1e300',
];
const DATES = [
  '2024-01-01',
  '2023-12-31T23:59:59Z',
  '1999-12-31T23:59:59.999+02:00',
  '2024-02-29',
  '',
];

/** Fields a document may have, beside `id`, `_geo` and `_vectors`. */
export const FIELDS: readonly string[] = [
  'title',
  'body',
  'tag',
  'tags',
  'n',
  'price',
  'p',
  'flag',
  'date',
  'meta',
  'rank',
  'secret',
  'group',
  'uni',
  'long',
];

/** Chooses what a corpus is like. */
export function makeShape(rng: Rng): Shape {
  return {
    idStyle: rng.weighted([
      [5, 'integer'],
      [4, 'text'],
      [1, 'mixed'],
    ] as const),
    hasGeo: rng.chance(0.5),
    embedder: rng.chance(0.5)
      ? { name: rng.pick(['v', 'my-vec']), dimensions: rng.pick([2, 3, 4]) }
      : undefined,
    variety: rng.pick([2, 4, 8, 30]),
    absent: new Set(rng.some(FIELDS.slice(2), 0, 7)),
    isWild: rng.chance(0.4),
  };
}

/** The primary key of the document with this number. */
export function makeId(shape: Shape, number: number): Json {
  if (shape.idStyle === 'integer') return number;
  if (shape.idStyle === 'mixed' && number % 3 === 0) return number;
  return `${['doc', 'A', 'x_', 'item-'][number % 4]}${number}`;
}

/** One document. */
export function makeDocument(rng: Rng, shape: Shape, id: Json): Obj {
  const document: Obj = { id };
  for (const field of FIELDS) {
    if (shape.absent.has(field)) continue;
    const value = makeField(rng, shape, field);
    if (value !== undefined) document[field] = value;
  }
  if (shape.hasGeo) {
    const place = makePlace(rng, shape);
    if (place !== undefined) document['_geo'] = place;
  }
  if (shape.embedder !== undefined) {
    document['_vectors'] = { [shape.embedder.name]: makeVector(rng, shape.embedder.dimensions) };
  }
  return rng.chance(0.1) ? reorder(rng, document) : document;
}

/** A value for one field; undefined: the field is left out. */
function makeField(rng: Rng, shape: Shape, field: string): Json | undefined {
  const gap = gapValue(rng);
  switch (field) {
    case 'title':
      return rng.chance(0.04) ? gap : text(rng, 1, 5);
    case 'body':
      return rng.chance(0.2) ? gap : text(rng, 4, 30);
    case 'tag':
      return rng.chance(0.1) ? gap : rng.pick(shape.isWild ? TAGS : PLAIN_TAGS);
    case 'tags':
      return rng.chance(0.1)
        ? gap
        : Array.from({ length: rng.int(0, 4) }, () => rng.pick(shape.isWild ? TAGS : PLAIN_TAGS));
    case 'n':
      return rng.chance(0.12) ? gap : makeNumber(rng, shape);
    case 'price':
      return rng.chance(0.1) ? gap : Math.round(rng.next() * shape.variety * 100) / 100;
    case 'p':
      return shape.isWild ? makeMixed(rng, shape) : rng.int(0, shape.variety);
    case 'flag':
      return rng.chance(0.15) ? gap : rng.pick<Json>([true, false, 'true']);
    case 'date':
      return rng.chance(0.2) ? gap : rng.pick(DATES);
    case 'meta':
      return rng.chance(0.15) ? gap : makeNested(rng, shape);
    case 'rank':
      return rng.chance(0.1) ? undefined : rng.int(0, shape.variety * 2);
    case 'secret':
      return rng.chance(0.1) ? gap : rng.pick<Json>([rng.int(0, shape.variety), word(rng)]);
    case 'group':
      return rng.chance(0.15) ? gap : `g${rng.int(1, shape.variety)}`;
    case 'uni':
      return rng.chance(0.5) ? rng.pick(WORLD) : undefined;
    default:
      return makeLong(rng);
  }
}

function gapValue(rng: Rng): Json | undefined {
  return rng.pick<Json | undefined>([undefined, undefined, null, '', [], {}]);
}

function makeNumber(rng: Rng, shape: Shape): Json {
  if (!shape.isWild) return rng.int(-2, shape.variety);
  return rng.weighted<() => Json>([
    [5, () => rng.int(-3, shape.variety)],
    [3, () => num(rng.pick(WILD_NUMBERS))],
    [1, () => rng.pick(['5', '10', '1.0', ' 7 ', 'NaN'])],
    [1, () => Array.from({ length: rng.int(1, 3) }, () => rng.int(-3, 12))],
  ])();
}

function makeMixed(rng: Rng, shape: Shape): Json {
  return rng.weighted<() => Json>([
    [4, () => rng.int(0, shape.variety)],
    [3, () => word(rng)],
    [1, () => rng.chance(0.5)],
    [1, () => num(rng.pick(WILD_NUMBERS))],
    [2, () => [rng.int(0, 5), word(rng), null]],
    [1, () => ({ q: rng.int(0, 3) })],
    [1, () => String(rng.int(0, 5))],
  ])();
}

function makeNested(rng: Rng, shape: Shape): Json {
  return {
    color: rng.pick(['red', 'Red', 'green', 'blue']),
    size: { w: rng.int(1, shape.variety), h: rng.chance(0.2) ? null : rng.int(1, 5) },
    list: Array.from({ length: rng.int(0, 3) }, () => ({ k: rng.pick(COMMON), v: rng.int(0, 4) })),
    ...(rng.chance(0.1) ? { 'odd.key': rng.int(0, 3) } : {}),
  };
}

function makeLong(rng: Rng): Json | undefined {
  if (rng.chance(0.85)) return undefined;
  const stem = rng.pick(COMMON);
  return rng.pick([
    `${stem} `.repeat(rng.int(50, 200)).trim(),
    // longer than what the engine keeps of a value, and equal up to there
    `${'z'.repeat(470)}${rng.int(0, 9)}`,
    `${stem}${'é'.repeat(240)}${rng.int(0, 9)}`,
  ]);
}

function makePlace(rng: Rng, shape: Shape): Json | undefined {
  if (rng.chance(0.15)) return rng.pick<Json | undefined>([undefined, null]);
  const [lat, lng] = rng.pick([
    [48.8566, 2.3522],
    [48.85661, 2.35221],
    [48.8566, 2.3522],
    [40.7128, -74.006],
    [-33.8688, 151.2093],
    [0, 179.9999],
    [0.0001, -179.9999],
    [90, 0],
  ]) as [number, number];
  const place = rng.chance(0.6)
    ? { lat, lng }
    : { lat: round(rng.next() * 160 - 80), lng: round(rng.next() * 340 - 170) };
  return shape.isWild && rng.chance(0.1)
    ? { lat: String(place.lat), lng: String(place.lng) }
    : place;
}

/**
 * A vector, several, or none at all. Equal vectors are few: the engine's graph of neighbours is built
 * with random numbers, and many equal vectors make it lose some, each time others.
 */
export function makeVector(rng: Rng, dimensions: number): Json {
  if (rng.chance(0.08)) return null;
  const one = (): Json[] =>
    rng.chance(0.03)
      ? Array.from({ length: dimensions }, (_, i) => (i === 0 ? 1 : 0))
      : Array.from({ length: dimensions }, () => round(rng.next() * 2 - 1));
  if (rng.chance(0.1)) return { embeddings: one(), regenerate: false };
  if (rng.chance(0.05)) return { embeddings: [one(), one()], regenerate: false };
  return one();
}

function reorder(rng: Rng, document: Obj): Obj {
  return Object.fromEntries(rng.shuffle(Object.entries(document)));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
