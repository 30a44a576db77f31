/** TCP ports of this machine: whether one can be taken, and one that is free. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { StartError } from './error.ts';

const PORT_FIRST = 15_000;
const PORT_END = 32_000;
const ATTEMPTS_MAX = 100;

/** Resolves if `port` of `host` can be listened on, else throws StartError with the reason. */
export async function checkPort(host: string, port: number): Promise<void> {
  try {
    await listenOnce(host, port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new StartError(`port ${port} is already in use: choose another one with --port`);
    if (code === 'EACCES')
      throw new StartError(`port ${port} may not be taken by this user: choose one above 1023`);
    throw new StartError(`cannot listen on ${host} port ${port}: ${(error as Error).message}`);
  }
}

/**
 * A port of the loopback address that was free a moment ago. Taken from below the range that the system
 * gives to outgoing connections: one of those could take it before the part that it is for.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = randomInt(PORT_FIRST, PORT_END);
    try {
      return await listenOnce('127.0.0.1', port);
    } catch {
      // taken: another one
    }
  }
  throw new StartError(`no free port found between ${PORT_FIRST} and ${PORT_END}`);
}

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}
