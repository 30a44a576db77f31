/**
 * The data folder of a start: its lock (one starter at a time), what the nodes in it were made from,
 * the secrets made at the first start, and the short folder for unix sockets.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { oneLine, StartError } from './error.ts';
import type { NodeKind } from './find-nodes.ts';

/** A socket path has at most 107 bytes; the longest name in the folder takes up to 27 of them. */
const SOCKET_DIR_MAX_BYTES = 80;
const SECRET_BYTES = 32;

/** Where things lie in the data folder. */
export interface DataFolder {
  readonly path: string;
  readonly socketDir: string;
  readonly configFile: string;
  readonly envoyFile: string;
  /** The log of a part. */
  logFile(name: string): string;
  /** Folder of a part's own data, made if absent. */
  partDir(name: string): string;
}

/** Makes the folder and its parts, private to the user. Throws StartError if it cannot. */
export function openDataFolder(path: string): DataFolder {
  const full = resolve(path);
  try {
    mkdirSync(join(full, 'logs'), { recursive: true, mode: 0o700 });
    return {
      path: full,
      socketDir: makeSocketDir(full),
      configFile: join(full, 'config.json'),
      envoyFile: join(full, 'envoy.json'),
      logFile: (name) => join(full, 'logs', `${name}.log`),
      partDir(name) {
        const folder = join(full, name);
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        return folder;
      },
    };
  } catch (error) {
    throw new StartError(`data folder ${full} cannot be used: ${oneLine(error)}`);
  }
}

function makeSocketDir(path: string): string {
  const near = join(path, 'sockets');
  if (Buffer.byteLength(near) <= SOCKET_DIR_MAX_BYTES) {
    mkdirSync(near, { recursive: true, mode: 0o700 });
    return near;
  }
  const name = `miroir-${createHash('sha256').update(path).digest('hex').slice(0, 12)}`;
  const root = [tmpdir(), '/tmp'].find(
    (folder) => Buffer.byteLength(join(folder, name)) <= SOCKET_DIR_MAX_BYTES,
  );
  if (root === undefined) throw new StartError('no folder with a short enough path for sockets');
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  if (!status.isDirectory() || status.uid !== process.getuid?.())
    throw new StartError(`${folder} belongs to somebody else`);
  chmodSync(folder, 0o700);
  return folder;
}

/** What the data in the folder was made by. */
export interface DataRecord {
  readonly kind: NodeKind | 'external';
  readonly node_count: number;
  /** host:port of each replica of control, kept for the next start; absent if there is one. */
  readonly control_addresses?: readonly string[];
}

/** Throws StartError if the data in the folder cannot be used so; remembers `wanted` for next time. */
export function checkRecord(folder: DataFolder, wanted: DataRecord): void {
  const file = join(folder.path, 'made-by.json');
  const made = readRecord(folder);
  if (made !== undefined && made.kind !== wanted.kind)
    throw new StartError(
      `the data in ${folder.path} was made with nodes of kind ${made.kind}, now they are ${wanted.kind}: choose another folder with --data`,
    );
  if (made !== undefined && made.node_count > wanted.node_count)
    throw new StartError(
      `the data in ${folder.path} lies on ${made.node_count} nodes: start with --nodes ${made.node_count} or choose another folder with --data`,
    );
  const replicas = (record: DataRecord) => record.control_addresses?.length ?? 1;
  if (made !== undefined && replicas(made) !== replicas(wanted)) {
    const count = replicas(made);
    throw new StartError(
      `the data in ${folder.path} was made with ${count} replica${count === 1 ? '' : 's'} of control: start with --control ${count} or choose another folder with --data`,
    );
  }
  writeFileSync(file, `${JSON.stringify(wanted)}\n`, { mode: 0o600 });
}

/** What was remembered, or undefined in a fresh folder. */
export function readRecord(folder: DataFolder): DataRecord | undefined {
  const file = join(folder.path, 'made-by.json');
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as DataRecord;
  } catch (error) {
    throw new StartError(`${file} cannot be read: ${oneLine(error)}`);
  }
}

/** A secret kept in the folder, made at the first start; mode 0600. */
export function keptSecret(folder: DataFolder, name: string): { text: string; file: string } {
  const file = join(folder.path, name);
  try {
    if (existsSync(file)) {
      const text = readFileSync(file, 'utf8').trim();
      if (text !== '') return { text, file };
    }
    const text = randomBytes(SECRET_BYTES).toString('base64url');
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
    return { text, file };
  } catch (error) {
    throw new StartError(`${file} cannot be used: ${oneLine(error)}`);
  }
}

/** Removes what a start leaves in the folder besides data and logs. */
export function removeLeftovers(folder: DataFolder): void {
  rmSync(folder.socketDir, { recursive: true, force: true });
  rmSync(folder.configFile, { force: true });
  rmSync(folder.envoyFile, { force: true });
}
