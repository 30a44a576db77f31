/**
 * One connection to a node that is kept open and never used for work: as long as it lives, the node is
 * the same process with the same data as when it was opened. Connections of the pool cannot tell: they
 * are closed for being idle, and cut to abort a call. A small ping each second keeps it from being idle
 * and finds out when the other side is gone.
 *
 * A node that answers slowly, or stands still, does not lose it: a ping may take 30 s.
 */
import { Client, type Dispatcher } from 'undici';
import type { CertificateFiles } from '../tls/certificate-files.ts';
import { connectorOf } from './connector.ts';

const PING_EVERY_MS = 1_000;
const PING_MS_MAX = 30_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** Pauses between attempts to connect: from the first to the last. */
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 500;
/** The connection is never idle for so long. */
const KEEP_ALIVE_MS = 600_000;

/** Who is told; both may be called many times, in turns. */
export interface WitnessEvents {
  readonly onUp: () => void;
  /** The connection is gone; whatever comes next may be another process. */
  readonly onLost: () => void;
  /** An attempt to connect failed. */
  readonly onRefused: () => void;
}

/** Holds the connection until closed. */
export class NodeWitness {
  readonly #url: string;
  readonly #events: WitnessEvents;
  readonly #certificates: CertificateFiles | undefined;
  #client: Client;
  #isUp = false;
  #isClosed = false;
  #isPinging = false;
  #pauseMs = PAUSE_MIN_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, events: WitnessEvents, certificates?: CertificateFiles) {
    this.#url = url;
    this.#events = events;
    this.#certificates = certificates;
    this.#client = this.#open();
    this.#ping();
  }

  /** Whether the connection lives. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Tries to connect now instead of after the pause. Does nothing while it is at it. */
  hurry(): void {
    if (this.#isUp || this.#isPinging || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#ping();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#client.destroy();
  }

  #open(): Client {
    const client = new Client(this.#url, {
      pipelining: 1,
      connect: connectorOf(CONNECT_TIMEOUT_MS, this.#certificates),
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: PING_MS_MAX,
      bodyTimeout: PING_MS_MAX,
    });
    client.on('connect', () => this.#up());
    client.on('disconnect', () => this.#down());
    return client;
  }

  #up(): void {
    if (this.#isClosed) return;
    this.#isUp = true;
    this.#pauseMs = PAUSE_MIN_MS;
    this.#events.onUp();
  }

  #down(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    if (!this.#isClosed) this.#events.onLost();
  }

  #ping(): void {
    this.#isPinging = true;
    let hasEnded = false;
    const end = (hasFailed: boolean): void => {
      if (hasEnded) return;
      hasEnded = true;
      this.#isPinging = false;
      if (this.#isClosed) return;
      // A failed ping ends its connection, whoever notices first.
      if (hasFailed) this.#down();
      if (hasFailed) this.#events.onRefused();
      const pauseMs = hasFailed ? this.#pauseMs : PING_EVERY_MS;
      if (hasFailed) this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
      this.#timer = setTimeout(() => this.#ping(), pauseMs);
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => end(false),
      onResponseError: () => end(true),
    };
    try {
      this.#client.dispatch({ path: '/health', method: 'GET' }, handler);
    } catch {
      // The client itself was destroyed by an error: a new one begins anew.
      void this.#client.destroy();
      this.#client = this.#open();
      end(true);
    }
  }
}
