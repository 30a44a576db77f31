/** Dates and durations as tasks show them: RFC 3339 and ISO 8601 with up to nine digits. Pure. */

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400n;
const DOT = 46;

/** RFC 3339 in UTC, digits after the second without trailing zeros. `ns` counts since 1970. */
export function formatTime(ns: bigint): string {
  const seconds = ns / NS_PER_SECOND;
  const fraction = ns % NS_PER_SECOND;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  if (fraction === 0n) return `${whole}Z`;
  return `${whole}.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}Z`;
}

/** Nanoseconds since 1970 of an RFC 3339 date; undefined if it is none. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(
    text,
  );
  if (match === null) return undefined;
  const seconds = Date.parse(`${match[1]}${match[3]}`.toUpperCase());
  if (Number.isNaN(seconds)) return undefined;
  return BigInt(seconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Milliseconds with fraction, for comparing; NaN for null. */
export function timeMs(text: string | null): number {
  if (text === null) return Number.NaN;
  // Ours and the nodes' dates are in UTC; a million of them are read at a start.
  if (text.charCodeAt(19) === DOT && text.endsWith('Z')) {
    const whole = Date.parse(`${text.slice(0, 19)}Z`);
    return whole + Number(`0${text.slice(19, -1)}`) * 1_000;
  }
  const ns = parseTime(text);
  return ns === undefined ? Number.NaN : Number(ns) / 1e6;
}

/** ISO 8601 duration as Meilisearch writes it: `P1DT2.5S`-like, seconds with 0, 3, 6 or 9 digits. */
export function formatDuration(ns: bigint): string | null {
  if (ns < 0n) return null;
  const allSeconds = ns / NS_PER_SECOND;
  const nanos = ns % NS_PER_SECOND;
  const days = allSeconds / SECONDS_PER_DAY;
  const seconds = allSeconds % SECONDS_PER_DAY;
  const day = days === 0n ? '' : `${days}D`;
  if (days !== 0n && seconds === 0n && nanos === 0n) return `P${day}`;
  return `P${day}T${seconds}${fractionText(nanos)}S`;
}

/** Duration between two dates; null unless both are there. */
export function durationBetween(
  startedAt: string | null,
  finishedAt: string | null,
): string | null {
  if (startedAt === null || finishedAt === null) return null;
  const start = parseTime(startedAt);
  const end = parseTime(finishedAt);
  return start === undefined || end === undefined ? null : formatDuration(end - start);
}

function fractionText(nanos: bigint): string {
  if (nanos === 0n) return '';
  if (nanos % 1_000_000n === 0n) return `.${(nanos / 1_000_000n).toString().padStart(3, '0')}`;
  if (nanos % 1_000n === 0n) return `.${(nanos / 1_000n).toString().padStart(6, '0')}`;
  return `.${nanos.toString().padStart(9, '0')}`;
}

/** The one time that no other is better than, as it was written; null if none can be read. */
export function extremeTime(
  times: readonly (string | null)[],
  isBetter: (a: bigint, b: bigint) => boolean,
): string | null {
  let best: { readonly text: string; readonly ns: bigint } | undefined;
  for (const text of times) {
    const ns = text === null ? undefined : parseTime(text);
    if (text === null || ns === undefined) continue;
    if (best === undefined || isBetter(ns, best.ns)) best = { text, ns };
  }
  return best?.text ?? null;
}
