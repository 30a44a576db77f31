/** Walks over the fields of one protobuf message without building objects for them. */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A cursor over the fields in `buffer` from `position` up to `limit`. */
export class MessageReader {
  readonly buffer: Buffer;
  /** Number of the current field. */
  field = 0;
  /** Where the bytes that `readBytes` found begin and end. */
  start = 0;
  end = 0;
  private position: number;
  private readonly limit: number;
  private wireType = VARINT;

  constructor(buffer: Buffer, position: number, limit: number) {
    this.buffer = buffer;
    this.position = position;
    this.limit = limit;
  }

  /** Goes to the next field; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.limit) return false;
    const tag = this.readVarint();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  isBytes(): boolean {
    return this.wireType === BYTES;
  }

  isVarint(): boolean {
    return this.wireType === VARINT;
  }

  /** Reads the place of a bytes, text or message field into `start` and `end`. */
  readBytes(): void {
    const length = this.readVarint();
    this.start = this.position;
    this.end = this.position + length;
    if (this.end > this.limit) throw new RangeError('protobuf field longer than its message');
    this.position = this.end;
  }

  /** Reads a number below 2^53; higher bits of a longer one are lost. */
  readVarint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < 10; length += 1) {
      if (this.position >= this.limit) break;
      const byte = this.buffer[this.position] as number;
      this.position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('protobuf number without an end');
  }

  /** Passes over the current field, whatever it is. */
  skip(): void {
    if (this.wireType === VARINT) this.readVarint();
    else if (this.wireType === BYTES) this.readBytes();
    else if (this.wireType === FIXED64) this.advance(8);
    else if (this.wireType === FIXED32) this.advance(4);
    else throw new RangeError(`protobuf wire type ${this.wireType}`);
  }

  private advance(bytes: number): void {
    this.position += bytes;
    if (this.position > this.limit) throw new RangeError('protobuf field longer than its message');
  }
}
