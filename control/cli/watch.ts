/**
 * `--watch`: a view again and again until Ctrl-C. A terminal shows the newest in one place; a pipe gets a
 * line of JSON, a YAML document or a table each time something changed.
 */
import { InvalidArgumentError, Option } from 'commander';
import type { Cli } from './cli.ts';
import { CliError, type ExitCode } from './errors.ts';
import { render, type View } from './output/emit.ts';

const INTERVAL_DEFAULT_S = 2;
const INTERVAL_MIN_S = 0.2;
const INTERVAL_MAX_S = 3600;
const CLEAR = '\u001b[H\u001b[2J\u001b[3J';

/** The flags `--watch` and `--interval`. */
export function watchOptions(): Option[] {
  return [
    new Option('-w, --watch', 'show it again and again until Ctrl-C'),
    new Option('--interval <seconds>', 'pause between two looks of --watch')
      .default(INTERVAL_DEFAULT_S)
      .argParser((text) => {
        const seconds = Number(text);
        if (seconds >= INTERVAL_MIN_S && seconds <= INTERVAL_MAX_S) return seconds;
        throw new InvalidArgumentError(`It is ${INTERVAL_MIN_S} to ${INTERVAL_MAX_S} seconds.`);
      }),
  ];
}

/** What the flags become. */
export interface WatchFlags {
  readonly watch?: boolean;
  /** Seconds. */
  readonly interval: number;
}

/** A view and the code to end with. */
export interface Look {
  readonly view: View;
  readonly code: ExitCode;
}

/**
 * Shows one look, or with `--watch` looks until Ctrl-C; the code is the last look's. While watching, a
 * look that fails is told on stderr and tried again.
 */
export async function showOrWatch(
  cli: Cli,
  { watch, interval }: WatchFlags,
  look: () => Promise<Look>,
): Promise<ExitCode> {
  let last = await look();
  if (watch !== true) {
    cli.emit(last.view);
    return last.code;
  }
  const { io, flags, paint } = cli;
  const isScreen = io.stdout.isTty && !cli.isMachine;
  let shown = '';
  for (;;) {
    const text = render(last.view, flags.output, { paint, isLine: true });
    if (text !== shown) io.stdout.write(isScreen ? CLEAR + text : text);
    shown = text;
    await io.sleep(interval * 1000);
    if (io.signal.aborted) return last.code;
    const next = await look().catch((error: unknown) => {
      if (!(error instanceof CliError) || io.signal.aborted) return undefined;
      cli.note(`miroirctl: ${error.message}`);
      return undefined;
    });
    if (io.signal.aborted) return last.code;
    last = next ?? last;
  }
}
