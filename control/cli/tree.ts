/** What completion and the reference page read from the commander tree. */
import type { Command, Option } from 'commander';

/** The subcommands of a command that help shows. */
export function subcommands(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

/** The flags a command has of its own, without --help; the root's may stand behind every command. */
export function ownOptions(command: Command): readonly Option[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help');
}

/** The subcommand that is meant where a group stands alone, for instance `nodes list` for `nodes`. */
export function defaultSubcommand(command: Command): Command | undefined {
  // Commander keeps it to itself.
  const { _defaultCommandName: name } = command as { _defaultCommandName?: string | null };
  return command.commands.find((child) => child.name() === name);
}
