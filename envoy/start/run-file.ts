/**
 * run.json: where the parts of a start are, for tools and scripts. Written to `.miroir/` in the checkout
 * (the last start wins) and into the data folder. Readable by the user alone, as it holds the admin token.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** One process. */
export interface RunningPart {
  readonly part: 'envoy' | 'sidecar' | 'worker' | 'control' | 'etcd' | 'node';
  /** Null for nodes that were not started here, and while a part is being restarted. */
  readonly pid: number | null;
  /** Where it answers: a URL, `host:port` or the path of a unix socket. */
  readonly address?: string;
  /** Id of a node or of a replica of control. */
  readonly id?: string;
  /** Replica group of a node. */
  readonly group?: number;
}

/** What the file says. */
export interface RunFile {
  /** Pid of the starter. */
  readonly pid: number;
  readonly started_at: string;
  readonly url: string;
  readonly data_dir: string;
  readonly admin_token: string;
  /** Where the master key is kept; null if it came from outside. */
  readonly master_key_file: string | null;
  readonly envoy_admin_socket: string;
  readonly sidecar_metrics_url: string;
  readonly control_metrics_url: string;
  readonly parts: readonly RunningPart[];
}

/** Writes it whole or not at all. */
export function writeRunFile(file: string, content: RunFile): void {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file);
}

/** Removes it if it is still ours: a later start may have written its own. */
export function removeRunFile(file: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid?: number };
    if (pid === process.pid) rmSync(file, { force: true });
  } catch {
    // there is none, or it is not ours
  }
}
