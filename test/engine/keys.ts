/** API keys: made, listed, changed and deleted as on a node; values follow from uid and master key. */
import { createHmac, randomUUID } from 'node:crypto';
import {
  decodeObject,
  invalidValue,
  list,
  missingField,
  oneOf,
  orNull,
  type Place,
  text,
} from './decode.ts';
import { EngineError } from './errors.ts';
import type { Json, Out } from './value.ts';

/** All actions a key can hold, in a node's order. */
export const ACTIONS =
  '* search documents.* documents.add documents.get documents.delete indexes.* indexes.create indexes.get indexes.update indexes.delete indexes.swap tasks.* tasks.cancel tasks.delete tasks.get settings.* settings.get settings.update stats.* stats.get metrics.* metrics.get dumps.* dumps.create snapshots.* snapshots.create version keys.create keys.get keys.update keys.delete experimental.get experimental.update export network.get network.update chatCompletions chats.* chats.get chats.delete chatsSettings.* chatsSettings.get chatsSettings.update *.get webhooks.get webhooks.update webhooks.delete webhooks.create webhooks.* indexes.compact fields.post tasks.compact dynamicSearchRules.get dynamicSearchRules.create dynamicSearchRules.update dynamicSearchRules.delete dynamicSearchRules.*'.split(
    ' ',
  );

/** One key. */
export interface ApiKey {
  name: string | null;
  description: string | null;
  readonly key: string;
  readonly uid: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt: string | null;
  readonly createdAt: string;
  updatedAt: string;
}

const GLOBAL_FAMILIES = new Set(
  'metrics dumps snapshots version keys experimental export network chats chatsSettings webhooks dynamicSearchRules'.split(
    ' ',
  ),
);

/** Whether an action has nothing to do with single indexes. */
export function isGlobalAction(action: string): boolean {
  return GLOBAL_FAMILIES.has(action.split('.')[0] ?? '') || action === 'tasks.compact';
}

/** The keys of a node. */
export class KeyStore {
  private readonly keys = new Map<string, ApiKey>();
  private readonly masterKey: string | undefined;
  private readonly now: () => string;

  constructor(masterKey: string | undefined, now: () => string) {
    this.masterKey = masterKey;
    this.now = now;
  }

  /** Makes the four keys a node is born with. */
  addDefaults(): void {
    if (this.masterKey === undefined) return;
    const add = (name: string, description: string, actions: readonly string[]) =>
      this.add({
        uid: randomUUID(),
        name: `Default ${name} API Key`,
        description,
        actions,
        indexes: ['*'],
        expiresAt: null,
      });
    add('Chat', 'Use it to chat and search from the frontend', ['chatCompletions', 'search']);
    add(
      'Read-Only Admin',
      'Use it to read information across the whole database. Caution! Do not expose this key on a public frontend',
      ['*.get', 'keys.get'],
    );
    add(
      'Admin',
      'Use it for anything that is not a search operation. Caution! Do not expose it on a public frontend',
      ['*'],
    );
    add('Search', 'Use it to search from the frontend', ['search']);
  }

  private add(given: Omit<ApiKey, 'key' | 'createdAt' | 'updatedAt'>): ApiKey {
    const now = this.now();
    const key: ApiKey = {
      ...given,
      key: this.valueOf(given.uid),
      createdAt: now,
      updatedAt: now,
    };
    this.keys.set(key.uid, key);
    return key;
  }

  /** Puts a key back (restart). */
  restore(key: ApiKey): void {
    this.keys.set(key.uid, { ...key, key: this.valueOf(key.uid) });
  }

  /** Newest first. */
  all(): ApiKey[] {
    return [...this.keys.values()].reverse();
  }

  private valueOf(uid: string): string {
    return createHmac('sha256', this.masterKey ?? '')
      .update(uid)
      .digest('hex');
  }

  /** A key by its uid or its value; throws api_key_not_found. */
  find(uidOrValue: string): ApiKey {
    const key = this.keys.get(uidOrValue.toLowerCase()) ?? this.byValue(uidOrValue);
    if (key === undefined) {
      throw new EngineError('api_key_not_found', `API key \`${uidOrValue}\` not found.`);
    }
    return key;
  }

  byUid(uid: string): ApiKey | undefined {
    return this.keys.get(uid);
  }

  /** The key with this value, or undefined. */
  byValue(value: string): ApiKey | undefined {
    return [...this.keys.values()].find((key) => key.key === value);
  }

  create(body: Json): ApiKey {
    const place: Place = { path: '', code: 'bad_request' };
    const given = decodeObject(body, place, {
      description: { decode: orNull(text), code: 'invalid_api_key_description' },
      name: { decode: orNull(text), code: 'invalid_api_key_name' },
      uid: { decode: uuid, code: 'invalid_api_key_uid' },
      actions: { decode: list(oneOf(ACTIONS)), code: 'invalid_api_key_actions' },
      indexes: { decode: list(indexPattern), code: 'invalid_api_key_indexes' },
      expiresAt: { decode: (value, at) => expiry(value, at), code: 'invalid_api_key_expires_at' },
    });
    for (const [field, code] of [
      ['actions', 'missing_api_key_actions'],
      ['indexes', 'missing_api_key_indexes'],
      ['expiresAt', 'missing_api_key_expires_at'],
    ] as const) {
      if (!given.has(field)) throw missingField(field, { path: '', code });
    }
    const uid = (given.get('uid') as string | undefined) ?? randomUUID();
    const actions = given.get('actions') as string[];
    const indexes = given.get('indexes') as string[];
    refuseGlobalActions(actions, indexes);
    if (this.keys.has(uid)) {
      throw new EngineError(
        'api_key_already_exists',
        `\`uid\` field value \`${uid}\` is already an existing API key.`,
      );
    }
    return this.add({
      uid,
      name: (given.get('name') as string | null | undefined) ?? null,
      description: (given.get('description') as string | null | undefined) ?? null,
      actions,
      indexes,
      expiresAt: given.get('expiresAt') as string | null,
    });
  }

  change(uidOrValue: string, body: Json): ApiKey {
    const accepted = ['description', 'name'];
    const given = decodeObject(
      body,
      { path: '', code: 'bad_request' },
      {
        description: { decode: orNull(text), code: 'invalid_api_key_description' },
        name: { decode: orNull(text), code: 'invalid_api_key_name' },
      },
      { onUnknown: (key) => immutableField(key, accepted) },
    );
    const key = this.find(uidOrValue);
    if (given.has('description')) key.description = given.get('description') as string | null;
    if (given.has('name')) key.name = given.get('name') as string | null;
    key.updatedAt = this.now();
    return key;
  }

  delete(uidOrValue: string): ApiKey {
    const key = this.find(uidOrValue);
    this.keys.delete(key.uid);
    return key;
  }
}

const IMMUTABLE = new Map([
  ['actions', 'immutable_api_key_actions'],
  ['createdAt', 'immutable_api_key_created_at'],
  ['expiresAt', 'immutable_api_key_expires_at'],
  ['indexes', 'immutable_api_key_indexes'],
  ['uid', 'immutable_api_key_uid'],
  ['updatedAt', 'immutable_api_key_updated_at'],
]);

function immutableField(field: string, accepted: readonly string[]): EngineError | undefined {
  const code = IMMUTABLE.get(field);
  if (code === undefined) return undefined;
  return new EngineError(
    code,
    `Immutable field \`${field}\`: expected one of ${accepted.map((name) => `\`${name}\``).join(', ')}`,
  );
}

function refuseGlobalActions(actions: readonly string[], indexes: readonly string[]): void {
  if (indexes.includes('*')) return;
  const action = actions.find(isGlobalAction);
  if (action === undefined) return;
  throw new EngineError(
    'index_scoped_api_key_with_global_action',
    `cannot create index-scoped API key with global action \`"${action}"\`\n  - Hint: remove action \`"${action}"\` from the action list, or remove \`indexes\` to make the key global`,
  );
}

const uuid = (value: Json, place: Place): string => {
  const given = text(value, place);
  const compact = given.replaceAll('-', '');
  const bad = [...given].findIndex((char) => !/[0-9a-fA-F-]/.test(char));
  if (bad >= 0) {
    throw invalidValue(place, `invalid character: found \`${[...given][bad]}\` at ${bad}`);
  }
  if (compact.length !== 32) {
    throw invalidValue(
      place,
      `invalid length: expected length 32 for simple format, found ${compact.length}`,
    );
  }
  return compact.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const indexPattern = (value: Json, place: Place): string => {
  const given = text(value, place);
  if (given === '*' || /^[A-Za-z0-9_-]+\*?$/.test(given)) return given;
  throw invalidValue(
    place,
    `\`${given}\` is not a valid index uid pattern. Index uid patterns can be an integer or a string containing only alphanumeric characters, hyphens (-), underscores (_), and optionally end with a star (*).`,
  );
};

/** A date to come, printed as a node prints it; null never expires. */
function expiry(value: Json, place: Place): string | null {
  if (value === null) return null;
  const given = text(value, place);
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d+)?))?(Z|[+-]\d\d:\d\d)?$/.exec(
    given,
  );
  const full = found === null ? '' : `${found[1]}T${found[2] ?? '00:00:00'}${found[3] ?? 'Z'}`;
  if (!(Date.parse(full) > Date.now())) {
    throw invalidValue(
      place,
      `\`${given}\` is not a valid date. It should follow the RFC 3339 format to represents a date or datetime in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n`,
    );
  }
  return full;
}

/** A key as it is answered. */
export function keyView(key: ApiKey): { [field: string]: Out } {
  return { ...key };
}
