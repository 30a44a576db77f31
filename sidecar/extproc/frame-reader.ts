/**
 * Cuts what arrives on a gRPC stream into messages: five bytes (not compressed, length), then the message.
 * A message that came in one piece is handed on without being copied.
 */

const PREFIX_BYTES = 5;
const NONE = Buffer.alloc(0);

/** The messages of one stream. */
export class FrameReader {
  private readonly maxBytes: number;
  private readonly onMessage: (message: Buffer) => void;
  private pieces: Buffer[] = [];
  private gatheredBytes = 0;
  /** Bytes the next step needs: those of a prefix until it is known, then of prefix and message. */
  private neededBytes = PREFIX_BYTES;

  /** Messages above `maxBytes` are refused. */
  constructor(maxBytes: number, onMessage: (message: Buffer) => void) {
    this.maxBytes = maxBytes;
    this.onMessage = onMessage;
  }

  /** Takes bytes as they arrive. Throws RangeError on a message that is compressed or too long. */
  push(piece: Buffer): void {
    this.pieces.push(piece);
    this.gatheredBytes += piece.length;
    // Joined only when there is enough: a long message arrives in many pieces.
    if (this.gatheredBytes < this.neededBytes) return;
    let rest = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces);
    for (;;) {
      this.neededBytes = rest.length < PREFIX_BYTES ? PREFIX_BYTES : this.frameBytes(rest);
      if (rest.length < this.neededBytes) break;
      this.onMessage(rest.subarray(PREFIX_BYTES, this.neededBytes));
      rest = rest.length === this.neededBytes ? NONE : rest.subarray(this.neededBytes);
    }
    this.pieces = rest.length === 0 ? [] : [rest];
    this.gatheredBytes = rest.length;
  }

  private frameBytes(rest: Buffer): number {
    const messageBytes = rest.readUInt32BE(1);
    if (rest[0] !== 0) throw new RangeError('compressed gRPC message');
    if (messageBytes > this.maxBytes) throw new RangeError(`gRPC message of ${messageBytes} bytes`);
    return PREFIX_BYTES + messageBytes;
  }
}
