/** The body that routes read: inflated if its content-encoding says so, and counted against the limit. */
import { tooLarge } from './body-error.ts';
import { bodyEncoding, inflate } from './inflate.ts';

/** What decides how a body is read. */
export interface BodyOptions {
  readonly headers: ReadonlyMap<string, string>;
  /** Most bytes, counted after inflation. */
  readonly maxBytes: number;
}

/** Wraps the bytes that arrive. Nothing is read before the first step of the iteration. */
export async function* requestBody(
  source: AsyncIterable<Uint8Array>,
  options: BodyOptions,
): AsyncGenerator<Uint8Array> {
  const { headers, maxBytes } = options;
  const encoding = bodyEncoding(headers.get('content-encoding'));
  const announcedBytes = Number(headers.get('content-length') ?? 0);
  if (encoding === undefined && announcedBytes > maxBytes) throw tooLarge(maxBytes, announcedBytes);
  let bytes = 0;
  for await (const piece of encoding === undefined ? source : inflate(source, encoding)) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}
