/** Pages of lists: a token is the key of the last entry that was shown. Pure. */
import type { PageInfo, PageRequest } from '../../../proto/gen/miroir/admin/v1/common.ts';
import { invalidRequest } from './errors.ts';

const SIZE_DEFAULT = 100;
const SIZE_MAX = 1_000;

/**
 * Cuts a page out of entries that have keys of their own. `isSorted`: they ascend by their keys, so that a
 * page begins at the right place even if the entry that was shown last is gone.
 */
export function cutPage<Entry>(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => string,
  page: PageRequest | undefined,
  isSorted = false,
): { readonly entries: Entry[]; readonly page: PageInfo } {
  const size = pageSize(page);
  const after = decodeToken(page?.token ?? '');
  let start = 0;
  if (after !== undefined) {
    const at = isSorted
      ? entries.findLastIndex((entry) => keyOf(entry) <= after)
      : entries.findIndex((entry) => keyOf(entry) === after);
    if (at < 0 && !isSorted)
      throw invalidRequest('page.token: its place in the list is gone; begin anew.');
    start = at + 1;
  }
  const shown = entries.slice(start, start + size);
  const last = shown.at(-1);
  const hasMore = start + size < entries.length && last !== undefined;
  const nextToken = hasMore ? encodeToken(keyOf(last)) : '';
  return { entries: shown, page: { nextToken, total: BigInt(entries.length) } };
}

/** Entries of a page. */
export function pageSize(page: PageRequest | undefined): number {
  const size = page?.size ?? 0;
  return size === 0 ? SIZE_DEFAULT : Math.min(size, SIZE_MAX);
}

/** A key as a token. */
export function encodeToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** The key of a token; undefined for the first page. */
export function decodeToken(token: string): string | undefined {
  return token === '' ? undefined : Buffer.from(token, 'base64url').toString('utf8');
}
