/** Points in time for people: how long ago. Programs get the RFC 3339 text as it came. */
import { spanOf } from './words.ts';

/** `12s ago`; empty for an empty text, the text itself if it is no time. */
export function agoOf(time: string, nowMs: number): string {
  if (time === '') return '';
  const atMs = Date.parse(time);
  if (Number.isNaN(atMs)) return time;
  return nowMs < atMs ? 'now' : `${spanOf(nowMs - atMs)} ago`;
}

/** `1.2s` between two times; empty if one of them is missing. */
export function tookOf(from: string, to: string): string {
  const tookMs = Date.parse(to) - Date.parse(from);
  return Number.isNaN(tookMs) ? '' : spanOf(tookMs);
}

/** `2026-11-30 15:04:05` in UTC, for columns; the text itself if it is no time. */
export function clockOf(time: string): string {
  if (Number.isNaN(Date.parse(time))) return time;
  return time.slice(0, 19).replace('T', ' ');
}
