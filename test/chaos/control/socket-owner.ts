/** Which process is at the other end of a connection of this machine, from what Linux lists of both. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The pid among `pids` that has a TCP socket bound to this local port and connected to `peerPort`. */
export function ownerOf(
  port: number,
  peerPort: number,
  pids: Iterable<number>,
): number | undefined {
  const inode = inodeOf(port, peerPort);
  if (inode === undefined) return undefined;
  for (const pid of pids) if (holds(pid, `socket:[${inode}]`)) return pid;
  return undefined;
}

/** Columns of /proc/net/tcp: number, local address, remote address, state, ..., inode as the tenth. */
function inodeOf(port: number, peerPort: number): string | undefined {
  const ends = [`:${hexOf(port)}`, `:${hexOf(peerPort)}`] as const;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const cells = line.trim().split(/\s+/);
    if (cells[1]?.endsWith(ends[0]) === true && cells[2]?.endsWith(ends[1]) === true) {
      return cells[9];
    }
  }
  return undefined;
}

function hexOf(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

function holds(pid: number, socket: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => linkOf(`${folder}/${name}`) === socket);
  } catch {
    // it has just ended
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // closed in between
    return '';
  }
}
