/**
 * How a command ends. Scripts rely on the codes; people read one line on stderr, never a stack:
 *
 *   0 ok   1 failed   2 the command line is wrong   3 it worked, and the cluster is not green
 */

/** Exit codes of the program. */
export const EXIT = { ok: 0, failed: 1, usage: 2, degraded: 3 } as const;
/** One of them. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An end with a reason. `message` is one line, fit to be printed as it is; it never holds a secret. */
export class CliError extends Error {
  override name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** The command line cannot be carried out as it stands. */
export class UsageError extends CliError {
  override name = 'UsageError';

  constructor(message: string) {
    super(message, { exitCode: EXIT.usage });
  }
}
