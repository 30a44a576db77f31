/**
 * One node's share of a write as the bytes that travel: documents in payload order with the internal
 * fields spliced in, cut into parts at document borders. Streams from the spool and holds a few blocks.
 */
import { assert } from '../../core/assert.ts';
import type { DocumentTable } from '../../core/documents/index.ts';
import { patchTail, TAIL_BYTES, tailTemplate } from '../../core/reserved/index.ts';
import type { Spool } from './spool.ts';

/** Largest part after splicing, unless one document alone is larger. A node accepts 100 MB. */
export const PART_BYTES_MAX: number = 64 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Largest part that is made at once. */
const SMALL_BYTES_MAX = 64 * 1024;
const COMMA = 0x2c;
const NEWLINE = 0x0a;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;

/** How documents stand beside each other. A client's JSON stays JSON: a node then reads it alike. */
export type Framing = 'json' | 'ndjson';

/** A run of rows that travels as one body. */
export interface Part {
  /** Places in the share's rows. */
  readonly from: number;
  readonly to: number;
  /** Exact length of the body. */
  readonly bodyBytes: number;
}

/** Cuts a share into parts; none if it has no rows. */
export function cutParts(
  table: DocumentTable,
  rows: Uint32Array,
  framing: Framing,
  partBytesMax: number = PART_BYTES_MAX,
): Part[] {
  const frameBytes = framing === 'json' ? 1 : 0;
  const parts: Part[] = [];
  let from = 0;
  let bytes = frameBytes;
  for (let at = 0; at < rows.length; at += 1) {
    const added = (table.lengths[rows[at] as number] as number) - 1 + TAIL_BYTES + 1;
    if (at > from && bytes + added > partBytesMax) {
      parts.push({ from, to: at, bodyBytes: bytes });
      from = at;
      bytes = frameBytes;
    }
    bytes += added;
  }
  if (rows.length > from) parts.push({ from, to: rows.length, bodyBytes: bytes });
  return parts;
}

/** What the body of a part is made from. */
export interface ShareSource {
  readonly spool: Spool;
  readonly table: DocumentTable;
  readonly rows: Uint32Array;
  readonly framing: Framing;
  readonly seq: number;
  readonly shardCount: number;
}

/** The body of one part as it is best sent. */
export function bodyOf(source: ShareSource, part: Part): Uint8Array | AsyncIterable<Uint8Array> {
  const isSmall = source.spool.isInMemory && part.bodyBytes <= SMALL_BYTES_MAX;
  return isSmall ? partBytes(source, part) : partBody(source, part);
}

/** The body of one part: `part.bodyBytes` bytes in all. Each chunk is a fresh array. */
export async function* partBody(source: ShareSource, part: Part): AsyncGenerator<Uint8Array> {
  const { spool, table, rows, framing } = source;
  const template = tailTemplate(source.seq);
  const mask = source.shardCount - 1;
  const reader = spool.reader();
  const isJson = framing === 'json';
  let out = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, part.bodyBytes));
  let used = 0;
  let sent = 0;
  if (isJson) {
    out[0] = BRACKET_OPEN;
    used = 1;
  }
  for (let at = part.from; at < part.to; at += 1) {
    const row = rows[at] as number;
    let offset = table.offsets[row] as number;
    // Without its closing brace, which is part of the tail.
    const end = offset + (table.lengths[row] as number) - 1;
    while (offset < end) {
      const start = offset - reader.from;
      if (start < 0 || start >= reader.block.length) {
        await reader.load(offset);
        continue;
      }
      if (used === out.length) {
        yield out;
        sent += used;
        out = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, part.bodyBytes - sent));
        used = 0;
      }
      const count = Math.min(reader.block.length - start, end - offset, out.length - used);
      reader.block.copy(out, used, start, start + count);
      used += count;
      offset += count;
    }
    if (out.length - used < TAIL_BYTES + 1) {
      yield out.subarray(0, used);
      sent += used;
      out = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, part.bodyBytes - sent));
      used = 0;
    }
    out.set(template, used);
    patchTail(out, used, (table.hashLows[row] as number) & mask, row);
    used += TAIL_BYTES;
    out[used] = !isJson ? NEWLINE : at + 1 < part.to ? COMMA : BRACKET_CLOSE;
    used += 1;
  }
  sent += used;
  assert(sent === part.bodyBytes, 'a part is as long as was said');
  yield out.subarray(0, used);
}

/** The body of a small part at once, from a spool in memory: a stream costs more than its bytes. */
function partBytes(source: ShareSource, part: Part): Buffer {
  const { spool, table, rows, framing } = source;
  const template = tailTemplate(source.seq);
  const mask = source.shardCount - 1;
  const isJson = framing === 'json';
  const out = Buffer.allocUnsafe(part.bodyBytes);
  let used = 0;
  if (isJson) {
    out[0] = BRACKET_OPEN;
    used = 1;
  }
  for (let at = part.from; at < part.to; at += 1) {
    const row = rows[at] as number;
    // Without its closing brace, which is part of the tail.
    const length = (table.lengths[row] as number) - 1;
    spool.read(table.offsets[row] as number, out.subarray(used, used + length));
    used += length;
    out.set(template, used);
    patchTail(out, used, (table.hashLows[row] as number) & mask, row);
    used += TAIL_BYTES;
    out[used] = !isJson ? NEWLINE : at + 1 < part.to ? COMMA : BRACKET_CLOSE;
    used += 1;
  }
  assert(used === part.bodyBytes, 'a part is as long as was said');
  return out;
}
