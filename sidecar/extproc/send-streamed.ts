/** Sends an answer of known size as a head and pieces, waiting whenever the stream asks to. */
import type { GatewayReply } from '../http/exchange.ts';
import { encodeStreamedBody, encodeStreamedHead } from './encode.ts';
import type { StreamPeer } from './stream.ts';

const PIECE_BYTES = 64 * 1024;

/** Bytes of a reply's body, or undefined if it is a stream. */
export function replyBytes(reply: GatewayReply): number | undefined {
  if (!Array.isArray(reply.body)) return undefined;
  return (reply.body as readonly Uint8Array[]).reduce((sum, chunk) => sum + chunk.length, 0);
}

/** Sends `reply`, whose body has `bytes` bytes; stops quietly once `isOver` says so. */
export async function sendStreamed(
  peer: StreamPeer,
  reply: GatewayReply,
  bytes: number,
  isOver: () => boolean,
): Promise<void> {
  const headers = [...reply.headers, ['content-length', String(bytes)] as const];
  peer.write(encodeStreamedHead(reply.status, headers, false));
  let sentBytes = 0;
  for (const chunk of reply.body as readonly Uint8Array[]) {
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      const piece = chunk.subarray(start, start + PIECE_BYTES);
      sentBytes += piece.length;
      if (!peer.write(encodeStreamedBody(piece, sentBytes === bytes))) await peer.drained();
      if (isOver()) return;
    }
  }
}
