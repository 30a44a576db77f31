/**
 * Judges a request by its headers alone, before a byte of its body is kept. The order of the questions
 * and their texts are a node's: header, master key, (tenant token), key, index, action, expiry.
 *
 * An API key is known by its hash in the pushed key table; one that is not there makes control read the
 * nodes' keys again, once for all who wait. A tenant token is signed with the text of a key, and no
 * sidecar holds that: its form is looked at here and the node that answers the search judges it, with
 * the token as the client sent it.
 */
import { timingSafeEqual } from 'node:crypto';
import type { ClusterView, KeyEntry } from '../../core/topology.ts';
import { type Access, fullAccess, keyAccess, matchesAny, tenantAccess } from './access.ts';
import { type Action, holdsAction, INDEX_CHECKED_BY_ROUTE } from './actions.ts';
import { bearerOf, hashToken, invalidKey } from './bearer.ts';

/** What is asked for. */
export interface Claim {
  readonly authorization: string | undefined;
  readonly action: Action;
  /** Uid in the path, as decoded and possibly no valid uid; undefined if the path names none. */
  readonly indexUid: string | undefined;
}

/** Where the judge finds keys and the time. */
export interface JudgeSources {
  readonly view: ClusterView;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Makes control read the nodes' keys again; resolves with the view after that. */
  readonly refreshKeys: () => Promise<ClusterView>;
}

/** Only these accept tenant tokens. */
const TENANT_ACTIONS: ReadonlySet<Action> = new Set<Action>(['search', 'chatCompletions']);

/** Returns what the caller may do. Throws missing_authorization_header or invalid_api_key. */
export async function judge(claim: Claim, sources: JudgeSources): Promise<Access> {
  const token = bearerOf(claim.authorization);
  const hashHex = hashToken(token);
  if (isMasterKey(sources.view, hashHex)) return fullAccess(token);
  const known = sources.view.keys.get(hashHex);
  if (known === undefined && TENANT_ACTIONS.has(claim.action) && looksLikeTenantToken(token)) {
    return tenantAccess(token);
  }
  const key = known ?? (await sources.refreshKeys()).keys.get(hashHex);
  if (key === undefined) throw invalidKey();
  return judgeKey({ claim, token, key, nowMs: sources.nowMs });
}

/** Whether the token is the admin's of `/_miroir/`; compares hashes in constant time. */
export function isSameSecret(token: string, secret: string): boolean {
  return equalHex(hashToken(token), hashToken(secret));
}

function isMasterKey(view: ClusterView, hashHex: string): boolean {
  return (
    view.masterKeyHashHex.length === hashHex.length && equalHex(view.masterKeyHashHex, hashHex)
  );
}

function equalHex(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));
}

/** Header, claims and signature in base64url: anything else is taken for an API key, as by a node. */
function looksLikeTenantToken(token: string): boolean {
  return token.split('.').length === 3;
}

function judgeKey(input: { claim: Claim; token: string; key: KeyEntry; nowMs: number }): Access {
  const { claim, key } = input;
  const isLimited = !key.indexes.includes('*');
  if (claim.indexUid !== undefined && isLimited && !matchesAny(key.indexes, claim.indexUid)) {
    const allowed = JSON.stringify([...key.indexes].sort());
    throw invalidKey(
      `The API key cannot acces the index \`${claim.indexUid}\`, authorized indexes are ${spaced(allowed)}.`,
    );
  }
  const namesIndexOrMayNot =
    !isLimited || claim.indexUid !== undefined || INDEX_CHECKED_BY_ROUTE.has(claim.action);
  const isExpired = key.expiresAt !== null && input.nowMs >= Date.parse(key.expiresAt);
  if (!namesIndexOrMayNot || isExpired || !holdsAction(key.actions, claim.action)) {
    throw invalidKey();
  }
  return keyAccess(input.token, key);
}

/** A list as a node prints it: a space after each comma. Patterns hold no comma. */
function spaced(json: string): string {
  return json.replaceAll('","', '", "');
}
