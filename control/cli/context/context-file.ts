/**
 * Named clusters in `~/.config/miroir/contexts.yaml`:
 *
 *   current: prod
 *   contexts:
 *     prod: { control: [10.0.0.1:7701, 10.0.0.2:7701], token_file: /etc/miroir/token, ca_file: … }
 *
 * Secrets are not in it, only the names of the files that hold them.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { CliError, UsageError } from '../errors.ts';
import type { Io } from '../io.ts';

/** One cluster. */
export interface NamedContext {
  readonly control: readonly string[];
  readonly token_file?: string;
  readonly ca_file?: string;
  readonly cert_file?: string;
  readonly key_file?: string;
}

/** The file's content. */
export interface ContextFile {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, NamedContext>>;
}

const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const TEXT_KEYS = ['token_file', 'ca_file', 'cert_file', 'key_file'] as const;

/** Where the file is: in XDG_CONFIG_HOME, else in `.config` of the home folder. */
export function contextFilePath(io: Pick<Io, 'env' | 'home'>): string {
  const root = io.env['XDG_CONFIG_HOME'] || join(io.home, '.config');
  return join(root, 'miroir', 'contexts.yaml');
}

/** Reads it; no file is one without contexts. Throws CliError if it is not such a file. */
export function readContextFile(file: string): ContextFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { contexts: {} };
    throw new CliError(`${file}: cannot be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    throw new CliError(`${file}: not YAML: ${(error as Error).message}`);
  }
  return checked(value, file);
}

/** Writes it whole, readable by the user alone. */
export function writeContextFile(file: string, content: ContextFile): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, stringify(content), { mode: 0o600 });
  renameSync(fresh, file);
}

/** A context by its name. Throws UsageError that lists the names there are. */
export function namedContext(content: ContextFile, name: string, file: string): NamedContext {
  const found = Object.hasOwn(content.contexts, name) ? content.contexts[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(content.contexts);
  const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  throw new UsageError(`no context \`${name}\` in ${file}; ${known}`);
}

/** Throws UsageError if a context cannot be called so. */
export function checkContextName(name: string): void {
  if (CONTEXT_NAME.test(name)) return;
  throw new UsageError(
    `\`${name}\` cannot name a context: 1 to 63 letters, digits, dots, dashes, underscores`,
  );
}

function checked(value: unknown, file: string): ContextFile {
  const wrong = (what: string) => new CliError(`${file}: ${what}`);
  if (!isMap(value)) throw wrong('must be a map with `current` and `contexts`');
  const { current, contexts = {} } = value;
  if (current !== undefined && typeof current !== 'string') throw wrong('current: not a text');
  if (!isMap(contexts)) throw wrong('contexts: must be a map of names');
  for (const [name, context] of Object.entries(contexts)) {
    if (!isMap(context)) throw wrong(`contexts.${name}: must be a map`);
    const { control } = context;
    const isList = Array.isArray(control) && control.length > 0;
    if (!isList || !control.every((address) => typeof address === 'string'))
      throw wrong(`contexts.${name}.control: must be a list of HOST:PORT`);
    const badKey = TEXT_KEYS.find((key) => !['undefined', 'string'].includes(typeof context[key]));
    if (badKey !== undefined) throw wrong(`contexts.${name}.${badKey}: must be a text`);
  }
  return {
    ...(current === undefined ? {} : { current }),
    contexts: contexts as ContextFile['contexts'],
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
