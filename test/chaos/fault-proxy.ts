/**
 * A TCP proxy between the cluster and one node, which can be told to misbehave: refuse, cut what is open,
 * swallow everything in silence, hold bytes back, or let a request through and cut when its answer comes.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How it treats connections now. */
export type ProxyMode = 'pass' | 'refuse' | 'silent' | 'slow' | 'answerless';

const SLOW_MS = 150;

/** A listening proxy. */
export class FaultProxy {
  readonly port: number;
  /** In `slow`, how long bytes are held back in each direction. */
  slowMs = SLOW_MS;
  readonly #target: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #mode: ProxyMode = 'pass';

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
  }

  /** Listens on a port of its own choice; the target is on the loopback address. */
  static start(target: number, host = '127.0.0.1'): Promise<FaultProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true });
      server.once('error', reject);
      server.listen(0, host, () => {
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        const proxy = new FaultProxy(server, address.port, target);
        server.on('connection', (socket) => proxy.#join(socket));
        resolve(proxy);
      });
    });
  }

  /** What is silent stays so for connections of that time: their bytes are lost, as behind a dead router. */
  setMode(mode: ProxyMode): void {
    if (this.#mode === 'silent' && mode !== 'silent') this.cut();
    this.#mode = mode;
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
    this.#open.clear();
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket): void {
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const node = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, node]) {
      this.#open.add(socket);
      socket.setNoDelay(true);
    }
    this.#pipe(client, node, false);
    this.#pipe(node, client, true);
  }

  #pipe(from: Socket, to: Socket, isAnswer: boolean): void {
    from.on('data', (chunk) => {
      if (this.#mode === 'silent') return;
      if (this.#mode === 'answerless' && isAnswer) {
        to.resetAndDestroy();
        return;
      }
      if (this.#mode !== 'slow') {
        to.write(chunk);
        return;
      }
      from.pause();
      setTimeout(() => {
        to.write(chunk);
        from.resume();
      }, this.slowMs);
    });
    from.on('end', () => to.end());
    from.on('close', () => {
      this.#open.delete(from);
      to.destroy();
    });
    from.on('error', () => to.resetAndDestroy());
  }
}
