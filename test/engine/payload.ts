/** Reads the body of a document route (JSON, NDJSON, CSV) into documents, or complains as a node does. */
import { readCsv } from './csv.ts';
import { EngineError } from './errors.ts';
import { JsonReader, JsonSyntaxError, parseJson } from './parse-json.ts';
import { Float, type Json, type JsonObject } from './value.ts';

/** A document as it was received. */
export interface SentDocument {
  readonly fields: JsonObject;
  /** What a node complains about only when it indexes the document. */
  readonly lateError: string | undefined;
}

/** Formats of a document payload. */
export type PayloadFormat = 'json' | 'ndjson' | 'csv';

const MESSAGE_BYTES_MAX = 138;

/** Reads a whole payload. Throws EngineError. */
export function readPayload(
  bytes: Buffer,
  format: PayloadFormat,
  delimiter: string,
): SentDocument[] {
  if (bytes.length === 0) {
    throw new EngineError('missing_payload', `A ${format} payload is missing.`);
  }
  if (format === 'csv') {
    return readCsv(bytes, delimiter).map((fields) => ({ fields, lateError: undefined }));
  }
  try {
    return format === 'ndjson' ? readLines(bytes) : readJson(bytes);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw malformed(error.message, format);
    throw error;
  }
}

function malformed(reason: string, format: PayloadFormat): EngineError {
  const raw = Buffer.from(reason);
  const shown =
    raw.length > MESSAGE_BYTES_MAX
      ? `${raw.subarray(0, 50)}...${raw.subarray(raw.length - 85)}`
      : reason;
  return new EngineError(
    'malformed_payload',
    `The \`${format}\` payload provided is malformed. \`Couldn't serialize document value: ${shown}\`.`,
  );
}

function readJson(bytes: Buffer): SentDocument[] {
  const reader = new JsonReader(bytes, true);
  if (reader.peek() === 0x5b) return readList(reader);
  if (reader.peek() === 0x7b) {
    return [{ fields: parseJson(bytes) as JsonObject, lateError: undefined }];
  }
  new JsonReader(bytes, false).value();
  throw malformed('data are neither an object nor a list of objects', 'json');
}

/** A list of documents; what follows its closing bracket is not looked at. */
function readList(reader: JsonReader): SentDocument[] {
  const documents: SentDocument[] = [];
  reader.at += 1;
  let isFirst = true;
  while (reader.hasNextItem(isFirst)) {
    isFirst = false;
    const start = startOfValue(reader);
    reader.lateError = undefined;
    const value = reader.value();
    reader.demandTextSince(start);
    if (!(value instanceof Map)) {
      endList(reader);
      throw notAMap(value, reader.at - start);
    }
    documents.push({ fields: value, lateError: reader.lateError });
  }
  reader.at += 1;
  return documents;
}

function startOfValue(reader: JsonReader): number {
  reader.peek();
  return reader.at;
}

/** After a wrong element the node wants the list to end. */
function endList(reader: JsonReader): void {
  const end = reader.at;
  const byte = reader.peek();
  if (byte === 0x2c) {
    reader.at += 1;
    if (reader.peek() === 0x5d) throw reader.peekError('trailing comma');
    throw reader.peekError('trailing characters');
  }
  if (byte === -1) throw reader.peekError('EOF while parsing a list');
  if (byte !== 0x5d) throw reader.peekError('trailing characters');
  reader.at = end;
}

function notAMap(value: Json, rawBytes: number): EngineError {
  const isList = Array.isArray(value);
  return new EngineError(
    'internal',
    `invalid type: ${nameType(value)}, expected a map at line 1 column ${isList ? 0 : rawBytes}`,
  );
}

/** What serde calls a value of the wrong type. */
export function nameType(value: Json): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return `boolean \`${value}\``;
  if (typeof value === 'string') return `string ${JSON.stringify(value)}`;
  if (value instanceof Float) {
    return `floating point \`${Number.isInteger(value.value) ? `${value.value}.0` : value.value}\``;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return `integer \`${value}\``;
  return Array.isArray(value) ? 'sequence' : 'map';
}

function readLines(bytes: Buffer): SentDocument[] {
  const reader = new JsonReader(bytes, true);
  const documents: SentDocument[] = [];
  while (reader.peek() !== -1) {
    const start = reader.at;
    reader.lateError = undefined;
    const value = reader.value();
    reader.demandTextSince(start);
    if (!(value instanceof Map)) throw notAMap(value, reader.at - start);
    documents.push({ fields: value, lateError: reader.lateError });
  }
  return documents;
}
