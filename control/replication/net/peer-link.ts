/**
 * The way to one other replica: a stream that is made anew whenever it breaks, until closed. What is sent
 * while there is none is lost, which its sender is told (`onReset`). A peer that takes a connection and stays
 * silent, that does not read, or that beats no more is left, with its channel: grpc-js would wait for ever.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import {
  type ExchangeRequest,
  type ExchangeResponse,
  type Hello,
  ReplicationServiceClient,
} from '../../../proto/gen/miroir/replication/v1/replication.ts';
import type { ReplicaMessage } from '../core/types.ts';
import { toWire } from './messages.ts';

const CONNECT_MS = 1_500;
const HELLO_MS = 1_500;
const BEAT_MS = 1_000;
const SILENT_MS = 3_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;
/** Of what waits because the peer does not read. */
const QUEUE_MESSAGES_MAX = 1_024;
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Options of a channel to a replica; those by which dead peers are noticed were measured. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 1_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // A channel that is thrown away takes its connection with it.
  'grpc.use_local_subchannel_pool': 1,
};

/** What a link needs. */
export interface PeerLinkOptions {
  readonly address: string;
  readonly credentials: ChannelCredentials;
  /** How this replica introduces itself. */
  readonly hello: () => Hello;
  /** Why the other side is not who it should be; undefined if it is. */
  readonly objection: (hello: Hello) => string | undefined;
  /** A stream began or ended: what was sent lately may be lost. */
  readonly onReset: () => void;
  /** One of the two does not take the other for a replica of its cluster. */
  readonly onRefused: (words: string) => void;
  /** At least 0, below 1. */
  readonly random: () => number;
}

type Stream = ClientDuplexStream<ExchangeRequest, ExchangeResponse>;

/** One stream and its channel. */
interface Session {
  readonly client: ReplicationServiceClient;
  stream: Stream | undefined;
  isUp: boolean;
  isFull: boolean;
  readonly queue: ExchangeRequest[];
  queuedBytes: number;
  heardAtMs: number;
}

/** The link to one replica. */
export class PeerLink {
  readonly address: string;
  readonly #options: PeerLinkOptions;
  readonly #beating: NodeJS.Timeout;
  #session: Session | undefined;
  #pause: NodeJS.Timeout | undefined;
  #pauseMs = PAUSE_MS_MIN;
  #isClosed = false;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.address = options.address;
    this.#beating = setInterval(() => this.#beat(), BEAT_MS);
    this.#connect();
  }

  /** Whether the other side hears. */
  get isUp(): boolean {
    return this.#session?.isUp ?? false;
  }

  /** Sends after what was sent before; lost if there is no stream. */
  send(message: ReplicaMessage): void {
    const session = this.#session;
    if (session?.isUp !== true) return;
    const request = { message: toWire(message) };
    if (!session.isFull) {
      this.#write(session, request);
      return;
    }
    session.queue.push(request);
    if (message.kind === 'append') {
      for (const { bytes } of message.entries) session.queuedBytes += bytes.length;
    }
    if (session.queue.length > QUEUE_MESSAGES_MAX || session.queuedBytes > QUEUE_BYTES_MAX) {
      this.#end(session);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#beating);
    clearTimeout(this.#pause);
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) discard(session);
  }

  #connect(): void {
    const client = new ReplicationServiceClient(
      this.address,
      this.#options.credentials,
      CHANNEL_OPTIONS,
    );
    const session: Session = {
      client,
      stream: undefined,
      isUp: false,
      isFull: false,
      queue: [],
      queuedBytes: 0,
      heardAtMs: performance.now(),
    };
    this.#session = session;
    client.waitForReady(Date.now() + CONNECT_MS, (error) => {
      if (this.#session !== session) return;
      if (error) this.#end(session);
      else this.#open(session);
    });
  }

  #open(session: Session): void {
    const stream = session.client.exchange();
    session.stream = stream;
    session.heardAtMs = performance.now();
    const limit = setTimeout(() => {
      if (!session.isUp) this.#end(session);
    }, HELLO_MS);
    stream.on('data', (response: ExchangeResponse) => {
      session.heardAtMs = performance.now();
      if (response.message?.$case === 'hello') this.#greeted(session, response.message.value);
    });
    stream.on('drain', () => this.#drain(session));
    stream.on('error', (error: ServiceError) => {
      clearTimeout(limit);
      if (error.code === status.FAILED_PRECONDITION && this.#session === session) {
        this.#options.onRefused(error.details);
      }
      this.#end(session);
    });
    stream.on('end', () => this.#end(session));
    this.#write(session, { message: { $case: 'hello', value: this.#options.hello() } });
  }

  #greeted(session: Session, hello: Hello): void {
    if (this.#session !== session || session.isUp) return;
    const objection = this.#options.objection(hello);
    if (objection !== undefined) {
      this.#options.onRefused(objection);
      this.#end(session);
      return;
    }
    session.isUp = true;
    this.#pauseMs = PAUSE_MS_MIN;
    this.#options.onReset();
  }

  #write(session: Session, request: ExchangeRequest): void {
    session.isFull = session.stream?.write(request) === false;
  }

  #drain(session: Session): void {
    session.isFull = false;
    while (!session.isFull) {
      const next = session.queue.shift();
      if (next === undefined) break;
      this.#write(session, next);
    }
    if (session.queue.length === 0) session.queuedBytes = 0;
  }

  #beat(): void {
    const session = this.#session;
    if (session?.isUp !== true) return;
    if (performance.now() - session.heardAtMs > SILENT_MS) {
      this.#end(session);
      return;
    }
    if (!session.isFull) this.#write(session, { message: { $case: 'beat', value: {} } });
  }

  /** Leaves this stream and its channel, and tries again after a pause. */
  #end(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    const wasUp = session.isUp;
    discard(session);
    if (wasUp) this.#options.onReset();
    if (this.#isClosed) return;
    const pauseMs = this.#pauseMs * (0.5 + this.#options.random());
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX);
    this.#pause = setTimeout(() => this.#connect(), pauseMs);
  }
}

function discard(session: Session): void {
  session.isUp = false;
  session.queue.length = 0;
  session.stream?.cancel();
  session.client.close();
}
