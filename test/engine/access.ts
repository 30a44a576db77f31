/** Who may do what: master key, API keys, tenant tokens. Indexes are judged before actions. */
import type { Engine } from './engine.ts';
import { EngineError } from './errors.ts';
import { type ApiKey, isGlobalAction } from './keys.ts';
import { readTenant, type Tenant } from './tenant.ts';
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

const refused = (message: string) => new EngineError('invalid_api_key', message);
const invalidKey = () => refused('The provided API key is invalid.');

const EVERYTHING: Access = {
  sees: () => true,
  seesAll: true,
  mayCreateIndexes: true,
  filterFor: () => undefined,
  refuse: invalidKey,
};

/** What a request asks for. */
export interface Claim {
  /** Undefined: open to all. */
  readonly action: string | undefined;
  /** Authorization header. */
  readonly header: string | undefined;
  /** The index named by the path. */
  readonly indexUid: string | undefined;
}

/** Judges a request. Throws EngineError if it may not be done. */
export function authorize(engine: Engine, claim: Claim): Access {
  const { action } = claim;
  if (action === undefined) return EVERYTHING;
  if (engine.masterKey === undefined) {
    if (!action.startsWith('keys.')) return EVERYTHING;
    throw new EngineError(
      'missing_master_key',
      'Meilisearch is running without a master key. To access this API endpoint, you must have set a master key at launch.',
    );
  }
  const token = readHeader(claim.header);
  if (token === engine.masterKey) return EVERYTHING;
  const isSearch = action === 'search' || action === 'chatCompletions';
  const tenant = isSearch ? readTenant(token, (uid) => engine.keys.byUid(uid)?.key) : undefined;
  const key = tenant === undefined ? engine.keys.byValue(token) : engine.keys.byUid(tenant.keyUid);
  if (key === undefined) throw invalidKey();
  const access = accessOf(key, tenant);
  const uid = claim.indexUid;
  if (uid !== undefined && !access.sees(uid)) throw access.refuse(uid);
  const isScoped = !key.indexes.includes('*');
  if (!holds(key, action) || isExpired(key) || (isScoped && isGlobalAction(action))) {
    throw invalidKey();
  }
  return access;
}

function readHeader(header: string | undefined): string {
  const space = header?.indexOf(' ') ?? -1;
  const scheme = space < 0 ? header : header?.slice(0, space);
  if (header === undefined || scheme !== 'Bearer') {
    throw new EngineError(
      'missing_authorization_header',
      'The Authorization header is missing. It must use the bearer authorization method.',
    );
  }
  if (space < 0) throw invalidKey();
  return header.slice(space + 1);
}

function accessOf(key: ApiKey, tenant: Tenant | undefined): Access {
  const keySees = (uid: string) => key.indexes.some((pattern) => matchesUid(pattern, uid));
  const quoteAll = (names: readonly string[]) =>
    [...names]
      .sort()
      .map((name) => `"${name}"`)
      .join(', ');
  if (tenant === undefined) {
    return {
      sees: keySees,
      seesAll: key.indexes.includes('*'),
      mayCreateIndexes: holds(key, 'indexes.create'),
      filterFor: () => undefined,
      refuse: (uid) =>
        refused(
          `The API key cannot acces the index \`${uid}\`, authorized indexes are [${quoteAll(key.indexes)}].`,
        ),
    };
  }
  const ruleFor = (uid: string) => bestRule([...tenant.rules.keys()], uid);
  return {
    sees: (uid) => ruleFor(uid) !== undefined && keySees(uid),
    seesAll: false,
    mayCreateIndexes: false,
    filterFor: (uid) => tenant.rules.get(ruleFor(uid) ?? '') ?? undefined,
    refuse: (uid) =>
      ruleFor(uid) === undefined
        ? refused(
            `The provided tenant token cannot acces the index \`${uid}\`, allowed indexes are [${quoteAll([...tenant.rules.keys()])}].`,
          )
        : refused(
            `The API key used to generate this tenant token cannot acces the index \`${uid}\`.`,
          ),
  };
}

/** The most specific pattern: the name itself, then the longest. */
function bestRule(patterns: readonly string[], uid: string): string | undefined {
  return patterns
    .filter((pattern) => matchesUid(pattern, uid))
    .sort((a, b) => Number(b === uid) - Number(a === uid) || b.length - a.length)[0];
}

function isExpired(key: ApiKey): boolean {
  return key.expiresAt !== null && Date.now() > Date.parse(key.expiresAt);
}

/** Reads that `*.get` opens besides actions ending so. */
const MORE_READS = new Set(['search', 'export', 'version', 'fields.post']);

function holds(key: ApiKey, action: string): boolean {
  if (key.actions.includes('*') || key.actions.includes(action)) return true;
  const [family] = action.split('.');
  if (action !== 'documents.*' && key.actions.includes(`${family}.*`)) return true;
  const isRead = MORE_READS.has(action) || (action.endsWith('.get') && action !== 'keys.get');
  return isRead && key.actions.includes('*.get');
}

function matchesUid(pattern: string, uid: string): boolean {
  return pattern.endsWith('*') ? uid.startsWith(pattern.slice(0, -1)) : pattern === uid;
}
