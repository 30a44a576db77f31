/**
 * A TCP proxy before one replica, which treats each of its callers differently: the link between two processes
 * can be cut, in both directions or in one, while both still reach all others. Bytes that are lost stay lost, so
 * a connection that lost some is reset when the link is mended.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * How the connections of one caller are treated. `lost`: bytes vanish in both directions, `deaf`: what the
 * caller sends does, `mute`: what it should get does.
 */
export type LinkMode = 'pass' | 'refuse' | 'lost' | 'deaf' | 'mute';

interface Link {
  readonly caller: string;
  readonly sockets: readonly [Socket, Socket];
  hasLost: boolean;
}

/** A listening proxy. */
export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #callerOf: (port: number, peerPort: number) => string;
  readonly #modes = new Map<string, LinkMode>();
  readonly #links = new Set<Link>();

  private constructor(
    server: Server,
    parts: {
      readonly port: number;
      readonly target: number;
      readonly callerOf: (port: number, peerPort: number) => string;
    },
  ) {
    this.#server = server;
    this.port = parts.port;
    this.#target = parts.target;
    this.#callerOf = parts.callerOf;
  }

  /** Listens on a port of its own choice; `callerOf` names who connects from a port. */
  static start(
    target: number,
    callerOf: (port: number, peerPort: number) => string,
  ): Promise<LinkProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true });
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        const proxy = new LinkProxy(server, { port: address.port, target, callerOf });
        server.on('connection', (socket) => proxy.#join(socket));
        resolve(proxy);
      });
    });
  }

  /** Callers that have a connection. */
  get callers(): ReadonlySet<string> {
    return new Set([...this.#links].map(({ caller }) => caller));
  }

  /** How a caller is treated from now on; `refuse` also resets what it has open. */
  setMode(caller: string, mode: LinkMode): void {
    this.#modes.set(caller, mode);
    for (const link of [...this.#links]) {
      if (link.caller !== caller) continue;
      if (mode === 'refuse' || (mode === 'pass' && link.hasLost)) this.#cut(link);
    }
  }

  /** Everything passes. */
  heal(): void {
    for (const caller of [...this.#modes.keys()]) this.setMode(caller, 'pass');
  }

  close(): Promise<void> {
    for (const link of [...this.#links]) this.#cut(link);
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket): void {
    client.on('error', () => {});
    const caller = this.#callerOf(client.remotePort ?? 0, this.port);
    if (this.#modes.get(caller) === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    const link: Link = { caller, sockets: [client, target], hasLost: false };
    this.#links.add(link);
    this.#pipe(link, { from: client, to: target, losing: 'deaf' });
    this.#pipe(link, { from: target, to: client, losing: 'mute' });
  }

  #pipe(
    link: Link,
    way: { readonly from: Socket; readonly to: Socket; readonly losing: LinkMode },
  ): void {
    const { from, to, losing } = way;
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      const mode = this.#modes.get(link.caller);
      if (mode === 'lost' || mode === losing) link.hasLost = true;
      else if (!to.destroyed) to.write(chunk);
    });
    from.on('end', () => {
      const mode = this.#modes.get(link.caller);
      if (mode === 'lost' || mode === losing) link.hasLost = true;
      else to.end();
    });
    from.on('close', () => {
      const mode = this.#modes.get(link.caller);
      if (mode === 'lost' || mode === losing) {
        // The other end does not hear of it either.
        link.hasLost = true;
        return;
      }
      this.#links.delete(link);
      to.destroy();
    });
    from.on('error', () => {
      const mode = this.#modes.get(link.caller);
      if (mode !== 'lost' && mode !== losing) to.resetAndDestroy();
    });
  }

  #cut(link: Link): void {
    this.#links.delete(link);
    for (const socket of link.sockets) socket.resetAndDestroy();
  }
}
