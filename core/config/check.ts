/**
 * Checks the text of a configuration as a start would, and finds all problems and not only the first: what is
 * wrong is taken out and the rest looked at again. Also tells in which options two configurations differ.
 */
import { ConfigError } from './error.ts';
import { type ConfigSources, loadConfig } from './load.ts';
import type { MiroirConfig } from './schema.ts';
import { type ConfigFile, parseConfigText } from './yaml-file.ts';

const PROBLEMS_MAX = 50;
const NAME = 'config';

type Plain = Record<string, unknown>;

/** One problem. */
export interface ConfigProblem {
  /** Dotted path; empty for the text as a whole. */
  readonly path: string;
  readonly message: string;
  /** What was probably meant; empty if nothing is near. */
  readonly suggestion: string;
  /** From 1; 0 if it is not known. */
  readonly line: number;
}

/** An option in which two configurations differ. Values are JSON; empty if it is not set there. */
export interface ConfigDifference {
  readonly path: string;
  readonly current: string;
  readonly next: string;
}

/** The problems of a text, and the configuration it comes to if it has none. */
export function checkConfigText(
  text: string,
  sources: Pick<ConfigSources, 'machine'> = {},
): { readonly problems: readonly ConfigProblem[]; readonly config: MiroirConfig | undefined } {
  const problems: ConfigProblem[] = [];
  let file: ConfigFile;
  try {
    file = parseConfigText(text, NAME);
  } catch (error) {
    return { problems: [toProblem(asConfigError(error))], config: undefined };
  }
  const value = structuredClone(file.value) as Plain;
  while (problems.length < PROBLEMS_MAX) {
    const loaded = tryLoad({ value, position: file.position }, sources);
    if (!(loaded instanceof ConfigError)) {
      return { problems, config: problems.length === 0 ? loaded : undefined };
    }
    problems.push(toProblem(loaded));
    // What comes from a default cannot be taken out: what follows would be told of the same mistake.
    if (!remove(value, loaded.path.split('.'))) break;
  }
  return { problems, config: undefined };
}

/** Options in which two configurations differ, by path. */
export function configDifferences(current: MiroirConfig, next: MiroirConfig): ConfigDifference[] {
  const before = flattenConfig(current);
  const after = flattenConfig(next);
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const of = { path, current: before.get(path) ?? '', next: after.get(path) ?? '' };
    return of.current === of.next ? [] : [of];
  });
}

/** Every value of a configuration by its dotted path, as JSON. Empty lists are values. */
export function flattenConfig(config: MiroirConfig): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    const isSection = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!isSection) {
      found.set(path, JSON.stringify(value));
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      walk(child, path === '' ? key : `${path}.${key}`);
    }
  };
  walk(config, '');
  return found;
}

function tryLoad(
  parsed: ConfigFile,
  sources: Pick<ConfigSources, 'machine'>,
): MiroirConfig | ConfigError {
  try {
    return loadConfig({ ...sources, parsed });
  } catch (error) {
    return asConfigError(error);
  }
}

function asConfigError(error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  throw error;
}

function toProblem({ path, problem, source }: ConfigError): ConfigProblem {
  return {
    path,
    message: problem,
    suggestion: /did you mean `([^`]+)`/.exec(problem)?.[1] ?? '',
    line: Number(/:([0-9]+):[0-9]+$/.exec(source)?.[1] ?? 0),
  };
}

/** Takes an option out; false if it is not there. */
function remove(value: Plain, keys: readonly string[]): boolean {
  let section: unknown = value;
  for (const key of keys.slice(0, -1)) {
    if (typeof section !== 'object' || section === null) return false;
    section = (section as Plain)[key];
  }
  const last = keys.at(-1) ?? '';
  if (typeof section !== 'object' || section === null || !Object.hasOwn(section, last))
    return false;
  if (Array.isArray(section)) section.splice(Number(last), 1);
  else delete (section as Plain)[last];
  return true;
}
