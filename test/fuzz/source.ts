/**
 * Where the documents of an index come from: made up, or slices of the real files beside the project
 * (packages, cities, hand-made tricky documents), the latter only where the files are present.
 */
import { corpusFile, corpusMissing } from '../kit/corpus.ts';
import { parseTree } from '../stories/lossless.ts';
import { makeDocument, makeId, type Shape } from './documents.ts';
import type { Source } from './history.ts';
import { type Json, member, type Obj } from './json.ts';
import type { Rng } from './rng.ts';
import { text, word } from './words.ts';

/** The real files that a corpus may be cut from. */
export type RealName = 'packages' | 'cities' | 'tricky';

const FILES = {
  packages: 'packages-2k.ndjson',
  cities: 'cities.ndjson',
  tricky: 'tricky.ndjson',
} as const;

const read = new Map<RealName, Json[]>();

/** Names of the real corpora that are present. */
export const realNames: readonly RealName[] =
  corpusMissing === undefined ? ['packages', 'cities', 'tricky'] : [];

/** Made-up documents of one shape. */
export function madeSource(rng: Rng, shape: Shape): Source {
  let number = rng.int(0, 3);
  return {
    primaryKey: 'id',
    create() {
      number += 1;
      return makeDocument(rng, shape, makeId(shape, number));
    },
    remake: (document) => makeDocument(rng, shape, member(document, 'id') ?? null),
    partial(document) {
      const id = member(document, 'id') ?? null;
      const fresh = Object.entries(makeDocument(rng, shape, id)).filter(([key]) => key !== 'id');
      return { id, ...Object.fromEntries(rng.some(fresh, 1, 3)) };
    },
  };
}

/** A slice of a real file, beginning anywhere in it. */
export function realSource(rng: Rng, name: RealName): Source {
  const all = load(name);
  const start = rng.int(0, all.length - 1);
  let taken = 0;
  const pick = () => rng.pick(all);
  return {
    primaryKey: 'id',
    create() {
      if (taken >= all.length) return undefined;
      taken += 1;
      return all[(start + taken) % all.length];
    },
    remake(document) {
      const other = pick();
      const remade = new Map(other instanceof Map ? other : []);
      remade.set('id', member(document, 'id') ?? null);
      return remade;
    },
    partial(document) {
      const fresh: Obj = { id: member(document, 'id') ?? null };
      if (name === 'packages') fresh['summary'] = text(rng, 2, 6);
      else if (name === 'cities') fresh['comment'] = text(rng, 1, 3);
      else fresh['title'] = word(rng);
      if (rng.chance(0.5)) fresh['note'] = rng.int(0, 5);
      return fresh;
    },
  };
}

/** All documents of a real file, numbers as written. */
function load(name: RealName): Json[] {
  const known = read.get(name);
  if (known !== undefined) return known;
  const lines = corpusFile(FILES[name]).toString('utf8').split('\n');
  const documents = lines.filter((line) => line !== '').map((line): Json => parseTree(line));
  read.set(name, documents);
  return documents;
}
