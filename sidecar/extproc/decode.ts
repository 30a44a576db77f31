/**
 * Reads the messages Envoy sends on an ext_proc stream. Written by hand because it runs for every
 * request: it goes from bytes straight to the map of headers, skips what is not used, and copies no
 * body. Field numbers are those of envoy/service/ext_proc/v3/external_processor.proto; unknown fields of
 * newer Envoys are skipped, as protobuf asks. The generated codec is the second opinion in the tests.
 */
import { MessageReader } from './message-reader.ts';

/** One message of Envoy. */
export type Inbound =
  | {
      readonly kind: 'headers';
      /** Names in lower case, pseudo headers included; repeated ones joined. */
      readonly headers: Map<string, string>;
      /** Nothing follows: the request has no body. */
      readonly isEnd: boolean;
      readonly protocol: FilterProtocol | undefined;
    }
  | { readonly kind: 'body'; readonly bytes: Uint8Array; readonly isEnd: boolean }
  | { readonly kind: 'trailers' }
  /** A phase that the filter should not send us. `field` is its number in ProcessingRequest. */
  | { readonly kind: 'unexpected'; readonly field: number };

/** How the filter says it is configured; comes with the first message of a stream. */
export interface FilterProtocol {
  /** ProcessingMode.BodySendMode of requests; FULL_DUPLEX_STREAMED is 4. */
  readonly requestBodyMode: number;
  /** The same of responses; NONE is 0. */
  readonly responseBodyMode: number;
}

const REQUEST_HEADERS = 2;
const REQUEST_BODY = 4;
const REQUEST_TRAILERS = 6;
const PHASES_FIRST = 2;
const PHASES_LAST = 7;
const PROTOCOL_CONFIG = 11;

/** Decodes one ProcessingRequest. Throws RangeError on bytes that are no protobuf message. */
export function decodeInbound(message: Buffer): Inbound {
  const reader = new MessageReader(message, 0, message.length);
  let phase = 0;
  let start = 0;
  let end = 0;
  let protocol: FilterProtocol | undefined;
  while (reader.next()) {
    if (!reader.isBytes()) {
      reader.skip();
      continue;
    }
    reader.readBytes();
    if (reader.field === PROTOCOL_CONFIG) {
      protocol = decodeProtocol(new MessageReader(message, reader.start, reader.end));
    } else if (reader.field >= PHASES_FIRST && reader.field <= PHASES_LAST) {
      phase = reader.field;
      start = reader.start;
      end = reader.end;
    }
  }
  const part = new MessageReader(message, start, end);
  switch (phase) {
    case REQUEST_HEADERS:
      return decodeHeaders(part, protocol);
    case REQUEST_BODY:
      return decodeBody(part);
    case REQUEST_TRAILERS:
      return { kind: 'trailers' };
    default:
      return { kind: 'unexpected', field: phase };
  }
}

function decodeProtocol(reader: MessageReader): FilterProtocol {
  let requestBodyMode = 0;
  let responseBodyMode = 0;
  while (reader.next()) {
    if (reader.field === 1 && reader.isVarint()) requestBodyMode = reader.readVarint();
    else if (reader.field === 2 && reader.isVarint()) responseBodyMode = reader.readVarint();
    else reader.skip();
  }
  return { requestBodyMode, responseBodyMode };
}

function decodeHeaders(reader: MessageReader, protocol: FilterProtocol | undefined): Inbound {
  const headers = new Map<string, string>();
  let isEnd = false;
  while (reader.next()) {
    if (reader.field === 1 && reader.isBytes()) {
      reader.readBytes();
      decodeHeaderMap(new MessageReader(reader.buffer, reader.start, reader.end), headers);
    } else if (reader.field === 3 && reader.isVarint()) {
      isEnd = reader.readVarint() !== 0;
    } else {
      reader.skip();
    }
  }
  return { kind: 'headers', headers, isEnd, protocol };
}

function decodeHeaderMap(reader: MessageReader, headers: Map<string, string>): void {
  while (reader.next()) {
    if (reader.field === 1 && reader.isBytes()) {
      reader.readBytes();
      decodeHeader(new MessageReader(reader.buffer, reader.start, reader.end), headers);
    } else {
      reader.skip();
    }
  }
}

/** Values are Latin-1, as everywhere in HTTP: a byte a character, nothing lost. */
function decodeHeader(reader: MessageReader, headers: Map<string, string>): void {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (!reader.isBytes()) {
      reader.skip();
      continue;
    }
    reader.readBytes();
    const text = reader.buffer.toString('latin1', reader.start, reader.end);
    if (reader.field === 1) key = text;
    else if ((reader.field === 2 || reader.field === 3) && text !== '') value = text;
  }
  const earlier = headers.get(key);
  if (earlier === undefined) headers.set(key, value);
  else headers.set(key, `${earlier}${key === 'cookie' ? '; ' : ', '}${value}`);
}

function decodeBody(reader: MessageReader): Inbound {
  let bytes: Uint8Array = reader.buffer.subarray(0, 0);
  let isEnd = false;
  while (reader.next()) {
    if (reader.field === 1 && reader.isBytes()) {
      reader.readBytes();
      bytes = reader.buffer.subarray(reader.start, reader.end);
    } else if ((reader.field === 2 || reader.field === 3) && reader.isVarint()) {
      // 3 is end_of_stream_without_message: the end came without a last piece.
      isEnd = reader.readVarint() !== 0 || isEnd;
    } else {
      reader.skip();
    }
  }
  return { kind: 'body', bytes, isEnd };
}
