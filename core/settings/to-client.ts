/** What a node says about settings -> what the user sees: internal parts gone, the user's own back. */
import { isReservedName, RESERVED_PREFIX } from '../reserved/index.ts';
import { DEFAULT_FACETING, isObject, type Settings, VERSION_RANKING_RULE } from './shape.ts';
import { toClientEmbedders } from './templates.ts';

/**
 * GET /settings of the gateway: a node's answer, in its order, with the internal parts removed and with
 * the user's values of what nodes are never told. `userSettings` are the settings in force.
 */
export function toClientSettings(nodeSettings: Settings, userSettings: Settings): Settings {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(nodeSettings)) {
    if (key === 'displayedAttributes') shown[key] = userSettings[key] ?? ['*'];
    else if (key === 'faceting') shown[key] = toClientFaceting(userSettings[key]);
    else shown[key] = toClientValue(key, value);
  }
  return shown;
}

/**
 * Details of a settingsUpdate task: a node's details (checked and sorted as nodes do) for the keys the
 * user changed, and the user's own words for what nodes are never told.
 */
export function toClientDetails(nodeDetails: Settings, userChange: Settings): Settings {
  const shown: Record<string, unknown> = {};
  const place = (key: string): void => {
    const change = userChange[key];
    if (change === undefined) return;
    if (key === 'displayedAttributes') shown[key] = change ?? ['*'];
    else if (key === 'faceting') shown[key] = isObject(change) ? sortedFaceting(change) : change;
    else if (change === null) shown[key] = key === 'searchableAttributes' ? ['*'] : null;
    else
      shown[key] = key in nodeDetails ? toClientValue(key, nodeDetails[key]) : asSet(key, change);
  };
  for (const key of DETAIL_ORDER) place(key);
  return isWholeReset(userChange) ? withAllKeys(shown) : shown;
}

/** DELETE /settings resets everything; keys behind a feature flag are not sent, and yet shown. */
function isWholeReset(change: Settings): boolean {
  return DETAIL_ORDER.every((key) => change[key] === null || HIDDEN_IN_RESET.includes(key));
}

function withAllKeys(shown: Settings): Settings {
  return Object.fromEntries(DETAIL_ORDER.map((key) => [key, shown[key] ?? null]));
}

const HIDDEN_IN_RESET = ['foreignKeys', 'chat'];

/** Settings that are sets: a node shows them sorted. */
const SETS = new Set([
  'sortableAttributes',
  'stopWords',
  'nonSeparatorTokens',
  'separatorTokens',
  'dictionary',
]);

/** Order of keys in the details of a settingsUpdate task. */
const DETAIL_ORDER = [
  'displayedAttributes',
  'searchableAttributes',
  'filterableAttributes',
  'sortableAttributes',
  'foreignKeys',
  'rankingRules',
  'stopWords',
  'nonSeparatorTokens',
  'separatorTokens',
  'dictionary',
  'synonyms',
  'distinctAttribute',
  'proximityPrecision',
  'typoTolerance',
  'faceting',
  'pagination',
  'embedders',
  'searchCutoffMs',
  'localizedAttributes',
  'facetSearch',
  'prefixSearch',
  'chat',
];

function toClientValue(key: string, value: unknown): unknown {
  if (key === 'embedders') return toClientEmbedders(value);
  if (!Array.isArray(value)) return value;
  if (key === 'filterableAttributes') return value.filter((rule) => !isInternalRule(rule));
  if (key === 'sortableAttributes') return value.filter((name) => !isReservedName(String(name)));
  if (key === 'rankingRules') return value.filter((rule) => rule !== VERSION_RANKING_RULE);
  return value;
}

function isInternalRule(rule: unknown): boolean {
  if (!isObject(rule)) return typeof rule === 'string' && isReservedName(rule);
  const patterns = rule['attributePatterns'];
  return (
    Array.isArray(patterns) && patterns.some((text) => String(text).startsWith(RESERVED_PREFIX))
  );
}

function asSet(key: string, value: unknown): unknown {
  if (!SETS.has(key) || !Array.isArray(value)) return value;
  return [...new Set(value.map(String))].sort(byBytes);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function toClientFaceting(faceting: unknown): unknown {
  const set = isObject(faceting) ? faceting : {};
  const order = isObject(set['sortFacetValuesBy']) ? set['sortFacetValuesBy'] : {};
  return {
    maxValuesPerFacet: set['maxValuesPerFacet'] ?? DEFAULT_FACETING.maxValuesPerFacet,
    sortFacetValuesBy: sortedByName({ ...DEFAULT_FACETING.sortFacetValuesBy, ...order }),
  };
}

function sortedFaceting(faceting: Record<string, unknown>): unknown {
  const order = faceting['sortFacetValuesBy'];
  return isObject(order) ? { ...faceting, sortFacetValuesBy: sortedByName(order) } : faceting;
}

function sortedByName(object: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(object).sort(byBytes);
  return Object.fromEntries(names.map((name) => [name, object[name]]));
}
