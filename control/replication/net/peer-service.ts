/** What comes from other replicas: their streams, and snapshots of the leader. */
import {
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type {
  ExchangeRequest,
  ExchangeResponse,
  Hello,
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  ReplicationServiceServer,
} from '../../../proto/gen/miroir/replication/v1/replication.ts';
import type { ReplicaMessage } from '../core/types.ts';
import { fromWire } from './messages.ts';

const BEAT_MS = 1_000;
const SILENT_MS = 3_000;
const STREAMS_MAX = 64;

/** A snapshot of a leader. */
export interface IncomingSnapshot {
  /** Of the leader. */
  readonly epoch: number;
  /** The store that it is to replace. */
  readonly storeId: string;
  readonly chunks: AsyncIterable<Buffer>;
}

/** What serving needs. */
export interface PeerServiceOptions {
  readonly hello: () => Hello;
  /** Why whoever introduces itself so is a stranger; undefined if it is none. */
  readonly objection: (hello: Hello) => string | undefined;
  readonly onMessage: (from: string, message: ReplicaMessage) => void;
  /** Puts a snapshot in place. Rejects if it was not. */
  readonly onSnapshot: (snapshot: IncomingSnapshot) => Promise<void>;
}

type Exchange = ServerDuplexStream<ExchangeRequest, ExchangeResponse>;

/** Serves other replicas. */
export class PeerService {
  readonly #options: PeerServiceOptions;
  readonly #sessions = new Set<Session>();

  constructor(options: PeerServiceOptions) {
    this.#options = options;
  }

  /** Handlers for the gRPC server. */
  get handlers(): ReplicationServiceServer {
    return {
      exchange: (stream: Exchange) => this.#exchange(stream),
      installSnapshot: (
        call: ServerReadableStream<InstallSnapshotRequest, InstallSnapshotResponse>,
        answer: sendUnaryData<InstallSnapshotResponse>,
      ) => {
        this.#install(call).then(
          () => answer(null, {}),
          (error: Error) => answer({ code: status.ABORTED, details: error.message }),
        );
      },
    } as ReplicationServiceServer;
  }

  /** Ends all streams. */
  close(): void {
    for (const session of this.#sessions) session.end(status.UNAVAILABLE, 'this replica ends');
  }

  #exchange(stream: Exchange): void {
    const session = new Session(stream, this.#options, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    if (this.#sessions.size <= STREAMS_MAX) return;
    session.end(status.RESOURCE_EXHAUSTED, 'too many streams');
  }

  async #install(
    call: ServerReadableStream<InstallSnapshotRequest, InstallSnapshotResponse>,
  ): Promise<void> {
    const parts = call[Symbol.asyncIterator]() as AsyncIterator<InstallSnapshotRequest>;
    const hello = (await parts.next()).value?.part;
    const epoch = (await parts.next()).value?.part;
    const storeId = (await parts.next()).value?.part;
    const isIntroduced = hello?.$case === 'hello' && epoch?.$case === 'epoch';
    if (!isIntroduced || storeId?.$case !== 'storeId') throw new Error('no introduction');
    const objection = this.#options.objection(hello.value);
    if (objection !== undefined) throw new Error(objection);
    await this.#options.onSnapshot({
      epoch: Number(epoch.value),
      storeId: storeId.value,
      chunks: chunksOf(parts),
    });
  }
}

async function* chunksOf(parts: AsyncIterator<InstallSnapshotRequest>): AsyncGenerator<Buffer> {
  for (;;) {
    const { value, done } = await parts.next();
    if (done === true) return;
    const { part } = value;
    if (part?.$case !== 'chunk') throw new Error('a chunk was expected');
    yield part.value;
  }
}

/** One stream of another replica. */
class Session {
  readonly #stream: Exchange;
  readonly #options: PeerServiceOptions;
  readonly #beating: NodeJS.Timeout;
  readonly #onEnd: () => void;
  #peer: string | undefined;
  #heardAtMs = performance.now();
  #isEnded = false;

  constructor(stream: Exchange, options: PeerServiceOptions, onEnd: () => void) {
    this.#stream = stream;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#beating = setInterval(() => this.#beat(), BEAT_MS);
    stream.on('data', (request: ExchangeRequest) => this.#take(request));
    stream.on('cancelled', () => this.#close());
    stream.on('error', () => this.#close());
    stream.on('end', () => {
      this.#close();
      stream.end();
    });
  }

  end(code: status, details: string): void {
    if (this.#isEnded) return;
    this.#close();
    this.#stream.emit('error', { code, details });
  }

  #close(): void {
    this.#isEnded = true;
    clearInterval(this.#beating);
    this.#onEnd();
  }

  #take({ message }: ExchangeRequest): void {
    if (this.#isEnded) return;
    this.#heardAtMs = performance.now();
    if (message?.$case === 'hello') {
      this.#greet(message.value);
      return;
    }
    if (message?.$case === 'beat') return;
    if (message === undefined || this.#peer === undefined) {
      this.end(status.INVALID_ARGUMENT, 'no message of a replica');
      return;
    }
    let read: ReplicaMessage;
    try {
      read = fromWire(message);
    } catch (error) {
      this.end(status.INVALID_ARGUMENT, (error as Error).message);
      return;
    }
    this.#options.onMessage(this.#peer, read);
  }

  #greet(hello: Hello): void {
    const objection = this.#options.objection(hello);
    if (objection !== undefined) {
      this.end(status.FAILED_PRECONDITION, objection);
      return;
    }
    this.#peer = hello.replicaId;
    this.#stream.write({ message: { $case: 'hello', value: this.#options.hello() } });
  }

  #beat(): void {
    if (performance.now() - this.#heardAtMs > SILENT_MS) {
      this.end(status.UNAVAILABLE, 'silent for too long');
      return;
    }
    if (this.#peer === undefined || this.#stream.writableLength > 0) return;
    this.#stream.write({ message: { $case: 'beat', value: {} } });
  }
}
