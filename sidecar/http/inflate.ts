/**
 * Inflates a request body as a stream. Which encodings count, and how their names are compared, is what
 * a node does: gzip, deflate (zlib) and br, any other name leaves the body as it is.
 *
 * A bomb is stopped by what it inflates to, never by what it says: at most RATIO_MAX times the bytes
 * that came in, once more than a small amount came out; the limit on the whole body is counted outside.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { BodyError, corrupt, tooDense } from './body-error.ts';

/** Encodings that are inflated. */
export type BodyEncoding = 'gzip' | 'deflate' | 'br';

/** Most bytes out for one byte in. */
export const RATIO_MAX = 200;
/** Small bodies of one repeated letter are harmless. */
const RATIO_FREE_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** The encoding that a content-encoding header names, or undefined where nothing is to be inflated. */
export function bodyEncoding(header: string | undefined): BodyEncoding | undefined {
  const name = header?.trim().toLowerCase();
  return name === 'gzip' || name === 'deflate' || name === 'br' ? name : undefined;
}

/** Inflates `source` piece by piece. Throws BodyError if it is damaged or too dense. */
export async function* inflate(
  source: AsyncIterable<Uint8Array>,
  encoding: BodyEncoding,
): AsyncGenerator<Uint8Array> {
  const inflater = makeInflater(encoding);
  let inBytes = 0;
  let outBytes = 0;
  const counted = async function* () {
    for await (const chunk of source) {
      inBytes += chunk.length;
      yield chunk;
    }
  };
  // Errors of either side surface in the loop below, because pipeline destroys the inflater with them.
  const feeding = pipeline(Readable.from(counted(), { objectMode: true }), inflater).catch(
    () => undefined,
  );
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      outBytes += piece.length;
      if (outBytes > RATIO_FREE_BYTES && outBytes > RATIO_MAX * inBytes) throw tooDense(RATIO_MAX);
      yield piece;
    }
    // Bytes after the end of the encoded stream, or none at all, are an error to a node.
    if (inBytes === 0 || inflater.bytesWritten < inBytes) throw corrupt(encoding);
  } catch (error) {
    throw isZlibError(error) ? corrupt(encoding, error) : error;
  } finally {
    inflater.destroy();
    await feeding;
  }
}

function makeInflater(encoding: BodyEncoding) {
  switch (encoding) {
    case 'gzip':
      return createGunzip({ chunkSize: PIECE_BYTES });
    case 'deflate':
      return createInflate({ chunkSize: PIECE_BYTES });
    case 'br':
      return createBrotliDecompress({ chunkSize: PIECE_BYTES });
  }
}

function isZlibError(error: unknown): boolean {
  if (error instanceof BodyError || !(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return /^(Z_|ERR_|BR_)/.test(code) && code !== 'ERR_STREAM_PREMATURE_CLOSE';
}
