/** `miroirctl context`: names for clusters, kept in a file of the user. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Runner } from '../cli.ts';
import {
  checkContextName,
  contextFilePath,
  type NamedContext,
  namedContext,
  readContextFile,
  writeContextFile,
} from '../context/context-file.ts';
import { parseAddresses } from '../context/find.ts';
import { EXIT, type ExitCode, UsageError } from '../errors.ts';
import { listView } from './list-view.ts';

/** Adds the commands. */
export function addContext(program: Command, run: Runner): void {
  const context = program
    .command('context')
    .summary('Names for clusters.')
    .description('Names for clusters, kept in ~/.config/miroir/contexts.yaml.');
  context
    .command('list', { isDefault: true })
    .description('Every name; the current one has a star.')
    .action(run(async (cli) => list(cli)));
  context
    .command('use <name>')
    .description('Make it the current one: used where nothing else names a cluster.')
    .action(run(async (cli, _flags, [name]) => use(cli, name ?? '')));
  context
    .command('set <name>')
    .description(
      'Write down a cluster from --control, --token-file, --ca, --cert and --key. The first one becomes the current one.',
    )
    .action(run(async (cli, _flags, [name]) => set(cli, name ?? '')));
  context
    .command('remove <name>')
    .description('Forget a name. The cluster is not touched.')
    .action(run(async (cli, _flags, [name]) => remove(cli, name ?? '')));
}

function list(cli: Cli): ExitCode {
  const { current, contexts } = readContextFile(contextFilePath(cli.io));
  cli.emit(
    listView({
      name: 'contexts',
      rows: Object.entries(contexts),
      columns: [
        { header: 'CURRENT', text: ([name]) => (name === current ? '*' : '') },
        { header: 'NAME', text: ([name]) => name },
        { header: 'CONTROL', text: ([, { control }]) => control.join(',') },
        {
          header: 'TLS',
          text: ([, { ca_file, cert_file }]) => (ca_file || cert_file ? 'yes' : 'no'),
        },
        { header: 'TOKEN-FILE', text: ([, { token_file }]) => token_file },
      ],
      data: ([name, context]) => ({ name, is_current: name === current, ...context }),
      none: 'no contexts: miroirctl context set NAME --control HOST:PORT',
    }),
  );
  return EXIT.ok;
}

function use(cli: Cli, name: string): ExitCode {
  const file = contextFilePath(cli.io);
  const content = readContextFile(file);
  namedContext(content, name, file);
  writeContextFile(file, { ...content, current: name });
  cli.emit({ data: { current: name }, text: () => `${name} is the current context\n` });
  return EXIT.ok;
}

function set(cli: Cli, name: string): ExitCode {
  checkContextName(name);
  const { control, tokenFile, ca, cert, key } = cli.flags;
  if (control === undefined)
    throw new UsageError('a context needs --control HOST:PORT[,HOST:PORT]');
  const path = (file: string): string => resolve(cli.io.cwd, file);
  const fresh: NamedContext = {
    control: parseAddresses(control, '--control'),
    ...(tokenFile === undefined ? {} : { token_file: path(tokenFile) }),
    ...(ca === undefined ? {} : { ca_file: path(ca) }),
    ...(cert === undefined ? {} : { cert_file: path(cert) }),
    ...(key === undefined ? {} : { key_file: path(key) }),
  };
  const file = contextFilePath(cli.io);
  const { current = name, contexts } = readContextFile(file);
  writeContextFile(file, { current, contexts: { ...contexts, [name]: fresh } });
  cli.emit({ data: { name, ...fresh }, text: () => `${name} is written to ${file}\n` });
  return EXIT.ok;
}

function remove(cli: Cli, name: string): ExitCode {
  const file = contextFilePath(cli.io);
  const { current, contexts } = readContextFile(file);
  namedContext({ contexts }, name, file);
  const { [name]: _gone, ...others } = contexts;
  const isKept = current !== undefined && current !== name;
  writeContextFile(file, { ...(isKept ? { current } : {}), contexts: others });
  cli.emit({ data: { removed: name }, text: () => `${name} is forgotten\n` });
  return EXIT.ok;
}
