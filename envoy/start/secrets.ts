/** The master key and the admin token of a start: given from outside, else made once and kept. */
import {
  ConfigError,
  type MiroirConfig,
  readSecret,
  type SecretName,
} from '../../core/config/index.ts';
import type { Environment } from './command.ts';
import { type DataFolder, keptSecret } from './data-folder.ts';
import { StartError } from './error.ts';

/** A secret and the file in which the starter keeps it; null if it came from outside. */
export interface Secret {
  readonly text: string;
  readonly file: string | null;
}

/**
 * Reads the secret as the configuration says; if that names only an unset variable, takes the one kept
 * in the data folder. Throws ConfigError if a named file cannot be used.
 */
export function findSecret(
  auth: MiroirConfig['auth'],
  name: SecretName,
  source: { readonly env: Environment; readonly folder: DataFolder },
): Secret {
  const isGiven = auth[`${name}_file`] !== '' || Boolean(source.env[auth[`${name}_env`]]);
  if (isGiven) return { text: readSecret(auth, name, source.env), file: null };
  return keptSecret(source.folder, name.replace('_', '-'));
}

/** Nodes that run elsewhere have a master key of their own: one made here could not fit. */
export function requireGivenKey(auth: MiroirConfig['auth'], env: Environment): void {
  try {
    readSecret(auth, 'master_key', env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new StartError(
      `the nodes are given by url, so their master key is needed: ${error.message}`,
    );
  }
}
