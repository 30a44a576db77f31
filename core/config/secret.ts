/**
 * Secrets are never in the configuration: it names the file or the environment variable that holds
 * them, and they are read again at each use, so a rotated file is noticed.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from './error.ts';
import type { MiroirConfig } from './schema.ts';

const SECRET_MAX_BYTES = 4096;

/** Which secret. */
export type SecretName = 'master_key' | 'admin_token';

/**
 * The secret's text without surrounding white space. Throws ConfigError (which never shows the
 * secret) if it is missing, empty, or could not stand in an HTTP header.
 */
export function readSecret(
  auth: MiroirConfig['auth'],
  name: SecretName,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const file = auth[`${name}_file`];
  const variable = auth[`${name}_env`];
  const path = file === '' ? `auth.${name}_env` : `auth.${name}_file`;
  const secret = (file === '' ? (env[variable] ?? '') : readSecretFile(file, path)).trim();
  if (secret === '') {
    const place = file === '' ? `the variable ${variable} is not set` : `${file} is empty`;
    throw new ConfigError(path, place);
  }
  if (secret.length > SECRET_MAX_BYTES || !/^[\x21-\x7e]+$/.test(secret))
    throw new ConfigError(path, 'the secret must be 1 to 4096 visible ASCII characters');
  return secret;
}

function readSecretFile(file: string, path: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(path, `cannot be read: ${(error as Error).message}`);
  }
}
