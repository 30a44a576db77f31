/** Figures in words: counts, sizes, spans of time. Machine output never goes through here. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const STEP = 1024;

/** `1 node`, `3 nodes`. */
export function countOf(count: number | bigint, singular: string, plural = `${singular}s`): string {
  return `${grouped(count)} ${Number(count) === 1 ? singular : plural}`;
}

/** `1,234,567`. */
export function grouped(count: number | bigint): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `512 B`, `1.5 GiB`. */
export function sizeOf(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `0.4s`, `12s`, `3m20s`, `5h`, `2d3h`: two units at most. */
export function spanOf(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('');
}

/** `12%`; never 100 before it is done, never 0 once something is. */
export function percentOf(done: number | bigint, total: number | bigint): string {
  if (Number(total) <= 0) return '-';
  const share = Math.floor((Number(done) * 100) / Number(total));
  return `${Number(done) > 0 ? Math.max(1, Math.min(100, share)) : 0}%`;
}
