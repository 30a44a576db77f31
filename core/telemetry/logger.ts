/**
 * Logs: one JSON object per line on stderr (stdout is left to the line that says a program is ready).
 */
import {
  type DestinationStream,
  destination,
  type Logger as PinoLogger,
  pino,
  stdTimeFunctions,
} from 'pino';
import { redactFields, redactLine } from './redact.ts';

/** The logger every part gets handed; `child` adds fields. */
export type Logger = PinoLogger;

/** What a logger may be given besides name and level. */
interface LoggerOptions {
  /** Texts that must never appear in a line, for instance the master key. */
  readonly secrets?: readonly string[];
  /** Where lines go; default stderr, written at once so that nothing is lost when the process dies. */
  readonly stream?: DestinationStream;
}

/**
 * Makes a logger. `level` is one of trace, debug, info, warn, error, fatal, silent. Authorization and
 * key fields, bearer tokens and the given secrets are replaced in every line of every level.
 */
export function createLogger(name: string, level: string, options: LoggerOptions = {}): Logger {
  const secrets = options.secrets ?? [];
  return pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: redactFields,
      },
      hooks: { streamWrite: (line) => redactLine(line, secrets) },
    },
    options.stream ?? destination({ dest: 2, sync: true }),
  );
}
