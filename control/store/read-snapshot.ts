/** Reads a snapshot (snapshot.ts) from pieces of any size; nothing is believed before its checksum. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { UnusableSnapshot } from './errors.ts';
import { SCHEMA_VERSION } from './meta.ts';
import {
  CHUNK_BYTES_MAX,
  CHUNK_HEAD_BYTES,
  RECORD,
  SNAPSHOT_FORMAT,
  type SnapshotHeader,
} from './snapshot.ts';

const RECORD_BYTES_MAX = 64 * 1024 * 1024;
const DIGEST_BYTES = 32;

/** A part of a snapshot, in order: the header, then values, then the end once all of it was right. */
export type SnapshotPart =
  | { readonly kind: 'header'; readonly header: SnapshotHeader }
  | { readonly kind: 'value'; readonly key: string; readonly value: Buffer }
  | { readonly kind: 'end' };

/** Reads the parts. Throws UnusableSnapshot; what came before that must not be used. */
export async function* readSnapshot(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<SnapshotPart> {
  const parser = new RecordParser();
  for await (const payload of payloads(pieces)) yield* parser.push(payload);
  if (!parser.isEnded) throw new UnusableSnapshot('the snapshot is cut off');
}

async function* payloads(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    let at = 0;
    while (rest.length - at >= CHUNK_HEAD_BYTES) {
      const length = rest.readUInt32LE(at);
      if (length > CHUNK_BYTES_MAX - CHUNK_HEAD_BYTES) {
        throw new UnusableSnapshot('this is no snapshot of Miroir, or a damaged one');
      }
      const start = at + CHUNK_HEAD_BYTES;
      if (rest.length < start + length) break;
      const payload = rest.subarray(start, start + length);
      if (crc32(payload) !== rest.readUInt32LE(at + 4)) {
        throw new UnusableSnapshot('the snapshot is damaged: a chunk does not match its checksum');
      }
      yield payload;
      at = start + length;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw new UnusableSnapshot('the snapshot is cut off');
}

class RecordParser {
  readonly #hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);
  #count = 0n;
  #hasHeader = false;
  isEnded = false;

  *push(payload: Buffer): Generator<SnapshotPart> {
    const bytes = this.#rest.length === 0 ? payload : Buffer.concat([this.#rest, payload]);
    let at = 0;
    for (;;) {
      const record = bytes.subarray(at);
      const length = recordBytes(record);
      if (length > RECORD_BYTES_MAX) throw new UnusableSnapshot('the snapshot is damaged');
      if (record.length < length) break;
      if (this.isEnded) throw new UnusableSnapshot('the snapshot goes on after its end');
      yield this.#read(record.subarray(0, length));
      at += length;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    if (this.isEnded && this.#rest.length > 0) {
      throw new UnusableSnapshot('the snapshot goes on after its end');
    }
  }

  #read(record: Buffer): SnapshotPart {
    const kind = record.readUInt8(0);
    if ((kind === RECORD.header) === this.#hasHeader) {
      throw new UnusableSnapshot('this is no snapshot of Miroir, or a damaged one');
    }
    if (kind === RECORD.end) return this.#end(record);
    this.#hash.update(record);
    if (kind === RECORD.header) {
      this.#hasHeader = true;
      return { kind: 'header', header: readHeader(record.subarray(5)) };
    }
    this.#count += 1n;
    const keyEnd = 3 + record.readUInt16LE(1);
    return {
      kind: 'value',
      key: record.toString('utf8', 3, keyEnd),
      value: Buffer.from(record.subarray(keyEnd + 4)),
    };
  }

  #end(record: Buffer): SnapshotPart {
    const digest = this.#hash.update(record.subarray(0, 9)).digest();
    const isWhole = record.readBigUInt64LE(1) === this.#count;
    if (!isWhole || !digest.equals(record.subarray(9))) {
      throw new UnusableSnapshot('the snapshot is damaged: its values do not match its end');
    }
    this.isEnded = true;
    return { kind: 'end' };
  }
}

/** Bytes of the record at the beginning, or more than there are if that is not yet known. */
function recordBytes(bytes: Buffer): number {
  if (bytes.length === 0) return 1;
  switch (bytes.readUInt8(0)) {
    case RECORD.header:
      return bytes.length < 5 ? 5 : 5 + bytes.readUInt32LE(1);
    case RECORD.value: {
      if (bytes.length < 3) return 3;
      const keyEnd = 3 + bytes.readUInt16LE(1);
      return bytes.length < keyEnd + 4 ? keyEnd + 4 : keyEnd + 4 + bytes.readUInt32LE(keyEnd);
    }
    case RECORD.end:
      return 9 + DIGEST_BYTES;
    default:
      throw new UnusableSnapshot('this is no snapshot of Miroir, or a damaged one');
  }
}

function readHeader(json: Buffer): SnapshotHeader {
  const header = JSON.parse(json.toString('utf8')) as SnapshotHeader;
  if (header.format > SNAPSHOT_FORMAT || header.schema > SCHEMA_VERSION) {
    throw new UnusableSnapshot(
      `the snapshot was written by a newer Miroir (format ${header.format}, schema ${header.schema}; this program knows ${SNAPSHOT_FORMAT} and ${SCHEMA_VERSION})`,
    );
  }
  if (header.schema < SCHEMA_VERSION) {
    throw new UnusableSnapshot(
      `the snapshot was written by an older Miroir (schema ${header.schema}, this program has ${SCHEMA_VERSION})`,
    );
  }
  return header;
}
