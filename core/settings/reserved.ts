/**
 * Settings that name an internal field. The gateway refuses them (miroir_reserved_field) before anything
 * is written. Only places where a field is named count: a stop word or a synonym's text may hold any word.
 */
import { isReservedName } from '../reserved/index.ts';
import { isObject, type Settings } from './shape.ts';

/** The first name in a settings change that belongs to Miroir; undefined if there is none. */
export function findReservedSetting(change: Settings): string | undefined {
  for (const [key, value] of Object.entries(change)) {
    const found = namesIn(key, value).find((name) => isReservedName(name));
    if (found !== undefined) return found;
  }
  return undefined;
}

function namesIn(key: string, value: unknown): string[] {
  switch (key) {
    case 'displayedAttributes':
    case 'searchableAttributes':
    case 'sortableAttributes':
      return texts(value);
    case 'distinctAttribute':
      return texts([value]);
    case 'filterableAttributes':
      return Array.isArray(value) ? value.flatMap(patternsOf) : [];
    case 'localizedAttributes':
      return Array.isArray(value) ? value.flatMap(patternsOf) : [];
    case 'rankingRules':
      return texts(value).map((rule) => rule.replace(/^(asc|desc)\(/, ''));
    case 'typoTolerance':
      return isObject(value) ? texts(value['disableOnAttributes']) : [];
    case 'faceting':
      return isObject(value) && isObject(value['sortFacetValuesBy'])
        ? Object.keys(value['sortFacetValuesBy'])
        : [];
    case 'foreignKeys':
      return Array.isArray(value)
        ? value.flatMap((item) => (isObject(item) ? texts(Object.values(item)) : []))
        : [];
    default:
      return [];
  }
}

function patternsOf(rule: unknown): string[] {
  return isObject(rule) ? texts(rule['attributePatterns']) : texts([rule]);
}

function texts(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}
