/**
 * What a key may do: the actions of Meilisearch 1.50, what its wildcards stand for, and which actions a
 * key that is limited to some indexes may use on routes that name no index.
 * Source: crates/meilisearch-types/src/keys.rs and crates/meilisearch-auth/src/store.rs.
 */

/** An action a route asks for. */
export type Action =
  | 'search'
  | 'documents.add'
  | 'documents.get'
  | 'documents.delete'
  | 'documents.*'
  | 'indexes.create'
  | 'indexes.get'
  | 'indexes.update'
  | 'indexes.delete'
  | 'indexes.swap'
  | 'indexes.compact'
  | 'fields.post'
  | 'tasks.cancel'
  | 'tasks.delete'
  | 'tasks.get'
  | 'tasks.compact'
  | 'settings.get'
  | 'settings.update'
  | 'stats.get'
  | 'metrics.get'
  | 'dumps.create'
  | 'snapshots.create'
  | 'version'
  | 'keys.create'
  | 'keys.get'
  | 'keys.update'
  | 'keys.delete'
  | 'experimental.get'
  | 'experimental.update'
  | 'export'
  | 'network.get'
  | 'network.update'
  | 'chatCompletions'
  | 'chats.get'
  | 'chats.delete'
  | 'chatsSettings.get'
  | 'chatsSettings.update'
  | 'webhooks.get'
  | 'webhooks.update'
  | 'webhooks.delete'
  | 'webhooks.create'
  | 'dynamicSearchRules.get'
  | 'dynamicSearchRules.create'
  | 'dynamicSearchRules.update'
  | 'dynamicSearchRules.delete';

/** What `*.get` stands for: every reading action but `keys.get`, which would let a key read others. */
const READS: ReadonlySet<string> = new Set<Action>([
  'search',
  'documents.get',
  'export',
  'indexes.get',
  'tasks.get',
  'settings.get',
  'stats.get',
  'metrics.get',
  'version',
  'experimental.get',
  'network.get',
  'chats.get',
  'chatsSettings.get',
  'webhooks.get',
  'fields.post',
  'dynamicSearchRules.get',
]);

/**
 * Whether a key with these actions holds `action`. A family's wildcard (`documents.*`) stands for its
 * members and not for itself: editing by function asks for `documents.*` and only `*` gives it.
 */
export function holdsAction(actions: readonly string[], action: Action): boolean {
  const family = familyWildcard(action);
  return actions.some(
    (held) =>
      held === '*' ||
      (held === '*.get' && READS.has(action)) ||
      (held === action && action !== 'documents.*') ||
      (family !== undefined && held === family),
  );
}

function familyWildcard(action: Action): string | undefined {
  if (action === 'documents.*') return undefined;
  const dot = action.indexOf('.');
  if (dot < 0) return undefined;
  const family = action.slice(0, dot);
  return FAMILIES.has(family) ? `${family}.*` : undefined;
}

const FAMILIES: ReadonlySet<string> = new Set([
  'documents',
  'indexes',
  'tasks',
  'settings',
  'stats',
  'metrics',
  'dumps',
  'snapshots',
  'chats',
  'chatsSettings',
  'webhooks',
  'dynamicSearchRules',
]);

/**
 * Actions that a key limited to some indexes may use where the route names no index: the route itself
 * then shows only what belongs to those indexes.
 */
export const INDEX_CHECKED_BY_ROUTE: ReadonlySet<Action> = new Set<Action>([
  'documents.get',
  'search',
  'indexes.create',
  'indexes.get',
  'indexes.swap',
  'tasks.cancel',
  'tasks.delete',
  'tasks.get',
  'settings.get',
  'stats.get',
  'chatCompletions',
]);
