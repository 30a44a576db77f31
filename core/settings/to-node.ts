/** User settings -> what nodes are told (architecture section 1, internal fields). */
import { VERSION_FIELD } from '../reserved/index.ts';
import {
  DEFAULT_RANKING_RULES,
  INTERNAL_FILTER_RULE,
  NODE_FACETING,
  type OwnerInfo,
  type Settings,
  VERSION_RANKING_RULE,
} from './shape.ts';
import { toNodeEmbedders } from './templates.ts';

/** Everything a node must be told when an index begins there: the user's settings and our own parts. */
export function toNodeSettings(userSettings: Settings, owners: OwnerInfo): Settings {
  const ours: Record<string, unknown> = {
    filterableAttributes: null,
    sortableAttributes: null,
    faceting: null,
  };
  const patch = toNodePatch({ ...ours, ...userSettings }, owners);
  if (!owners.hasSeveralOwners) return patch;
  const rankingRules = toNodeValue('rankingRules', userSettings['rankingRules'] ?? null, owners);
  return { ...patch, rankingRules, faceting: NODE_FACETING };
}

/**
 * A user's change (PATCH /settings; null resets a key) as the change that nodes get. Keys that the
 * gateway applies itself are left out: displayedAttributes always, faceting where the answers of several
 * nodes are merged. A node that holds an index alone keeps the user's faceting, and orders ties by it.
 */
export function toNodePatch(change: Settings, owners: OwnerInfo): Settings {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(change)) {
    if (key === 'displayedAttributes') continue;
    if (key === 'faceting' && owners.hasSeveralOwners) continue;
    patch[key] = toNodeValue(key, value, owners);
  }
  return patch;
}

function toNodeValue(key: string, value: unknown, owners: OwnerInfo): unknown {
  switch (key) {
    case 'filterableAttributes':
      return listWith(value, [INTERNAL_FILTER_RULE], []);
    case 'sortableAttributes':
      return listWith(value, [], [VERSION_FIELD]);
    case 'rankingRules':
      return owners.hasSeveralOwners
        ? listWith(value ?? DEFAULT_RANKING_RULES, [], [VERSION_RANKING_RULE])
        : value;
    case 'embedders':
      return toNodeEmbedders(value);
    default:
      return value;
  }
}

/** A value of the wrong type goes on as it is: the node says what is wrong with it. */
function listWith(value: unknown, first: readonly unknown[], last: readonly unknown[]): unknown {
  if (value === null) return [...first, ...last];
  return Array.isArray(value) ? [...first, ...value, ...last] : value;
}
