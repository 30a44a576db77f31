/** What every command is handed: flags that all share, output, and the way to control. */
import type { ControlClient } from './client/index.ts';
import { findTarget, type TargetFlags } from './context/find.ts';
import type { ExitCode } from './errors.ts';
import type { Io } from './io.ts';
import { type OutputFormat, render, type View } from './output/emit.ts';
import { type Paint, paintFor } from './output/paint.ts';

/** Flags of every command. */
export interface GlobalFlags extends TargetFlags {
  readonly output: OutputFormat;
  /** Milliseconds that one command may take to hear from control. */
  readonly timeout: number;
  /** False with --no-color. */
  readonly color: boolean;
}

/** One run of a command. */
export interface Cli {
  readonly io: Io;
  readonly flags: GlobalFlags;
  readonly paint: Paint;
  /** Whether a program reads the result. */
  readonly isMachine: boolean;
  /** Writes a result to stdout. */
  emit(view: View): void;
  /** Writes a line for people to stderr. */
  note(text: string): void;
  /** The cluster that is meant; made at the first call, closed when the command ends. */
  control(): ControlClient;
}

/** What a command does. Throws CliError; other errors are bugs. */
export type Action<Options> = (
  cli: Cli,
  options: Options,
  args: readonly string[],
) => Promise<ExitCode>;

/** Makes commander's handler of an action. */
export type Runner = <Options>(action: Action<Options>) => (...given: unknown[]) => Promise<void>;

/** Makes it. `close` is to be called when the command ends. */
export function createCli(
  io: Io,
  flags: GlobalFlags,
  connect: (target: ReturnType<typeof findTarget>) => ControlClient,
): { readonly cli: Cli; close(): void } {
  const paint = paintFor(io, flags.color);
  let client: ControlClient | undefined;
  const cli: Cli = {
    io,
    flags,
    paint,
    isMachine: flags.output === 'json' || flags.output === 'yaml',
    emit: (view) => io.stdout.write(render(view, flags.output, { paint })),
    note: (text) => io.stderr.write(`${text}\n`),
    control: () => {
      client ??= connect(findTarget(flags, io));
      return client;
    },
  };
  return { cli, close: () => client?.close() };
}
