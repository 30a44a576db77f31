/** Copies objects without what is Miroir's own in them. */

import { type ByteWriter, Members } from '../json/slice.ts';
import { RESERVED_PREFIX } from '../reserved/index.ts';

/** An object without members that begin with our prefix, and objects so many levels within it. */
export function writeUnreserved(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  levels = 0,
): void {
  const members = new Members(bytes, at);
  writer.text('{');
  let isFirst = true;
  while (members.next()) {
    if (members.hasPrefix(RESERVED_PREFIX)) continue;
    if (!isFirst) writer.text(',');
    isFirst = false;
    writer.copy(bytes, members.nameStart - 1, members.valueStart);
    if (levels > 0 && bytes[members.valueStart] === OPEN_BRACE) {
      writeUnreserved(writer, bytes, members.valueStart, levels - 1);
    } else {
      writer.copy(bytes, members.valueStart, members.valueEnd);
    }
  }
  writer.text('}');
}

const OPEN_BRACE = 0x7b;
