/**
 * Why a body could not be read, as a node says it (measured on Meilisearch 1.50). A node says it in two
 * ways: routes that take documents as a stream, and routes that read a JSON body whole. The error is
 * thrown in the first way; a route of the second kind asks it for the other text.
 */
import { type ErrorCode, MiroirError } from '../../core/errors.ts';
import type { BodyEncoding } from './inflate.ts';

interface Options {
  readonly cause?: unknown;
  /** What a route that reads a JSON body whole says instead. */
  readonly json: { readonly code: ErrorCode; readonly message: string };
}

/** A body that is too large, damaged or incomplete. */
export class BodyError extends MiroirError {
  override name = 'BodyError';
  private readonly json: Options['json'];

  constructor(code: ErrorCode, message: string, options: Options) {
    super(code, message, options.cause === undefined ? {} : { cause: options.cause });
    this.json = options.json;
  }

  /** The same failure in the words of a route that reads a JSON body whole. */
  forJsonBody(): MiroirError {
    return new MiroirError(this.json.code, this.json.message, { cause: this });
  }
}

/** The body is longer than `maxBytes`; `knownBytes` is its content-length if that gave it away. */
export function tooLarge(maxBytes: number, knownBytes?: number): BodyError {
  const limit = formatBytes(maxBytes);
  return new BodyError(
    'payload_too_large',
    `The provided payload reached the size limit. The maximum accepted payload size is ${limit}.`,
    {
      json: {
        code: 'payload_too_large',
        message:
          knownBytes === undefined
            ? `JSON payload has exceeded limit (${maxBytes} bytes).`
            : `JSON payload (${knownBytes} bytes) is larger than allowed (limit: ${maxBytes} bytes).`,
      },
    },
  );
}

/** The body inflates to more than `ratio` times its size: no honest body does. */
export function tooDense(ratio: number): BodyError {
  const message = `The provided payload inflates to more than ${ratio} times its size, which is not accepted.`;
  return new BodyError('payload_too_large', message, {
    json: { code: 'payload_too_large', message },
  });
}

/** The body is not what its content-encoding says. */
export function corrupt(encoding: BodyEncoding, cause?: unknown): BodyError {
  return incompletePayload(`Some(Custom { ${CORRUPT[encoding]} })`, cause);
}

/** The client went away, or its chunks broke off, before the body was whole. */
export function incomplete(): BodyError {
  return incompletePayload('None', undefined);
}

const CORRUPT: Record<BodyEncoding, string> = {
  gzip: 'kind: InvalidInput, error: "corrupt gzip stream does not have a matching checksum"',
  deflate: 'kind: InvalidInput, error: "corrupt deflate stream"',
  br: 'kind: InvalidData, error: "Invalid Data"',
};

function incompletePayload(inner: string, cause: unknown): BodyError {
  return new BodyError('bad_request', 'The provided payload is incomplete and cannot be parsed', {
    cause,
    json: {
      code: 'bad_request',
      message: `Error that occur during reading payload: payload reached EOF before completing: ${inner}`,
    },
  });
}

/** `100 MB`, or `100 MiB` where the number is a multiple of 1024, as a node prints sizes. */
export function formatBytes(bytes: number): string {
  const isBinary = bytes % 1024 === 0;
  const base = isBinary ? 1024 : 1000;
  const units = isBinary ? ['B', 'KiB', 'MiB', 'GiB', 'TiB'] : ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  for (; value >= base && unit < units.length - 1; unit += 1) value /= base;
  return `${value} ${units[unit]}`;
}
