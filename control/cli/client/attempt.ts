/**
 * Calls over one channel to one replica of control, and what their failures mean. Whether a change that
 * failed may have been carried out all the same is decided here, as nothing above can know it.
 */
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const HEALTH_PATH = '/grpc.health.v1.Health/Check';
const LEADER_HINT = 'miroir-leader';

/** How a call to one replica ended. */
export type Attempt<Response> =
  | { readonly kind: 'ok'; readonly response: Response }
  /** It was surely not carried out: no connection came about. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** It was surely not carried out: this replica does not lead. The hint is empty if nobody is known to. */
  | { readonly kind: 'not-leader'; readonly leader: string }
  /** The connection broke or time ran out: nobody knows whether it was carried out. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Control's answer is an error. */
  | { readonly kind: 'refused'; readonly code: number; readonly details: string };

/** One replica of control. */
export class Replica {
  readonly address: string;
  readonly #client: Client;
  #isConnected = false;

  constructor(address: string, credentials: ChannelCredentials) {
    this.address = address;
    this.#client = new Client(address, credentials, {
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.keepalive_time_ms': 5_000,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
    });
  }

  /** One call. It is only sent once the replica has answered something on this connection. */
  async call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Attempt<Response>> {
    const reason = await this.#connect(limits);
    if (reason !== undefined) return { kind: 'unreachable', reason };
    return new Promise((resolve) => {
      const deadline = new Date(Date.now() + limits.timeoutMs);
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadataOf(limits.token),
        { deadline },
        (error, response) => {
          limits.signal.removeEventListener('abort', cancel);
          if (error === null && response !== undefined) resolve({ kind: 'ok', response });
          else resolve(this.#noted(failureOf(error)));
        },
      );
      const cancel = (): void => call.cancel();
      limits.signal.addEventListener('abort', cancel, { once: true });
    });
  }

  /** Opens a stream of answers. `connectFailure` is set, and there is no stream, if no connection came about. */
  async open<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<
    | { readonly stream: ClientReadableStream<Response> }
    | { readonly stream?: undefined; readonly reason: string }
  > {
    const reason = await this.#connect(limits);
    if (reason !== undefined) return { reason };
    const stream = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(limits.token),
    );
    return { stream };
  }

  /** A connection that broke or fell silent has to show anew that somebody is there. */
  doubt(): void {
    this.#isConnected = false;
  }

  /** Closes the channel; calls under way end as unknown. */
  close(): void {
    this.#client.close();
  }

  #noted<Failure extends Attempt<never>>(failure: Failure): Failure {
    if (failure.kind === 'unknown') this.doubt();
    return failure;
  }

  /**
   * Asks for health, without a token: any answer shows that a server is there and speaks gRPC (and TLS, if
   * that is wanted). Gives why not, in a few words.
   */
  #connect({ connectMs, signal }: CallLimits): Promise<string | undefined> {
    if (this.#isConnected) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const deadline = new Date(Date.now() + connectMs);
      const bytes = (value: Buffer): Buffer => value;
      const call = this.#client.makeUnaryRequest(
        HEALTH_PATH,
        bytes,
        bytes,
        Buffer.alloc(0),
        new Metadata(),
        { deadline },
        (error) => {
          signal.removeEventListener('abort', cancel);
          const isLost =
            error?.code === status.UNAVAILABLE ||
            error?.code === status.DEADLINE_EXCEEDED ||
            error?.code === status.CANCELLED;
          const isHint = (error?.metadata?.get(LEADER_HINT).length ?? 0) > 0;
          this.#isConnected = error === null || !isLost || isHint;
          resolve(this.#isConnected || error === null ? undefined : reasonOf(error, connectMs));
        },
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  }
}

/** Bounds of one call, and who calls. */
export interface CallLimits {
  /** For a connection to come about. */
  readonly connectMs: number;
  /** For the answer. */
  readonly timeoutMs: number;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** What an error of a call or stream means. */
export function failureOf(error: ServiceError | null): Exclude<Attempt<never>, { kind: 'ok' }> {
  if (error === null) return { kind: 'unknown', reason: 'an empty answer' };
  const { code, details, metadata } = error;
  const [leader] = metadata?.get(LEADER_HINT) ?? [];
  if (code === status.UNAVAILABLE && leader !== undefined)
    return { kind: 'not-leader', leader: String(leader) };
  const isOpen = code === status.UNAVAILABLE || code === status.CANCELLED;
  if (isOpen) return { kind: 'unknown', reason: reasonOf(error, 0) };
  if (code === status.DEADLINE_EXCEEDED) return { kind: 'unknown', reason: 'no answer in time' };
  return { kind: 'refused', code, details };
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** Why there is no connection, in words a person at night understands. */
function reasonOf(error: ServiceError, connectMs: number): string {
  const { details } = error;
  if (error.code === status.DEADLINE_EXCEEDED) return `no answer within ${connectMs / 1000} s`;
  if (/ECONNREFUSED/.test(details)) return 'connection refused';
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) return 'no such host';
  if (/EHOSTUNREACH|ENETUNREACH/.test(details)) return 'no route to the host';
  if (/certificate|self.signed|altnames|CERT_|SSL|TLS|EPROTO/i.test(details))
    return `TLS: ${lastError(details)}`;
  if (/ECONNRESET|socket hang up|Connection dropped|Failed to connect/.test(details))
    return 'it closed the connection (is TLS wanted there, or not?)';
  return lastError(details);
}

function lastError(details: string): string {
  const found = /Last error: (?:Error: )?(.*?)(?:\. Resolution note.*)?$/s.exec(details);
  return (found?.[1] ?? details).slice(0, 300);
}
