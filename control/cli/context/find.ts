/**
 * Which cluster is meant, in this order:
 *
 *   --control  >  --context  >  MIROIR_CONTROL  >  .miroir/run.json at or above the current folder
 *   >  the current context of ~/.config/miroir/contexts.yaml
 *
 * and its token: --token-file > MIROIR_ADMIN_TOKEN > the run file > the context. The token of a run file or
 * context is only ever sent to the addresses that stand beside it: an address from a flag gets none of it.
 */
import { readFileSync } from 'node:fs';
import { CliError, UsageError } from '../errors.ts';
import type { Io } from '../io.ts';
import {
  contextFilePath,
  type NamedContext,
  namedContext,
  readContextFile,
} from './context-file.ts';
import { findRunFile, type LocalRun } from './run-file.ts';

const ADDRESSES_MAX = 16;
const SECRET_BYTES_MAX = 4096;
const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\],]+):([0-9]{1,5})$/;

/** Flags that say which cluster. */
export interface TargetFlags {
  readonly control?: string;
  readonly context?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The cluster to call. */
export interface Target {
  /** `host:port` of the control replicas, at least one. */
  readonly addresses: readonly string[];
  /** Where the addresses are from, in words. */
  readonly origin: string;
  /** More about the origin for an error, for instance that the starter is gone. */
  readonly doubt?: string;
  /** Admin token; undefined if there is none. Never printed. */
  readonly token: string | undefined;
  /** Files of TLS; undefined for a connection that is not encrypted. */
  readonly tls: TlsFiles | undefined;
}

/** PEM files; the names are those of the configuration. */
export interface TlsFiles {
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
}

interface Place {
  readonly addresses: readonly string[];
  readonly origin: string;
  readonly doubt?: string;
  readonly run?: LocalRun;
  readonly context?: NamedContext;
}

/** Finds it. Throws UsageError that says how to name a cluster if none is found. */
export function findTarget(flags: TargetFlags, io: Pick<Io, 'env' | 'cwd' | 'home'>): Target {
  const place = findPlace(flags, io);
  const { addresses, origin, doubt, context } = place;
  const tls = tlsOf(flags, context);
  return {
    addresses,
    origin,
    ...(doubt === undefined ? {} : { doubt }),
    token: tokenOf(flags, io.env, place),
    tls,
  };
}

function findPlace(flags: TargetFlags, io: Pick<Io, 'env' | 'cwd' | 'home'>): Place {
  const run = findRunFile(io.cwd);
  if (flags.control !== undefined) return given(flags.control, '--control', run);
  const file = contextFilePath(io);
  if (flags.context !== undefined) return placeOf(flags.context, file);
  const variable = io.env['MIROIR_CONTROL'];
  if (variable) return given(variable, 'MIROIR_CONTROL', run);
  if (run !== undefined)
    return {
      addresses: run.control,
      origin: run.file,
      run,
      ...(run.isAlive
        ? {}
        : { doubt: 'the `npm start` that wrote it has ended: run `npm start` again' }),
    };
  const { current } = readContextFile(file);
  if (current !== undefined) return placeOf(current, file);
  throw new UsageError(
    'no cluster: run it in a checkout after `npm start`, or give --control HOST:PORT, MIROIR_CONTROL or a context (`miroirctl context set NAME --control HOST:PORT`)',
  );
}

/** Addresses typed by hand. Those of the local run are recognised, so that its token may be used. */
function given(text: string, origin: string, run: LocalRun | undefined): Place {
  const addresses = parseAddresses(text, origin);
  const isLocal = run !== undefined && addresses.every((address) => run.control.includes(address));
  return { addresses, origin, ...(isLocal ? { run } : {}) };
}

function placeOf(name: string, file: string): Place {
  const context = namedContext(readContextFile(file), name, file);
  const origin = `context ${name}`;
  return { addresses: parseAddresses(context.control.join(','), origin), origin, context };
}

/** `HOST:PORT[,HOST:PORT]` as a list. Throws UsageError that names `origin`. */
export function parseAddresses(text: string, origin: string): string[] {
  const addresses = text.split(',').map((part) => part.trim());
  const wrong = addresses.find((address) => {
    const port = Number(HOST_PORT.exec(address)?.[2]);
    return !(port >= 1 && port <= 65_535);
  });
  if (wrong !== undefined)
    throw new UsageError(`${origin}: \`${wrong}\` is not HOST:PORT, for instance 10.0.0.1:7701`);
  if (addresses.length > ADDRESSES_MAX)
    throw new UsageError(`${origin}: more than ${ADDRESSES_MAX} addresses`);
  return [...new Set(addresses)];
}

function tokenOf(flags: TargetFlags, env: Io['env'], place: Place): string | undefined {
  if (flags.tokenFile !== undefined) return readToken(flags.tokenFile, '--token-file');
  const variable = env['MIROIR_ADMIN_TOKEN']?.trim();
  if (variable) return checkedToken(variable, 'MIROIR_ADMIN_TOKEN');
  if (place.run !== undefined) return place.run.adminToken;
  const file = place.context?.token_file;
  return file === undefined ? undefined : readToken(file, place.origin);
}

function readToken(file: string, origin: string): string {
  try {
    return checkedToken(readFileSync(file, 'utf8').trim(), `${origin}: ${file}`);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new UsageError(`${origin}: ${(error as Error).message}`);
  }
}

/** A token that could not stand in a header is refused here, without showing it. */
function checkedToken(text: string, origin: string): string {
  if (text.length <= SECRET_BYTES_MAX && /^[\x21-\x7e]+$/.test(text)) return text;
  throw new UsageError(`${origin}: a token is 1 to ${SECRET_BYTES_MAX} visible ASCII characters`);
}

function tlsOf(flags: TargetFlags, context: NamedContext | undefined): TlsFiles | undefined {
  const ca_file = flags.ca ?? context?.ca_file;
  const cert_file = flags.cert ?? context?.cert_file;
  const key_file = flags.key ?? context?.key_file;
  const given = [ca_file, cert_file, key_file].filter((file) => file !== undefined);
  if (given.length === 0) return undefined;
  if (ca_file === undefined || cert_file === undefined || key_file === undefined)
    throw new UsageError('--ca, --cert and --key belong together: both ends show a certificate');
  return { ca_file, cert_file, key_file };
}
