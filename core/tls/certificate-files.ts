/**
 * Certificates on disk that may be renewed at any time. They are read when the program starts, where a fault
 * stops it, and looked at again once a second at most; what is new and whole replaces what was. Files that
 * do not fit together yet (a renewal writes one after the other) or cannot be read leave the last good ones in
 * force, and are told about once.
 */
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../config/error.ts';

const LOOK_AGAIN_MS = 1_000;
const FILE_MAX_BYTES = 1024 * 1024;

/** Contents of the files, PEM. */
export interface Certificates {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** Where they lie; an empty name is none. The names are those of the configuration. */
export interface CertificatePaths {
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
}

/** How they are watched. */
export interface CertificateFilesOptions {
  /** Section of the configuration, for errors: `control.tls`. */
  readonly section: string;
  readonly paths: CertificatePaths;
  /** Told when changed files cannot be used, and why. */
  readonly onProblem?: (problem: string) => void;
  /** Default 1,000. */
  readonly lookAgainMs?: number;
}

/**
 * How nodes with https URLs are checked; undefined if the system's own authorities do. Throws ConfigError if
 * the files cannot be used.
 */
export function nodeCertificates(
  paths: CertificatePaths,
  onProblem: (problem: string) => void,
): CertificateFiles | undefined {
  if (paths.ca_file === '' && paths.cert_file === '') return undefined;
  return certificateFilesOf({ section: 'node_tls', paths, onProblem });
}

/** One reader of the same files for all connections of a process. */
const known = new WeakMap<CertificatePaths, CertificateFiles>();

/** The files of a section of the configuration: the same object for the same section. */
export function certificateFilesOf(options: CertificateFilesOptions): CertificateFiles {
  const files = known.get(options.paths) ?? new CertificateFiles(options);
  known.set(options.paths, files);
  return files;
}

const PARTS = ['ca', 'cert', 'key'] as const;

/** The files, kept up to date. */
export class CertificateFiles {
  readonly #options: CertificateFilesOptions;
  readonly #lookAgainMs: number;
  readonly #listeners = new Set<() => void>();
  #current: Certificates;
  #version = 0;
  #stamp: string;
  #lookedAtMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** Throws ConfigError if they cannot be used. */
  constructor(options: CertificateFilesOptions) {
    this.#options = options;
    this.#lookAgainMs = options.lookAgainMs ?? LOOK_AGAIN_MS;
    this.#stamp = this.#readStamp();
    this.#current = this.#read();
  }

  /** The newest good ones. */
  get current(): Certificates {
    this.#lookAgain();
    return this.#current;
  }

  /** Another number for other contents. */
  get version(): number {
    this.#lookAgain();
    return this.#version;
  }

  /** Calls back after each change. Returns how to end it. The timer behind it keeps no process alive. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => this.#lookAgain(), this.#lookAgainMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #lookAgain(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < this.#lookAgainMs) return;
    this.#lookedAtMs = nowMs;
    const stamp = this.#readStamp();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    let read: Certificates;
    try {
      read = this.#read();
    } catch (error) {
      this.#options.onProblem?.((error as Error).message);
      return;
    }
    this.#current = read;
    this.#version += 1;
    for (const listener of [...this.#listeners]) listener();
  }

  /** What changes when a file is written or replaced. */
  #readStamp(): string {
    return PARTS.map((part) => {
      const path = this.#options.paths[`${part}_file`];
      try {
        const { ino, size, mtimeMs } = statSync(path);
        return `${ino} ${size} ${mtimeMs}`;
      } catch {
        return 'absent';
      }
    }).join();
  }

  #read(): Certificates {
    const { section, paths } = this.#options;
    const read: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
    for (const part of PARTS) {
      const path = paths[`${part}_file`];
      if (path === '') continue;
      try {
        if (statSync(path).size > FILE_MAX_BYTES) throw new Error('larger than 1 MiB');
        read[part] = readFileSync(path);
      } catch (error) {
        const words = `cannot be read: ${(error as Error).message}`;
        throw new ConfigError(`${section}.${part}_file`, words);
      }
    }
    try {
      createSecureContext(read);
    } catch (error) {
      // OpenSSL's words name no content of the files.
      const words = `these files cannot be used together: ${(error as Error).message}`;
      throw new ConfigError(section, words);
    }
    return read;
  }
}
