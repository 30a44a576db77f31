/** Colours, where a terminal shows them and nobody asked for none. */
import { createColors } from 'picocolors';
import type { Io } from '../io.ts';

/** Colours by what they mean. Without colours each gives its text back. */
export interface Paint {
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

/** NO_COLOR and --no-color turn colours off, FORCE_COLOR on; otherwise a terminal decides. */
export function paintFor(io: Pick<Io, 'stdout' | 'env'>, isWanted: boolean): Paint {
  const { NO_COLOR: none, FORCE_COLOR: force, TERM: terminal } = io.env;
  const isForced = force !== undefined && force !== '' && force !== '0';
  const isShown = isForced || (io.stdout.isTty && terminal !== 'dumb');
  const colors = createColors(isWanted && isShown && !none);
  return {
    good: colors.green,
    warn: colors.yellow,
    bad: colors.red,
    faint: colors.dim,
    strong: colors.bold,
  };
}
