/**
 * Acts that destroy or risk something are confirmed: by `-y`, or by somebody at a terminal. A script that
 * forgot `-y` is refused instead of being waited for.
 */
import { Option } from 'commander';
import type { Cli } from './cli.ts';
import { CliError, UsageError } from './errors.ts';

/** The flag `-y`. */
export function yesOption(): Option {
  return new Option('-y, --yes', 'do it without asking');
}

/** The flag `--dry-run`. */
export function dryRunOption(): Option {
  return new Option('--dry-run', 'show what would be done, and do nothing');
}

/**
 * Goes on only if it is wanted. `act` says what will happen, as a sentence without its end. With
 * `typed`, that text has to be typed instead of a `y`.
 */
export async function confirm(
  cli: Cli,
  act: string,
  options: { readonly yes?: boolean; readonly typed?: string },
): Promise<void> {
  if (options.yes === true) return;
  if (!cli.io.canAsk) throw new UsageError(`${act}: give -y to do it without being asked`);
  const { typed } = options;
  const question = typed === undefined ? 'Go on? [y/N] ' : `Type ${typed} to go on: `;
  const answer = (await cli.io.ask(`${act}.\n${question}`)).trim();
  const isWanted = typed === undefined ? /^y(es)?$/i.test(answer) : answer === typed;
  if (!isWanted) throw new CliError('nothing was done');
}
