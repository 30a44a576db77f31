/**
 * Sizes as people write them: `100MB` is decimal and `64MiB` binary, as in Meilisearch's own options.
 */

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** The same rule as parseSize, for the JSON Schema. */
export const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)? ?([kKmMgGtT][iI]?)?[bB]?$';

/** Whole bytes of a size text such as `100MB`, `1.5 GiB` or `4096`; undefined if it is not one. */
export function parseSize(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  const factor = FACTORS[unit] ?? FACTORS[`${unit}b`];
  if (factor === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
