/**
 * Settings for an index: every setting that changes an answer, in all forms it may be written in.
 * Sorting, filtering, custom ranking rules and distinct may name fields that are not displayed.
 */
import type { Json, Obj } from './json.ts';
import type { Rng } from './rng.ts';
import type { Samples } from './samples.ts';
import { COMMON, STOPPERS } from './words.ts';

/** What settings are made for. */
export interface SettingsFor {
  readonly samples: Samples;
  readonly primaryKey: string;
  readonly hasGeo: boolean;
  readonly embedder: { readonly name: string; readonly dimensions: number } | undefined;
}

const DEFAULT_RULES = [
  'words',
  'typo',
  'proximity',
  'attributeRank',
  'sort',
  'wordPosition',
  'exactness',
];

/** Makes settings. */
export function makeSettings(rng: Rng, about: SettingsFor): Obj {
  const { samples } = about;
  // the default gives up after 1.5 s, and a busy machine would then answer otherwise
  const settings: Obj = { searchCutoffMs: 60_000 };
  const maybe = (probability: number, name: string, make: () => Json | undefined) => {
    if (!rng.chance(probability)) return;
    const value = make();
    if (value !== undefined) settings[name] = value;
  };
  const hidden = rng.chance(0.4) ? rng.some(samples.topFields, 1, 3) : [];
  maybe(0.92, 'filterableAttributes', () => filterable(rng, about));
  maybe(0.9, 'sortableAttributes', () => sortable(rng, about));
  if (hidden.length > 0) {
    settings['displayedAttributes'] = samples.topFields.filter((field) => !hidden.includes(field));
  }
  maybe(0.35, 'searchableAttributes', () => searchable(rng, samples));
  maybe(0.4, 'rankingRules', () => rankingRules(rng, samples));
  maybe(0.25, 'distinctAttribute', () => rng.pick(distinctFields(samples)));
  maybe(0.2, 'stopWords', () => rng.some(STOPPERS, 1, 4));
  maybe(0.2, 'synonyms', () => synonyms(rng));
  maybe(0.3, 'typoTolerance', () => typos(rng, samples));
  maybe(0.4, 'faceting', () => faceting(rng, samples));
  maybe(0.25, 'pagination', () => ({ maxTotalHits: rng.pick([1, 3, 10, 50, 50, 5000]) }));
  maybe(0.08, 'separatorTokens', () => rng.some(['|', '&&', 'x', '<br>'], 1, 2));
  maybe(0.08, 'nonSeparatorTokens', () => rng.some(['-', '_', '#', '/'], 1, 2));
  maybe(0.06, 'dictionary', () => rng.some(['sun flower', 'J. R. R.', 'rain-bow'], 1, 2));
  maybe(0.15, 'proximityPrecision', () => rng.pick(['byWord', 'byAttribute']));
  maybe(0.1, 'prefixSearch', () => rng.pick(['indexingTime', 'disabled']));
  maybe(0.06, 'facetSearch', () => rng.chance(0.5));
  maybe(0.05, 'localizedAttributes', () => [
    { attributePatterns: [rng.pick(['*', 'title', 'b*'])], locales: [rng.pick(['eng', 'fra'])] },
  ]);
  if (about.embedder !== undefined) {
    settings['embedders'] = {
      [about.embedder.name]: { source: 'userProvided', dimensions: about.embedder.dimensions },
    };
  }
  return settings;
}

/** Fields that make sense as distinct. */
export function distinctFields(samples: Samples): string[] {
  const wanted = ['group', 'tag', 'tags', 'n', 'p', 'flag', 'meta.color', 'section', 'area', 'cat'];
  const present = wanted.filter((field) => samples.fields.includes(field));
  return present.length > 0 ? present : samples.topFields.slice(0, 3);
}

function filterable(rng: Rng, about: SettingsFor): Json {
  const { fields } = about.samples;
  const places = about.hasGeo && rng.chance(0.85) ? ['_geo'] : [];
  const names = [...rng.some(fields, 2, 10), ...places];
  if (rng.chance(0.3) && !names.includes(about.primaryKey)) names.push(about.primaryKey);
  // "*" as a text is a field of that name, not a pattern
  if (rng.chance(0.03)) return ['*'];
  const style = rng.int(0, 3);
  if (style <= 1) return names;
  const patterns = rng.some([...fields, 'meta.*', 'ta*', '*e', '*'], 1, 3);
  const rule: Obj = {
    attributePatterns: patterns,
    ...(rng.chance(0.8)
      ? {
          features: {
            facetSearch: rng.chance(0.6),
            filter: { equality: rng.chance(0.85), comparison: rng.chance(0.6) },
          },
        }
      : {}),
  };
  if (style === 2) {
    const filter = { equality: true, comparison: true };
    const features = { facetSearch: true, filter };
    return [{ attributePatterns: ['*'], ...(rng.chance(0.8) ? { features } : {}) }, ...places];
  }
  return rng.chance(0.5) ? [rule, ...names] : [...names, rule];
}

function sortable(rng: Rng, about: SettingsFor): Json {
  const names = rng.some(about.samples.fields, 1, 7);
  return about.hasGeo && rng.chance(0.85) ? [...names, '_geo'] : names;
}

function searchable(rng: Rng, samples: Samples): Json {
  const names = rng.some(samples.topFields, 1, 4);
  return rng.chance(0.1) ? [...names, 'nowhere'] : names;
}

function rankingRules(rng: Rng, samples: Samples): Json {
  const custom = rng
    .some(samples.fields, 0, 2)
    .map((field) => `${field}:${rng.pick(['asc', 'desc'])}`);
  const rules = rng.weighted<string[]>([
    [5, DEFAULT_RULES],
    [2, ['words', 'typo', 'proximity', 'attribute', 'sort', 'exactness']],
    [1, rng.shuffle(DEFAULT_RULES)],
    [0.5, rng.some(DEFAULT_RULES, 1, 6)],
    [0.7, ['sort', 'words']],
  ]);
  const result = [...rules];
  for (const rule of custom) result.splice(rng.int(0, result.length), 0, rule);
  return result;
}

function synonyms(rng: Rng): Json {
  const result: Obj = {};
  for (const stem of rng.some(COMMON, 1, 3)) {
    result[stem] = rng.some([...COMMON, 'sun flower', 'note book'], 1, 3);
  }
  if (rng.chance(0.3)) result['big sea'] = ['ocean'];
  return result;
}

function typos(rng: Rng, samples: Samples): Json {
  return rng.pick<() => Json>([
    () => ({ enabled: false }),
    () => ({ minWordSizeForTypos: { oneTypo: rng.int(1, 4), twoTypos: rng.int(5, 8) } }),
    () => ({ disableOnWords: rng.some(COMMON, 1, 4) }),
    () => ({ disableOnAttributes: rng.some(samples.topFields, 1, 2) }),
    () => ({ disableOnNumbers: true }),
  ])();
}

function faceting(rng: Rng, samples: Samples): Json {
  const order: Obj = {};
  if (rng.chance(0.6)) order['*'] = rng.pick(['alpha', 'count']);
  for (const field of rng.some(samples.fields, 0, 2)) order[field] = rng.pick(['alpha', 'count']);
  return {
    ...(rng.chance(0.5) ? { maxValuesPerFacet: rng.pick([1, 2, 3, 5, 20, 1000]) } : {}),
    ...(Object.keys(order).length > 0 ? { sortFacetValuesBy: order } : {}),
  };
}
