/** Lists that come in pages, read to their end or to a limit. */
import { InvalidArgumentError, Option } from 'commander';
import type { PageInfo, PageRequest } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type { Cli } from '../cli.ts';

const PAGE_ENTRIES_MAX = 1_000;
const LIMIT_MAX = 100_000;

/** The flag `--limit`. */
export function limitOption(defaultCount: number): Option {
  return new Option('--limit <count>', 'show at most so many')
    .default(defaultCount)
    .argParser(wholeNumber(1, LIMIT_MAX));
}

/** Parses a whole number within bounds. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It is a whole number from ${minimum} to ${maximum}.`);
  };
}

/** Parses a whole number that may be as large as the API's numbers. */
export function wholeBigint(text: string): bigint {
  if (/^[0-9]{1,19}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError('It is a whole number.');
}

/** What was read. */
export interface Pages<Entry> {
  readonly entries: readonly Entry[];
  /** Entries there are in all. */
  readonly total: bigint;
}

/** Reads pages until there are `limit` entries or no more. */
export async function readPages<Entry>(
  limit: number,
  read: (
    page: PageRequest,
  ) => Promise<{ readonly entries: Entry[]; readonly page: PageInfo | undefined }>,
): Promise<Pages<Entry>> {
  const entries: Entry[] = [];
  let token = '';
  for (;;) {
    const size = Math.min(PAGE_ENTRIES_MAX, limit - entries.length);
    const answer = await read({ size, token });
    entries.push(...answer.entries.slice(0, size));
    token = answer.page?.nextToken ?? '';
    const isOver = token === '' || answer.entries.length === 0 || entries.length >= limit;
    if (isOver) return { entries, total: answer.page?.total ?? BigInt(entries.length) };
  }
}

/** Says on stderr that a list is not the whole one. */
export function noteLeftOut(cli: Cli, shown: number, total: bigint): void {
  if (BigInt(shown) >= total) return;
  cli.note(`${BigInt(total) - BigInt(shown)} more; --limit shows them`);
}
