/**
 * Writes the answers we send on an ext_proc stream, each into one exactly sized buffer. Written by hand
 * for the same reason as decode.ts, and checked against the generated codec in the same tests.
 *
 * Header values travel as `raw_value`.
 */

/** Names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

const OVERWRITE_IF_EXISTS_OR_ADD = 2;

/** The mark on immediate answers by which Envoy's rules for its own errors (envoy/bootstrap) know them. */
const DETAILS = 'miroir';

/** ProcessingResponse.immediate_response: a whole answer in one message. */
export function encodeImmediate(
  status: number,
  headers: HeaderList,
  body: readonly Uint8Array[],
): Buffer {
  const bodyBytes = body.reduce((sum, chunk) => sum + chunk.length, 0);
  const statusBytes = numberFieldBytes(status);
  const mutation = setHeaders(headers);
  const innerBytes =
    bytesFieldBytes(statusBytes) +
    bytesFieldBytes(mutation.bytes) +
    bytesFieldBytes(bodyBytes) +
    bytesFieldBytes(DETAILS.length);
  const writer = new MessageWriter(bytesFieldBytes(innerBytes));
  writer.openField(7, innerBytes);
  writer.openField(1, statusBytes);
  writer.numberField(1, status);
  writer.openField(2, mutation.bytes);
  mutation.write(writer);
  writer.openField(3, bodyBytes);
  for (const chunk of body) writer.raw(chunk);
  writer.textField(5, DETAILS);
  return writer.buffer;
}

/** The same with a bare status 503: Envoy fills in its own error body. Only for faults of ours. */
export function encodeUnavailable(): Buffer {
  const status = 503;
  const statusBytes = numberFieldBytes(status);
  const writer = new MessageWriter(bytesFieldBytes(bytesFieldBytes(statusBytes)));
  writer.openField(7, bytesFieldBytes(statusBytes));
  writer.openField(1, statusBytes);
  writer.numberField(1, status);
  return writer.buffer;
}

/** ProcessingResponse.streamed_immediate_response, its head. */
export function encodeStreamedHead(status: number, headers: HeaderList, isEnd: boolean): Buffer {
  const all: HeaderList = [[':status', String(status)], ...headers.map(safe)];
  const mapBytes = all.reduce((sum, header) => sum + bytesFieldBytes(headerBytes(header)), 0);
  const headBytes = bytesFieldBytes(mapBytes) + (isEnd ? 2 : 0);
  const writer = new MessageWriter(bytesFieldBytes(bytesFieldBytes(headBytes)));
  writer.openField(11, bytesFieldBytes(headBytes));
  writer.openField(1, headBytes);
  writer.openField(1, mapBytes);
  for (const header of all) writer.header(1, header);
  if (isEnd) writer.numberField(3, 1);
  return writer.buffer;
}

/** ProcessingResponse.streamed_immediate_response, one piece of its body. */
export function encodeStreamedBody(piece: Uint8Array, isEnd: boolean): Buffer {
  const pieceBytes = bytesFieldBytes(piece.length) + (isEnd ? 2 : 0);
  const writer = new MessageWriter(bytesFieldBytes(bytesFieldBytes(pieceBytes)));
  writer.openField(11, bytesFieldBytes(pieceBytes));
  writer.openField(2, pieceBytes);
  writer.openField(1, piece.length);
  writer.raw(piece);
  if (isEnd) writer.numberField(2, 1);
  return writer.buffer;
}

/** ProcessingResponse.request_headers: lets the request go on, with headers set and its route chosen anew. */
export function encodeRoute(headers: HeaderList): Buffer {
  const mutation = setHeaders(headers);
  const commonBytes = bytesFieldBytes(mutation.bytes) + 2;
  const writer = new MessageWriter(bytesFieldBytes(bytesFieldBytes(commonBytes)));
  writer.openField(1, bytesFieldBytes(commonBytes));
  writer.openField(1, commonBytes);
  writer.openField(2, mutation.bytes);
  mutation.write(writer);
  writer.numberField(5, 1);
  return writer.buffer;
}

/** ProcessingResponse.request_body: the body that goes on in the client's place, here an empty one. */
export function encodeEmptyBody(isEnd: boolean): Buffer {
  const streamedBytes = isEnd ? 2 : 0;
  const mutationBytes = bytesFieldBytes(streamedBytes);
  const commonBytes = bytesFieldBytes(mutationBytes);
  const writer = new MessageWriter(bytesFieldBytes(bytesFieldBytes(commonBytes)));
  writer.openField(3, bytesFieldBytes(commonBytes));
  writer.openField(1, commonBytes);
  writer.openField(3, mutationBytes);
  writer.openField(3, streamedBytes);
  if (isEnd) writer.numberField(2, 1);
  return writer.buffer;
}

/** ProcessingResponse.request_trailers, unchanged. */
export function encodeTrailers(): Buffer {
  const writer = new MessageWriter(2);
  writer.openField(5, 0);
  return writer.buffer;
}

interface Mutation {
  readonly bytes: number;
  write(writer: MessageWriter): void;
}

/** HeaderMutation.set_headers, each replacing what is there. */
function setHeaders(list: HeaderList): Mutation {
  const headers = list.map(safe);
  const optionBytes = (header: HeaderList[number]) => bytesFieldBytes(headerBytes(header)) + 2;
  return {
    bytes: headers.reduce((sum, header) => sum + bytesFieldBytes(optionBytes(header)), 0),
    write(writer) {
      for (const header of headers) {
        writer.openField(1, optionBytes(header));
        writer.header(1, header);
        writer.numberField(3, OVERWRITE_IF_EXISTS_OR_ADD);
      }
    },
  };
}

/** What cannot stand in a header, and what would become something else as Latin-1. */
const UNSAFE = /[^\t\x20-\x7e\x80-\xff]/;
const EVERY_UNSAFE = new RegExp(UNSAFE.source, 'g');

/** A header that no value can break out of: such characters are replaced, never cut to a byte. */
function safe(header: HeaderList[number]): HeaderList[number] {
  const [name, value] = header;
  return UNSAFE.test(value) ? [name, value.replace(EVERY_UNSAFE, '?')] : header;
}

/** HeaderValue{key 1, raw_value 3}; a byte a character, as HTTP headers are Latin-1. */
function headerBytes([name, value]: readonly [string, string]): number {
  return bytesFieldBytes(name.length) + bytesFieldBytes(value.length);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Size of a bytes, text or message field; all our field numbers are below 16, so a tag is one byte. */
function bytesFieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

function numberFieldBytes(value: number): number {
  return 1 + varintBytes(value);
}

class MessageWriter {
  readonly buffer: Buffer;
  private position = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  openField(field: number, length: number): void {
    this.buffer[this.position] = (field << 3) | 2;
    this.position += 1;
    this.varint(length);
  }

  numberField(field: number, value: number): void {
    this.buffer[this.position] = field << 3;
    this.position += 1;
    this.varint(value);
  }

  textField(field: number, text: string): void {
    this.openField(field, text.length);
    this.position += this.buffer.write(text, this.position, 'latin1');
  }

  header(field: number, header: readonly [string, string]): void {
    this.openField(field, headerBytes(header));
    this.textField(1, header[0]);
    this.textField(3, header[1]);
  }

  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  private varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.buffer[this.position] = (rest % 128) | 128;
      this.position += 1;
    }
    this.buffer[this.position] = rest;
    this.position += 1;
  }
}
