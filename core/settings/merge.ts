/**
 * What a settings change does to the settings of before, as PATCH /settings does it: null resets a key,
 * arrays and scalars replace, and a few sections merge member by member (contract section 6).
 */
import { isObject, type Settings } from './shape.ts';

/** Sections that merge, with the number of levels below the section's own members that merge too. */
const MERGED_SECTIONS: Readonly<Record<string, number>> = {
  typoTolerance: 1,
  faceting: 0,
  pagination: 0,
  embedders: 1,
  chat: 1,
};

/** Members that are replaced whole although their section merges deeper. */
const WHOLE_MEMBERS = new Set(['sortFacetValuesBy', 'disableOnWords', 'disableOnAttributes']);

/** The settings after the change; only keys that are set remain. Neither argument is changed. */
export function mergeSettings(current: Settings, change: Settings): Settings {
  const merged: Record<string, unknown> = { ...current };
  for (const [key, value] of Object.entries(change)) {
    const levels = MERGED_SECTIONS[key];
    if (value === null) delete merged[key];
    else if (levels !== undefined && isObject(value)) {
      const section = mergeMembers(merged[key], value, levels);
      if (Object.keys(section).length === 0) delete merged[key];
      else merged[key] = section;
    } else merged[key] = value;
  }
  return merged;
}

function mergeMembers(
  current: unknown,
  change: Record<string, unknown>,
  levels: number,
): Record<string, unknown> {
  const merged: Record<string, unknown> = isObject(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete merged[key];
    else if (levels > 0 && isObject(value) && !WHOLE_MEMBERS.has(key)) {
      merged[key] = mergeMembers(merged[key], value, levels - 1);
    } else merged[key] = value;
  }
  return merged;
}

/**
 * The change that makes settings exactly `wanted`, whatever they are: keys and members that `current` has
 * and `wanted` has not are reset by name, since sections merge.
 */
export function replacingChange(wanted: Settings, current: Settings): Settings {
  const change: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(current)) {
    const next = wanted[key];
    if (next === undefined) change[key] = null;
    else if (MERGED_SECTIONS[key] !== undefined && isObject(value) && isObject(next)) {
      const extra = Object.keys(value).filter((member) => !(member in next));
      change[key] = { ...Object.fromEntries(extra.map((member) => [member, null])), ...next };
    }
  }
  return { ...wanted, ...change };
}
