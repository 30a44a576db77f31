/** Settings of an index: defaults, how a change merges, how they are answered. */
import { type Json, type JsonObject, type Out, toJson } from './value.ts';

/** All settings of an index, as they are answered. */
export type Settings = Map<string, Json>;

/** Text of the chat template a node begins with. */
const CHAT_TEMPLATE =
  '{% for field in fields %}{% if field.is_searchable and field.value != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}';

const DEFAULTS: Readonly<Record<string, Out>> = {
  displayedAttributes: ['*'],
  searchableAttributes: ['*'],
  filterableAttributes: [],
  sortableAttributes: [],
  foreignKeys: [],
  rankingRules: [
    'words',
    'typo',
    'proximity',
    'attributeRank',
    'sort',
    'wordPosition',
    'exactness',
  ],
  stopWords: [],
  nonSeparatorTokens: [],
  separatorTokens: [],
  dictionary: [],
  synonyms: {},
  distinctAttribute: null,
  proximityPrecision: 'byWord',
  typoTolerance: {
    enabled: true,
    minWordSizeForTypos: { oneTypo: 5, twoTypos: 9 },
    disableOnWords: [],
    disableOnAttributes: [],
    disableOnNumbers: false,
  },
  faceting: { maxValuesPerFacet: 100, sortFacetValuesBy: { '*': 'alpha' } },
  pagination: { maxTotalHits: 1000 },
  embedders: {},
  searchCutoffMs: null,
  localizedAttributes: null,
  facetSearch: true,
  prefixSearch: 'indexingTime',
  chat: {
    description: '',
    documentTemplate: CHAT_TEMPLATE,
    documentTemplateMaxBytes: 400,
    searchParameters: {},
  },
};

/** Settings that are merged member by member. */
const MERGED = new Set(['typoTolerance', 'faceting', 'pagination', 'embedders', 'chat']);

/** Settings of a new index. */
export function defaultSettings(): Settings {
  return new Map(Object.entries(DEFAULTS).map(([name, value]) => [name, toJson(value)]));
}

/** Applies a checked change; null puts a setting, or a member of one, back to its default. */
export function changeSettings(settings: Settings, change: ReadonlyMap<string, Json>): Settings {
  const defaults = defaultSettings();
  const result: Settings = new Map(settings);
  for (const [name, value] of change) {
    const initial = defaults.get(name) ?? null;
    if (value === null) {
      result.set(name, initial);
    } else if (MERGED.has(name) && value instanceof Map) {
      result.set(name, merge(result.get(name) ?? null, value, initial));
    } else {
      result.set(name, value);
    }
  }
  return result;
}

function merge(current: Json, change: JsonObject, initial: Json): Json {
  const base = current instanceof Map ? current : new Map<string, Json>();
  const defaults = initial instanceof Map ? initial : new Map<string, Json>();
  const result = new Map(base);
  for (const [key, value] of change) {
    const standard = defaults.get(key);
    if (value === null) {
      if (standard === undefined) result.delete(key);
      else result.set(key, standard);
    } else if (key === 'sortFacetValuesBy' && standard instanceof Map && value instanceof Map) {
      result.set(key, sortKeys(new Map([...standard, ...value]), standard));
    } else if (
      value instanceof Map &&
      (standard instanceof Map || result.get(key) instanceof Map)
    ) {
      result.set(key, merge(result.get(key) ?? null, value, standard ?? null));
    } else {
      result.set(key, value);
    }
  }
  return sortKeys(result, defaults);
}

/** Free keys (of `sortFacetValuesBy`, embedders) are answered by name. */
function sortKeys(members: JsonObject, defaults: JsonObject): JsonObject {
  const isFree = [...members.keys()].some((key) => !defaults.has(key));
  return isFree ? new Map([...members].sort(([a], [b]) => (a < b ? -1 : 1))) : members;
}

/** A list of texts among the settings. */
export function textList(settings: Settings, name: string): string[] {
  const value = settings.get(name);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** A member of a setting that is an object. */
export function settingMember(settings: Settings, name: string, key: string): Json {
  const value = settings.get(name);
  return value instanceof Map ? (value.get(key) ?? null) : null;
}
