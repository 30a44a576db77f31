/**
 * The Authorization header as a node reads it: split at the first space, the scheme is `Bearer` in this
 * spelling only. Source: crates/meilisearch/src/extractors/authentication/mod.rs.
 */
import { createHash } from 'node:crypto';
import { MiroirError } from '../../core/errors.ts';

const KEY_TEXT = /^[0-9a-fA-F]{64}$/;

/** The token of the header. Throws missing_authorization_header or invalid_api_key. */
export function bearerOf(header: string | undefined): string {
  if (header === undefined) throw missingHeader();
  const space = header.indexOf(' ');
  const scheme = space < 0 ? header : header.slice(0, space);
  if (scheme !== 'Bearer') throw missingHeader();
  if (space < 0) throw invalidKey();
  return header.slice(space + 1);
}

/** SHA-256 of the token, by which the key table is looked up. A key's hex digits count in any case. */
export function hashToken(token: string): string {
  const text = KEY_TEXT.test(token) ? token.toLowerCase() : token;
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** A node's answer to an unknown key, or one that lacks the action. */
export function invalidKey(message = 'The provided API key is invalid.'): MiroirError {
  return new MiroirError('invalid_api_key', message);
}

function missingHeader(): MiroirError {
  return new MiroirError(
    'missing_authorization_header',
    'The Authorization header is missing. It must use the bearer authorization method.',
  );
}
