/**
 * Many readers of one stream. A message is made and encoded once for all. A reader that does not read is not
 * written to; once it reads again it gets a whole view. One that stays deaf is dropped and begins anew.
 */
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import { AdminError, toCallError } from './errors.ts';

const HEARTBEAT_MS = 1_000;
const DEAF_MS = 10_000;
const READERS_MAX = 1_024;

type ReaderCall<Response> = Pick<
  ServerWritableStream<unknown, Response>,
  'write' | 'end' | 'on' | 'emit' | 'cancelled' | 'destroyed'
>;

interface Reader<Response> {
  readonly call: ReaderCall<Response>;
  isFull: boolean;
  fullSinceMs: number;
  /** It missed something while it was full. */
  isBehind: boolean;
  /** Nothing was written since the last heartbeat. */
  isIdle: boolean;
}

/** What a fan-out sends by itself. */
export interface FanOutOptions<Response> {
  readonly heartbeat: () => Response;
  /** Everything as it is now, for readers that missed something. */
  readonly whole: () => Response;
  readonly steadyMs: () => number;
}

/** Sends to all readers. */
export class FanOut<Response> {
  readonly #options: FanOutOptions<Response>;
  readonly #readers = new Set<Reader<Response>>();
  readonly #beating: NodeJS.Timeout;
  #isClosed = false;

  constructor(options: FanOutOptions<Response>) {
    this.#options = options;
    this.#beating = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#beating.unref();
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Takes a reader and sends it this first. Throws RESOURCE_EXHAUSTED. */
  add(call: ReaderCall<Response>, first: Response): void {
    if (this.#isClosed) {
      call.end();
      return;
    }
    if (this.#readers.size >= READERS_MAX) {
      throw new AdminError('miroir_overloaded', `More than ${READERS_MAX} readers watch already.`, {
        status: status.RESOURCE_EXHAUSTED,
      });
    }
    const reader: Reader<Response> = {
      call,
      isFull: false,
      fullSinceMs: 0,
      isBehind: false,
      isIdle: true,
    };
    this.#readers.add(reader);
    for (const event of ['cancelled', 'error', 'close'] as const) {
      call.on(event, () => this.#readers.delete(reader));
    }
    call.on('drain', () => {
      reader.isFull = false;
      if (!reader.isBehind) return;
      reader.isBehind = false;
      this.#write(reader, this.#options.whole());
    });
    this.#write(reader, first);
  }

  /** Sends to every reader that reads. */
  send(message: Response): void {
    for (const reader of this.#readers) {
      if (reader.isFull) reader.isBehind = true;
      else this.#write(reader, message);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#beating);
    for (const { call } of this.#readers) call.end();
    this.#readers.clear();
  }

  #beat(): void {
    const now = this.#options.steadyMs();
    let heartbeat: Response | undefined;
    for (const reader of this.#readers) {
      if (reader.isFull) {
        if (now - reader.fullSinceMs >= DEAF_MS) this.#drop(reader);
      } else if (reader.isIdle) {
        heartbeat ??= this.#options.heartbeat();
        this.#write(reader, heartbeat);
      }
      reader.isIdle = true;
    }
  }

  #drop(reader: Reader<Response>): void {
    this.#readers.delete(reader);
    const error = new AdminError('miroir_overloaded', 'The reader does not read; watch again.', {
      status: status.RESOURCE_EXHAUSTED,
    });
    reader.call.emit('error', toCallError(error));
  }

  #write(reader: Reader<Response>, message: Response): void {
    const { call } = reader;
    if (call.cancelled || call.destroyed) return;
    reader.isIdle = false;
    if (call.write(message)) return;
    if (!reader.isFull) reader.fullSinceMs = this.#options.steadyMs();
    reader.isFull = true;
  }
}
