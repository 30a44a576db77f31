/** Sends an answer as a head and pieces, waiting whenever the stream asks to. */
import type { GatewayReply } from '../http/exchange.ts';
import { encodeStreamedBody, encodeStreamedHead } from './encode.ts';
import type { StreamPeer } from './stream.ts';

const PIECE_BYTES = 64 * 1024;

/** What is known of an answer besides itself. */
export interface SendOptions {
  /** Bytes of its body; undefined if it is a stream, which only a HEAD request may be answered with. */
  readonly bytes: number | undefined;
  /** Nothing but the head is sent, with the length of the body that stays away. */
  readonly isHead: boolean;
  /** Whether the client is gone. */
  readonly isOver: () => boolean;
}

/** Bytes of a reply's body, or undefined if it is a stream. */
export function replyBytes(reply: GatewayReply): number | undefined {
  if (!Array.isArray(reply.body)) return undefined;
  let bytes = 0;
  for (const chunk of reply.body as readonly Uint8Array[]) bytes += chunk.length;
  return bytes;
}

/** Sends `reply`; false if the client left before its end. */
export async function sendStreamed(
  peer: StreamPeer,
  reply: GatewayReply,
  { bytes, isHead, isOver }: SendOptions,
): Promise<boolean> {
  const hasNoLength = bytes === undefined || reply.status === 204 || reply.status === 304;
  const headers = hasNoLength
    ? reply.headers
    : [...reply.headers, ['content-length', String(bytes)] as const];
  const isBare = isHead || bytes === undefined || bytes === 0;
  peer.write(encodeStreamedHead(reply.status, headers, isBare));
  if (isBare) return true;
  let sentBytes = 0;
  for (const chunk of reply.body as readonly Uint8Array[]) {
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      const piece = chunk.subarray(start, start + PIECE_BYTES);
      sentBytes += piece.length;
      if (!peer.write(encodeStreamedBody(piece, sentBytes === bytes))) await peer.drained();
      if (isOver()) return sentBytes === bytes;
    }
  }
  return true;
}
