/**
 * Bounds that are made for large documents and long runs, made small, so that a world of eight documents and
 * one minute meets them as well: pages of two documents, read twice at most, a marker every few seconds.
 */
import type { Patch } from '../kit/patch-hook.ts';

/** Changes to compiled files. */
export const SMALL_BOUNDS: readonly Patch[] = [
  {
    file: 'control/recovery/pages.js',
    find: 'const PAGE = 1_000;',
    replace: 'const PAGE = 2;',
  },
  {
    file: 'control/recovery/pages.js',
    find: 'const READINGS_MAX = 3;',
    replace: 'const READINGS_MAX = 2;',
  },
  {
    file: 'control/recovery/markers.js',
    find: 'const PERIOD_MS = 600_000;',
    replace: 'const PERIOD_MS = 5_000;',
  },
  {
    file: 'control/replication/core/log.js',
    find: 'const CACHE_ENTRIES = 4_096;',
    replace: 'const CACHE_ENTRIES = 40;',
  },
];
