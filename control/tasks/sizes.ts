/** Sizes as compactions tell them (`1.2 MiB`), added up over nodes. Pure. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** The sum of such sizes; undefined if one of them is not understood or there is none. */
export function addSizes(sizes: readonly unknown[]): string | undefined {
  let bytes = 0;
  for (const size of sizes) {
    const match = typeof size === 'string' ? /^([0-9.]+) ([A-Za-z]+)$/.exec(size) : null;
    const unit = UNITS.indexOf((match?.[2] ?? '') as (typeof UNITS)[number]);
    if (match === null || unit < 0) return undefined;
    bytes += Number(match[1]) * 1024 ** unit;
  }
  return sizes.length === 0 ? undefined : formatSize(bytes);
}

/** In the largest unit that leaves at least 1, with at most two digits after the point. */
function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(2))} ${UNITS[unit]}`;
}
