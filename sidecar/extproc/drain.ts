/**
 * Answering while a client still sends: HTTP/1 clients may not look before they are done, and Envoy
 * closes the connection after such an answer. So a small rest of the body is read and dropped first, for
 * a short while; a large one is not worth it.
 */
import type { BodyQueue } from '../http/body-queue.ts';

const DRAIN_BYTES_MAX = 1024 * 1024;
const DRAIN_MS_MAX = 250;

/**
 * Drops what is left of the body. Without `maxBytes`, gives up after a megabyte or a quarter of a second;
 * with it, the end is needed, and that many bytes and Envoy's idle timeout are the only bounds.
 */
export async function drainBody(
  body: BodyQueue,
  headers: ReadonlyMap<string, string>,
  maxBytes: number | undefined,
): Promise<void> {
  const limitBytes = maxBytes ?? DRAIN_BYTES_MAX;
  const restBytes = Number(headers.get('content-length') ?? 0) - body.receivedBytes;
  if (restBytes > limitBytes) return;
  const stopAtBytes = body.receivedBytes + limitBytes;
  body.discard();
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const late = new Promise<void>((resolve) => {
    if (maxBytes !== undefined) return;
    timer = setTimeout(() => {
      isLate = true;
      resolve();
    }, DRAIN_MS_MAX);
  });
  while (!body.isOver && !isLate && body.receivedBytes < stopAtBytes)
    await Promise.race([body.changed(), late]);
  clearTimeout(timer);
}
