/** Which hits a request wants: offset and limit, or page and hitsPerPage (contract 4.1). */
import type { JsonObject } from './types.ts';

const LIMIT_DEFAULT = 20;
const HITS_TOTAL_MAX_DEFAULT = 1000;

/** The asked window. */
export interface SearchWindow {
  /** Page mode: totals are exhaustive and the answer counts pages. */
  readonly isPaged: boolean;
  /** As echoed in the answer; in page mode `limit` is hitsPerPage and `offset` unused. */
  readonly offset: number;
  readonly limit: number;
  readonly page: number;
  /** First and one past the last place wanted, within pagination.maxTotalHits. */
  readonly start: number;
  readonly end: number;
}

/** Reads the window of a body; undefined if a value is of a wrong type, which a node will refuse. */
export function readWindow(body: JsonObject, hitsTotalMax: number): SearchWindow | undefined {
  const offset = readCount(body['offset'], 0);
  const limit = readCount(body['limit'], LIMIT_DEFAULT);
  const isPaged = isGiven(body['page']) || isGiven(body['hitsPerPage']);
  const page = readCount(body['page'] ?? undefined, 1);
  const hitsPerPage = readCount(body['hitsPerPage'] ?? undefined, LIMIT_DEFAULT);
  if (offset === undefined || limit === undefined) return undefined;
  if (page === undefined || hitsPerPage === undefined) return undefined;
  if (!isPaged) {
    const end = Math.min(offset + limit, hitsTotalMax);
    return { isPaged, offset, limit, page, start: Math.min(offset, end), end };
  }
  const start = page === 0 ? 0 : (page - 1) * hitsPerPage;
  const end = page === 0 ? 0 : Math.min(start + hitsPerPage, hitsTotalMax);
  return { isPaged, offset, limit: hitsPerPage, page, start: Math.min(start, end), end };
}

/** pagination.maxTotalHits of the user's settings. */
export function readHitsTotalMax(settings: JsonObject): number {
  const pagination = settings['pagination'] as JsonObject | null | undefined;
  const most = pagination?.['maxTotalHits'];
  return typeof most === 'number' ? most : HITS_TOTAL_MAX_DEFAULT;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function readCount(value: unknown, byDefault: number): number | undefined {
  if (value === undefined) return byDefault;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
