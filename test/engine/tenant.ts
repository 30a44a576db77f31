/** Tenant tokens: JWTs signed with the value of a key; they may only search, within their rules. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { EngineError } from './errors.ts';
import type { Json } from './value.ts';

/** What a valid token says. */
export interface Tenant {
  readonly keyUid: string;
  /** Index pattern to the filter that is added to its searches. */
  readonly rules: ReadonlyMap<string, Json | null>;
}

const HASHES: Readonly<Record<string, string>> = {
  HS256: 'sha256',
  HS384: 'sha384',
  HS512: 'sha512',
};
const ALGORITHMS = 'HS256 HS384 HS512 ES256 ES384 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA'.split(
  ' ',
);

const refused = (message: string) => new EngineError('invalid_api_key', message);
const undecodable = (reason: string) =>
  refused(`Could not decode tenant token, JSON error: ${reason}.`);

/**
 * Reads a token; undefined if it is none at all. Throws if it is one and is not valid.
 * `valueOfKey` gives the value that a key with a uid has or would have.
 */
export function readTenant(
  token: string,
  valueOfKey: (uid: string) => string | undefined,
): Tenant | undefined {
  const parts = token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3) return undefined;
  const header = parse(head) as { readonly alg?: unknown } | undefined;
  const text = Buffer.from(body, 'base64url').toString();
  const claims = parse(body);
  if (header === undefined || claims === undefined || claims === null) return undefined;
  const algorithm = String(header.alg);
  if (!ALGORITHMS.includes(algorithm)) {
    const known = ALGORITHMS.map((name) => `\`${name}\``).join(', ');
    throw undecodable(
      `unknown variant \`${algorithm}\`, expected one of ${known} at line 1 column ${8 + algorithm.length + 1}`,
    );
  }
  const read = readClaims(claims as Record<string, unknown>, text);
  const value = valueOfKey(read.keyUid);
  if (value === undefined) return undefined;
  checkSignature(algorithm, value, { signed: `${head}.${body}`, signature });
  const nowSeconds = Math.floor(Date.now() / 1000);
  if (read.exp !== undefined && nowSeconds > read.exp) {
    throw refused(
      `Tenant token expired. Was valid up to \`${read.exp}\` and we're now \`${nowSeconds}\`.`,
    );
  }
  return read;
}

function checkSignature(
  algorithm: string,
  key: string,
  token: { readonly signed: string; readonly signature: string },
): void {
  const hash = HASHES[algorithm];
  if (hash === undefined) throw refused('Could not decode tenant token, InvalidAlgorithm.');
  const expected = createHmac(hash, key).update(token.signed).digest();
  const given = Buffer.from(token.signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw refused('Could not decode tenant token, InvalidSignature.');
  }
}

function parse(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

function readClaims(
  claims: Record<string, unknown>,
  text: string,
): Tenant & { readonly exp: number | undefined } {
  let rules: Map<string, Json | null> | undefined;
  let keyUid: string | undefined;
  let exp: number | undefined;
  for (const [name, value] of Object.entries(claims)) {
    const place = `at line 1 column ${endOf(text, name, value)}`;
    if (name === 'searchRules') {
      rules = readRules(value);
      if (rules === undefined) {
        throw undecodable(`data did not match any variant of untagged enum SearchRules ${place}`);
      }
    } else if (name === 'apiKeyUid') {
      keyUid = String(value).toLowerCase();
      const bad = keyUid.search(/[^0-9a-f-]/);
      if (bad >= 0) {
        throw undecodable(
          `UUID parsing failed: invalid character: found \`${keyUid[bad]}\` at ${bad} ${place}`,
        );
      }
    } else if (name === 'exp' && value !== null) {
      if (typeof value !== 'number') {
        throw undecodable(
          `invalid type: ${typeof value} ${JSON.stringify(value)}, expected i64 ${place}`,
        );
      }
      exp = value;
    }
  }
  const end = `at line 1 column ${text.length}`;
  if (rules === undefined) throw undecodable(`missing field \`searchRules\` ${end}`);
  if (keyUid === undefined) throw undecodable(`missing field \`apiKeyUid\` ${end}`);
  return { rules, keyUid, exp };
}

/** Where the value of a member ends in compact JSON. */
function endOf(text: string, name: string, value: unknown): number {
  const at = text.indexOf(`"${name}":`);
  return at + name.length + 3 + JSON.stringify(value).length;
}

function readRules(given: unknown): Map<string, Json | null> | undefined {
  if (Array.isArray(given)) return new Map(given.map((name) => [String(name), null]));
  if (typeof given !== 'object' || given === null) return undefined;
  const rules = new Map<string, Json | null>();
  for (const [name, rule] of Object.entries(given)) {
    if (rule !== null && typeof rule !== 'object') return undefined;
    rules.set(name, (rule as { filter?: Json } | null)?.filter ?? null);
  }
  return rules;
}
