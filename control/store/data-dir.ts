/**
 * The data folder is held by one process: an exclusive listen on a unix socket inside it (Node.js has no
 * flock). A socket file that nobody answers on was left by a process that is gone.
 */
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { UnusableStore } from './errors.ts';

/** Name of the socket in the folder. */
export const LOCK_NAME = 'lock.sock';
const SOCKET_PATH_MAX = 100;

/** The held folder. */
export interface DataDir {
  readonly path: string;
  release(): Promise<void>;
}

/** Creates the folder if need be and takes it. Throws UnusableStore if another process has it. */
export async function holdDataDir(path: string): Promise<DataDir> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UnusableStore(`data folder ${path}: ${(error as Error).message}`);
  }
  const socketPath = socketPathIn(path);
  for (let tries = 0; tries < 3; tries += 1) {
    const server = await listen(socketPath, path);
    if (server !== undefined) return { path, release: () => close(server) };
    if (await isAnswered(socketPath)) break;
    rmSync(join(path, LOCK_NAME), { force: true });
  }
  throw new UnusableStore(`data folder ${path} is in use by another control process`);
}

/** A socket's path has at most 107 bytes: a deep folder is reached through its descriptor instead. */
function socketPathIn(folder: string): string {
  const path = join(folder, LOCK_NAME);
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return path;
  return `/proc/self/fd/${openSync(folder, 'r')}/${LOCK_NAME}`;
}

function listen(socketPath: string, folder: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new UnusableStore(`data folder ${folder} cannot be held: ${error.message}`));
    });
    server.listen(socketPath, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    const end = (isAlive: boolean) => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.setTimeout(2_000, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code !== 'ECONNREFUSED'));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
