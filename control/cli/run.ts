/** One run of miroirctl: parses, does one thing, gives the exit code. Errors become one line on stderr. */
import { CommanderError } from 'commander';
import { type Action, createCli, type GlobalFlags, type Runner } from './cli.ts';
import { ControlClient } from './client/index.ts';
import { CliError, EXIT, type ExitCode } from './errors.ts';
import type { Io } from './io.ts';
import { buildProgram } from './program.ts';

/** Runs one command line; nothing it does throws. */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const run: Runner =
    <Options>(action: Action<Options>) =>
    async (...given: unknown[]) => {
      const command = given.at(-1) as ReturnType<typeof buildProgram>;
      const flags = command.optsWithGlobals<GlobalFlags>();
      const { cli, close } = createCli(
        io,
        flags,
        (target) => new ControlClient(target, io, flags.timeout),
      );
      try {
        code = await action(cli, command.opts() as Options, command.processedArgs as string[]);
      } finally {
        close();
      }
    };
  const program = buildProgram(run);
  silence(program, io);
  try {
    await program.parseAsync(['node', 'miroirctl', ...argv]);
    return code;
  } catch (error) {
    return codeOfError(error, io);
  }
}

/** Commander throws instead of ending the process, and says what is wrong in our way. */
function silence(command: ReturnType<typeof buildProgram>, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    outputError: (text) => io.stderr.write(`miroirctl: ${oneLine(text)}\n`),
  });
  for (const child of command.commands) silence(child, io);
}

function codeOfError(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    io.stderr.write(`miroirctl: ${error.message}\n`);
    return error.exitCode;
  }
  const { message, stack } = error as Error;
  const words = io.env['MIROIR_TEST_STACK'] ? stack : oneLine(message);
  io.stderr.write(`miroirctl: unexpected: ${words}\n`);
  return EXIT.failed;
}

function oneLine(text: string): string {
  return text
    .trim()
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
}
