/** How the sidecar calls control: options of the channel and one helper for calls with one answer. */
import {
  type CallOptions,
  type ChannelOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { MiroirError } from '../../core/errors.ts';

const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Options of every channel to control. A view of many thousands of indexes is one message. Where another
 * replica may take over, one that hangs is noticed before it could.
 */
export function channelOptions(isAlone: boolean): ChannelOptions {
  return {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': isAlone ? 10_000 : 2_000,
    'grpc.keepalive_timeout_ms': 2_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // A channel of its own per client: a fresh attempt must not inherit another's dead connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  };
}

/** A method of a generated client that takes one message and answers one. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Bounds of one call. */
export interface UnaryLimits {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly metadata?: Metadata;
}

/**
 * Makes one call. Rejects with a ServiceError; `controlError` turns that into what a client sees.
 * An abort cancels the call.
 */
export function callUnary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  limits: UnaryLimits,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal } = limits;
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const deadline = new Date(Date.now() + limits.deadlineMs);
    const call = method(
      request,
      limits.metadata ?? new Metadata(),
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response);
        else reject(error);
      },
    );
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** Whether control surely or possibly did not answer, so that asking again may help. */
export function isUnreachable(error: unknown): boolean {
  const code = (error as Partial<ServiceError>).code;
  return (
    code === status.UNAVAILABLE ||
    code === status.DEADLINE_EXCEEDED ||
    code === status.RESOURCE_EXHAUSTED ||
    code === status.ABORTED
  );
}

/** What a client sees when control could not be asked. Anything else is passed on as it is. */
export function controlError(error: unknown): unknown {
  if ((error as Partial<ServiceError>).code === status.UNIMPLEMENTED) {
    const text = 'The control service that runs here does not offer this yet.';
    return new MiroirError('miroir_not_implemented', text, { cause: error });
  }
  if (!isUnreachable(error) && (error as Partial<ServiceError>).code !== status.CANCELLED) {
    return error;
  }
  return controlUnavailable(error);
}

/** What a client sees of a write that control could not take. */
export function controlUnavailable(cause: unknown): MiroirError {
  return new MiroirError(
    'miroir_control_unavailable',
    'The control service cannot be reached, so nothing was written. Searches go on.',
    { cause, retryAfterSeconds: 1 },
  );
}
