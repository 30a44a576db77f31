/** TCP ports of this machine: whether one can be taken, and one that is free. */
import { createServer } from 'node:net';
import { StartError } from './error.ts';

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

/** A port of the loopback address that was free a moment ago. */
export function freePort(): Promise<number> {
  return listenOnce('127.0.0.1', 0);
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
