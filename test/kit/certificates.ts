/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from '../../envoy/start/command.ts';

/** Why there can be no certificates here; undefined if there can. */
export const opensslMissing: string | undefined =
  findOnPath('openssl', process.env) === undefined ? 'no openssl on PATH' : undefined;

/** What a certificate says. */
export interface Subject {
  /** For instance `miroir://shop/control`. */
  readonly uri?: string;
  readonly dns?: string;
  readonly ip?: string;
  /** Whether it ended yesterday. */
  readonly isExpired?: boolean;
}

/** The files of one certificate, named as in the configuration. */
export interface IssuedFiles {
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
}

/** An authority with a key of its own. */
export class Authority {
  readonly caFile: string;
  readonly #folder: string;
  #count = 0;

  constructor(parent: string, name: string) {
    this.#folder = join(parent, `ca-${name}`);
    mkdirSync(this.#folder, { recursive: true });
    this.caFile = join(this.#folder, 'ca.crt');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl(
      ...['req', '-x509', ...key, '-keyout', join(this.#folder, 'ca.key'), '-out', this.caFile],
      ...['-days', '30', '-subj', `/CN=${name}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
  }

  /** Signs a certificate; each call makes files of their own. */
  issue(name: string, subject: Subject): IssuedFiles {
    this.#count += 1;
    const base = join(this.#folder, `${name}-${this.#count}`);
    const names = [
      ...(subject.uri === undefined ? [] : [`URI:${subject.uri}`]),
      ...(subject.dns === undefined ? [] : [`DNS:${subject.dns}`]),
      ...(subject.ip === undefined ? [] : [`IP:${subject.ip}`]),
    ];
    const files = { ca_file: this.caFile, cert_file: `${base}.crt`, key_file: `${base}.key` };
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const request = ['-keyout', files.key_file, '-out', `${base}.csr`, '-subj', `/CN=${name}`];
    openssl('req', '-new', ...key, ...request);
    const usage = 'extendedKeyUsage=serverAuth,clientAuth';
    const alternative = names.length === 0 ? '' : `subjectAltName=${names.join(',')}`;
    writeFileSync(`${base}.ext`, `${usage}\n${alternative}\n`);
    openssl(
      ...['x509', '-req', '-in', `${base}.csr`, '-out', files.cert_file, '-CA', this.caFile],
      ...['-CAkey', join(this.#folder, 'ca.key'), '-CAcreateserial', '-extfile', `${base}.ext`],
      ...['-days', subject.isExpired === true ? '-1' : '20'],
    );
    return files;
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
