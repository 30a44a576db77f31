/** Checks settings as they are sent, with a node's messages, and puts them into a node's form. */
import {
  anyJson,
  count,
  type Decoder,
  decodeObject,
  type Field,
  flag,
  invalidValue,
  list,
  mapOf,
  missingField,
  oneOf,
  orNull,
  type Place,
  text,
} from './decode.ts';
import { EngineError } from './errors.ts';
import { compareBytes } from './store.ts';
import { type Json, type Out, toJson } from './value.ts';

/** One setting: where it is set and how it is checked. */
export interface SettingRule {
  readonly name: string;
  /** Last part of its own route. */
  readonly route: string;
  readonly method: 'PUT' | 'PATCH';
  readonly code: string;
  /** Gives the value in a node's form; null resets. */
  readonly decode: Decoder<Json>;
}

/** Pairs of two- and three-letter codes of the languages that a node knows. */
const LOCALE_PAIRS: readonly string[] =
  'af afr ak aka am amh ar ara az aze be bel bn ben bg bul ca cat cs ces da dan de deu el ell en eng eo epo et est fi fin fr fra gu guj he heb hi hin hr hrv hu hun hy hye id ind it ita jv jav ja jpn kn kan ka kat km khm ko kor la lat lv lav lt lit ml mal mr mar mk mkd my mya ne nep nl nld nb nob or ori pa pan fa pes pl pol pt por ro ron ru rus si sin sk slk sl slv sn sna es spa sr srp sv swe ta tam te tel tl tgl th tha tk tuk tr tur uk ukr ur urd uz uzb vi vie yi yid zh zho zu zul'.split(
    ' ',
  );

/** Languages that a node knows: all two-letter codes, all three-letter codes, and one more. */
export const LOCALES: readonly string[] = [
  ...LOCALE_PAIRS.filter((code) => code.length === 2),
  ...LOCALE_PAIRS.filter((code) => code.length === 3),
  'cmn',
];

/** The three-letter code of a language. */
function longLocale(code: Json): Json {
  const at = typeof code === 'string' && code.length === 2 ? LOCALE_PAIRS.indexOf(code) : -1;
  return at < 0 ? code : (LOCALE_PAIRS[at + 1] ?? code);
}

/** A checked change as it is kept: what a node shows again differs a little from what was sent. */
export function storedChange(change: ReadonlyMap<string, Json>): Map<string, Json> {
  const stored = new Map(change);
  for (const name of ['displayedAttributes', 'searchableAttributes']) {
    const value = stored.get(name);
    if (!Array.isArray(value)) continue;
    stored.set(name, value.includes('*') ? ['*'] : [...new Set(value)]);
  }
  const rules = stored.get('localizedAttributes');
  if (Array.isArray(rules)) {
    stored.set(
      'localizedAttributes',
      rules.map((rule) => {
        const locales = rule instanceof Map ? rule.get('locales') : undefined;
        return rule instanceof Map && Array.isArray(locales)
          ? new Map(rule).set('locales', locales.map(longLocale))
          : rule;
      }),
    );
  }
  return stored;
}

const SIZE_MAX = '18446744073709551615';

/** A list of texts without order: answered sorted by bytes, each once. */
const textSet: Decoder<Json> = (value, place) =>
  [...new Set(list(text)(value, place))].sort(compareBytes);

const asJson =
  (decode: Decoder<Out>): Decoder<Json> =>
  (value, place) =>
    toJson(decode(value, place));

function object(fields: Readonly<Record<string, Field>>): Decoder<Json> {
  return (value, place) =>
    toJson(Object.fromEntries(decodeObject(value, place, fields)) as { [key: string]: Out });
}

const sortedMap =
  (decode: Decoder<Map<string, Out>>): Decoder<Json> =>
  (value, place) =>
    toJson(new Map([...decode(value, place)].sort(([a], [b]) => compareBytes(a, b))) as Json);

const byte = count(255);

const wordSizes: Decoder<Json> = (value, place) => {
  const sizes = decodeObject(value, place, {
    oneTypo: { decode: orNull(byte) },
    twoTypos: { decode: orNull(byte) },
  });
  const one = sizes.get('oneTypo');
  const two = sizes.get('twoTypos');
  if (typeof one === 'number' && typeof two === 'number' && one > two) {
    throw invalidValue(place, wordSizesMessage(one, two));
  }
  return toJson(Object.fromEntries(sizes) as { [key: string]: Out });
};

/** Complaint about typo sizes in the wrong order. */
export function wordSizesMessage(one: number, two: number): string {
  return `\`minWordSizeForTypos\` setting is invalid. \`oneTypo\` and \`twoTypos\` fields should be between \`0\` and \`255\`, and \`twoTypos\` should be greater or equals to \`oneTypo\` but found \`oneTypo: ${one}\` and twoTypos: ${two}\`.`;
}

const nonZero: Decoder<number> = (value, place) => {
  const size = count()(value, place);
  if (size === 0) {
    throw invalidValue(
      place,
      `a non-zero integer value lower than \`${SIZE_MAX}\` was expected, but found a zero`,
    );
  }
  return size;
};

const BUILT_IN_RULES = new Set([
  'words',
  'typo',
  'sort',
  'proximity',
  'attribute',
  'attributeRank',
  'wordPosition',
  'exactness',
]);

const rankingRule: Decoder<string> = (value, place) => {
  const rule = text(value, place);
  if (BUILT_IN_RULES.has(rule)) return rule;
  const field = /^(.*):(?:asc|desc)$/s.exec(rule)?.[1];
  if (field === undefined) {
    throw invalidValue(
      place,
      `\`${rule}\` ranking rule is invalid. Valid ranking rules are words, typo, sort, proximity, attribute, exactness and custom ranking rules.`,
    );
  }
  const reserved = /^(_geoPoint|_geoRadius|_geoBoundingBox|_geo$|_geoDistance)/.exec(field)?.[1];
  if (reserved !== undefined) throw invalidValue(place, reservedRuleMessage(field, reserved));
  return rule;
};

const rankingRules: Decoder<Json> = (value, place) => {
  const rules = list(rankingRule)(value, place);
  const isSplit = rules.includes('attributeRank') || rules.includes('wordPosition');
  if (rules.includes('attribute') && isSplit) {
    throw new EngineError(
      place.code,
      'Mixed usage of the attribute, attributeRank, and wordPosition ranking rules. You must either use the attribute ranking rule alone or the attributeRank and wordPosition ranking rules.',
    );
  }
  return rules;
};

function reservedRuleMessage(field: string, reserved: string): string {
  const base = (name: string) =>
    `\`${name}\` is a reserved keyword and thus can't be used as a ranking rule`;
  if (reserved === '_geoPoint') {
    return `${base(reserved)}. \`${reserved}\` can only be used for sorting at search time`;
  }
  if (reserved === '_geoRadius' || reserved === '_geoBoundingBox') {
    return `${base(reserved)}. \`${reserved}\` can only be used for filtering at search time`;
  }
  return base(field);
}

const attributePatterns = list(text);

const filterableRule: Decoder<Json> = (value, place) => {
  if (!(value instanceof Map)) return text(value, place);
  const rule = decodeObject(value, place, {
    attributePatterns: { decode: attributePatterns },
    features: {
      decode: (features, at) =>
        decodeObject(features, at, {
          facetSearch: { decode: flag },
          filter: {
            decode: (filter, inner) =>
              decodeObject(filter, inner, {
                equality: { decode: flag },
                comparison: { decode: flag },
              }),
          },
        }),
    },
  });
  if (!rule.has('attributePatterns')) throw missingField('attributePatterns', place);
  const features = rule.get('features') as Map<string, unknown> | undefined;
  const filter = features?.get('filter') as Map<string, boolean> | undefined;
  return toJson({
    attributePatterns: rule.get('attributePatterns') as string[],
    features: {
      facetSearch: (features?.get('facetSearch') as boolean | undefined) ?? false,
      filter: {
        equality: filter?.get('equality') ?? true,
        comparison: filter?.get('comparison') ?? false,
      },
    },
  });
};

const localizedRule: Decoder<Json> = (value, place) => {
  const rule = decodeObject(value, place, {
    attributePatterns: { decode: attributePatterns },
    locales: { decode: list(oneOf(LOCALES)) },
  });
  for (const key of ['attributePatterns', 'locales']) {
    if (!rule.has(key)) throw missingField(key, place);
  }
  return toJson(Object.fromEntries(rule) as { [key: string]: Out });
};

const noEmbedders: Decoder<Json> = (value, place) => {
  const given = mapOf(anyJson)(value, place);
  if ([...given.values()].some((embedder) => embedder !== null)) {
    throw new EngineError(place.code, 'This stand-in for Meilisearch has no embedders.');
  }
  return toJson(given as Json);
};

const chatRefused: Decoder<Json> = (value, place) => {
  mapOf(anyJson)(value, place);
  throw new EngineError(
    'feature_not_enabled',
    'setting `chat` in the index settings requires enabling the `chat completions` experimental feature. See https://github.com/orgs/meilisearch/discussions/835',
  );
};

const foreignKeysRefused: Decoder<Json> = (value, place) => {
  list(anyJson)(value, place);
  throw new EngineError(
    'feature_not_enabled',
    'setting `foreignKeys` in the index settings requires enabling the `foreign_keys` experimental feature. See https://github.com/orgs/meilisearch/discussions/873',
  );
};

const DECODERS: Readonly<Record<string, readonly ['PUT' | 'PATCH', Decoder<Json>]>> = {
  displayedAttributes: ['PUT', asJson(list(text))],
  searchableAttributes: ['PUT', asJson(list(text))],
  filterableAttributes: ['PUT', asJson(list(filterableRule))],
  sortableAttributes: ['PUT', textSet],
  foreignKeys: ['PUT', foreignKeysRefused],
  rankingRules: ['PUT', rankingRules],
  stopWords: ['PUT', textSet],
  nonSeparatorTokens: ['PUT', textSet],
  separatorTokens: ['PUT', textSet],
  dictionary: ['PUT', textSet],
  synonyms: ['PUT', sortedMap(mapOf(list(text)))],
  distinctAttribute: ['PUT', text],
  proximityPrecision: ['PUT', oneOf(['byWord', 'byAttribute'])],
  typoTolerance: [
    'PATCH',
    object({
      enabled: { decode: orNull(flag) },
      minWordSizeForTypos: { decode: orNull(wordSizes) },
      disableOnWords: { decode: orNull(textSet) },
      disableOnAttributes: { decode: orNull(textSet) },
      disableOnNumbers: { decode: orNull(flag) },
    }),
  ],
  faceting: [
    'PATCH',
    object({
      maxValuesPerFacet: { decode: orNull(count()) },
      sortFacetValuesBy: { decode: orNull(sortedMap(mapOf(oneOf(['alpha', 'count'])))) },
    }),
  ],
  pagination: ['PATCH', object({ maxTotalHits: { decode: orNull(nonZero) } })],
  embedders: ['PATCH', noEmbedders],
  searchCutoffMs: ['PUT', count()],
  localizedAttributes: ['PUT', asJson(list(localizedRule))],
  facetSearch: ['PUT', flag],
  prefixSearch: ['PUT', oneOf(['indexingTime', 'disabled'])],
  chat: ['PATCH', chatRefused],
};

/** All settings, in a node's order. */
export const SETTING_RULES: readonly SettingRule[] = Object.entries(DECODERS).map(
  ([name, [method, decode]]) => ({
    name,
    route: name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    method,
    code: `invalid_settings_${name === 'chat' ? 'index_chat' : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
    decode: orNull(decode),
  }),
);

/** Checks the body of PATCH /settings. */
export function decodeSettings(body: Json): Map<string, Json> {
  const fields: Record<string, Field> = {};
  for (const rule of SETTING_RULES) fields[rule.name] = { decode: rule.decode, code: rule.code };
  const place: Place = { path: '', code: 'bad_request' };
  return decodeObject(body, place, fields) as Map<string, Json>;
}

/** How a settings change shows in the details of its task. */
export function settingsDetails(change: ReadonlyMap<string, Json>): { [key: string]: Out } {
  const details: { [key: string]: Out } = {};
  for (const rule of SETTING_RULES) {
    const value = change.get(rule.name);
    if (value === undefined) continue;
    const isWildcard = rule.name === 'displayedAttributes' || rule.name === 'searchableAttributes';
    details[rule.name] = value === null && isWildcard ? ['*'] : value;
  }
  return details;
}
