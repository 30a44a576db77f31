/** Who may do what: master key, API keys, tenant tokens. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Engine } from './engine.ts';
import { EngineError } from './errors.ts';
import type { ApiKey } from './keys.ts';
import type { Json } from './value.ts';

/** What the sender of a request may see. */
export interface Access {
  /** Whether an index is within reach. */
  sees(uid: string): boolean;
  /** Whether all indexes are within reach. */
  readonly seesAll: boolean;
  /** Whether writing to a missing index may make it. */
  readonly mayCreateIndexes: boolean;
  /** Filter that a tenant token adds for an index. */
  filterFor(uid: string): Json | undefined;
  /** The complaint about an index out of reach. */
  refuse(uid: string): EngineError;
}

const invalidKey = () => new EngineError('invalid_api_key', 'The provided API key is invalid.');

const EVERYTHING: Access = {
  sees: () => true,
  seesAll: true,
  mayCreateIndexes: true,
  filterFor: () => undefined,
  refuse: invalidKey,
};

/** Judges a request by its Authorization header. Throws EngineError if it may not be done. */
export function authorize(
  engine: Engine,
  action: string | undefined,
  header: string | undefined,
): Access {
  if (action === undefined) return EVERYTHING;
  if (engine.masterKey === undefined) {
    if (!action.startsWith('keys.')) return EVERYTHING;
    throw new EngineError(
      'missing_master_key',
      'Meilisearch is running without a master key. To access this API endpoint, you must have set a master key at launch.',
    );
  }
  const [scheme, token] = splitHeader(header);
  if (scheme !== 'Bearer') {
    throw new EngineError(
      'missing_authorization_header',
      'The Authorization header is missing. It must use the bearer authorization method.',
    );
  }
  if (token === engine.masterKey) return EVERYTHING;
  const key = engine.keys.byValue(token);
  if (key !== undefined) return accessOfKey(key, action);
  if (action === 'search' || action === 'chatCompletions') return accessOfTenant(engine, token);
  throw invalidKey();
}

function splitHeader(header: string | undefined): [string, string] {
  if (header === undefined) return ['', ''];
  const space = header.indexOf(' ');
  return space < 0 ? [header, ''] : [header.slice(0, space), header.slice(space + 1)];
}

function accessOfKey(key: ApiKey, action: string): Access {
  if (!holds(key, action) || isExpired(key)) throw invalidKey();
  const seesAll = key.indexes.includes('*');
  return {
    sees: (uid) => key.indexes.some((pattern) => matchesUid(pattern, uid)),
    seesAll,
    mayCreateIndexes: holds(key, 'indexes.create'),
    filterFor: () => undefined,
    refuse: (uid) =>
      new EngineError(
        'invalid_api_key',
        `The API key cannot acces the index \`${uid}\`, authorized indexes are [${[...key.indexes]
          .sort()
          .map((name) => `"${name}"`)
          .join(', ')}].`,
      ),
  };
}

function isExpired(key: ApiKey): boolean {
  return key.expiresAt !== null && Date.now() > Date.parse(key.expiresAt);
}

function holds(key: ApiKey, action: string): boolean {
  if (key.actions.includes('*') || key.actions.includes(action)) return true;
  const [family] = action.split('.');
  if (action !== 'documents.*' && key.actions.includes(`${family}.*`)) return true;
  return action.endsWith('.get') && action !== 'keys.get' && key.actions.includes('*.get');
}

function matchesUid(pattern: string, uid: string): boolean {
  return pattern.endsWith('*') ? uid.startsWith(pattern.slice(0, -1)) : pattern === uid;
}

const HASHES: Readonly<Record<string, string>> = {
  HS256: 'sha256',
  HS384: 'sha384',
  HS512: 'sha512',
};

interface Claims {
  readonly searchRules?: unknown;
  readonly apiKeyUid?: unknown;
  readonly exp?: unknown;
}

/** A JWT signed with the value of a key that may search. */
function accessOfTenant(engine: Engine, token: string): Access {
  const [head = '', body = '', signature = ''] = token.split('.');
  const claims = readPart(body) as Claims | undefined;
  const hash = HASHES[String((readPart(head) as { alg?: unknown } | undefined)?.alg)];
  const key =
    typeof claims?.apiKeyUid === 'string' ? engine.keys.byUid(claims.apiKeyUid) : undefined;
  if (claims === undefined || hash === undefined || key === undefined) throw invalidKey();
  const expected = createHmac(hash, key.key).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalidKey();
  if (typeof claims.exp === 'number' && Date.now() / 1000 > claims.exp) throw invalidKey();
  const own = accessOfKey(key, 'search');
  const rules = readRules(claims.searchRules);
  const ruleFor = (uid: string) =>
    [...rules.keys()]
      .filter((pattern) => matchesUid(pattern, uid))
      .sort((a, b) => Number(b === uid) - Number(a === uid) || b.length - a.length)[0];
  return {
    sees: (uid) => own.sees(uid) && ruleFor(uid) !== undefined,
    seesAll: false,
    mayCreateIndexes: false,
    filterFor: (uid) => rules.get(ruleFor(uid) ?? '') ?? undefined,
    refuse: invalidKey,
  };
}

function readPart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

function readRules(rules: unknown): Map<string, Json | null> {
  if (Array.isArray(rules)) return new Map(rules.map((name) => [String(name), null]));
  const found = new Map<string, Json | null>();
  for (const [name, rule] of Object.entries((rules ?? {}) as Record<string, unknown>)) {
    const filter = (rule as { filter?: Json } | null)?.filter;
    found.set(name, filter ?? null);
  }
  return found;
}
