/**
 * Errors of the public API: a gRPC status, a text that says what to do, and a google.rpc.ErrorInfo (domain
 * `miroir`, reason a code of the error table) in the trailing metadata, where the usual libraries look.
 */
import { Metadata, status } from '@grpc/grpc-js';
import { type ErrorCode, MiroirError } from '../../../core/errors.ts';
import { ErrorInfo } from '../../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../../proto/gen/google/rpc/status.ts';
import type { AdminRefusal } from '../../state/index.ts';
import type { CallError } from '../services.ts';

const DOMAIN = 'miroir';
const DETAILS_KEY = 'grpc-status-details-bin';
const INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';

const STATUS_OF: Readonly<Record<AdminRefusal['status'], status>> = {
  invalid: status.INVALID_ARGUMENT,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  precondition: status.FAILED_PRECONDITION,
};

/** What a caller of the public API sees. */
export class AdminError extends Error {
  override name = 'AdminError';
  readonly status: status;
  readonly code: ErrorCode;
  /** What it is about, such as `{node: 'n1'}`. */
  readonly about: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly status: status; readonly about?: Readonly<Record<string, string>> },
  ) {
    super(message);
    this.code = code;
    this.status = options.status;
    this.about = options.about ?? {};
  }
}

/** The error of a refused change. */
export function refusalError(
  refusal: AdminRefusal,
  about: Readonly<Record<string, string>> = {},
): AdminError {
  const { code, message } = refusal;
  return new AdminError(code, message, { status: STATUS_OF[refusal.status], about });
}

/** INVALID_ARGUMENT. */
export function invalidRequest(message: string): AdminError {
  return new AdminError('miroir_invalid_request', message, { status: status.INVALID_ARGUMENT });
}

/** NOT_FOUND of an index. */
export function noIndex(uid: string): AdminError {
  return new AdminError('index_not_found', `Index \`${uid}\` not found.`, {
    status: status.NOT_FOUND,
    about: { index: uid },
  });
}

/** UNAVAILABLE: this replica stopped to lead while it worked on the call. */
export function leadsNoMore(): AdminError {
  return new AdminError(
    'miroir_control_unavailable',
    'This replica of control does not lead any more. Ask again; a change may have been made.',
    { status: status.UNAVAILABLE },
  );
}

/** Any failure as the caller sees it. What nobody expected is told without its text. */
export function toCallError(error: unknown): CallError {
  if (error instanceof AdminError) return callError(error);
  const unexpected =
    error instanceof MiroirError
      ? new AdminError(error.code, error.message, { status: status.FAILED_PRECONDITION })
      : new AdminError('internal', 'Something went wrong; the log of control says what.', {
          status: status.INTERNAL,
        });
  return callError(unexpected);
}

function callError(error: AdminError): CallError {
  const info = ErrorInfo.encode({
    reason: error.code,
    domain: DOMAIN,
    metadata: { ...error.about },
  });
  const details = Status.encode({
    code: error.status,
    message: error.message,
    details: [{ typeUrl: INFO_TYPE, value: Buffer.from(info.finish()) }],
  });
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(details.finish()));
  return { code: error.status, details: error.message, metadata };
}
