/**
 * What a node says about a value that should be an object and is none. It says so for elements of a
 * payload (at once, as an internal error) and for `_vectors` (when the task runs).
 */
import type { ByteWindow } from '../json/byte-source.ts';
import { JsonFault } from '../json/json-fault.ts';
import { formatDouble, readNumber } from '../json/serde-number.ts';
import { SerdeReader } from '../json/serde-reader.ts';
import { debugText } from './csv.ts';
import type { Span } from './primary-key.ts';

/**
 * The node's text about the value between `start` and `end`, or undefined if it is an object. Throws
 * JsonFault, placed in the window, if a name or the value itself cannot become data.
 */
export function findNonObject(window: ByteWindow, span: Span): string | undefined {
  const reader = new SerdeReader(window, span.start, span.end);
  const found = describeNonObject(reader);
  if (found === undefined) return undefined;
  const { line, column } = new JsonFault('value', reader.index).placeFrom(window, span.start);
  return `invalid type: ${found}, expected a map at line ${line} column ${column}`;
}

function describeNonObject(reader: SerdeReader): string | undefined {
  const byte = reader.skipBlanks();
  if (byte === 0x7b) {
    reader.readMembers(() => reader.skipValue());
    return undefined;
  }
  if (byte === 0x5b) return 'sequence';
  if (byte === 0x22) {
    reader.index += 1;
    return `string ${debugText(reader.readString())}`;
  }
  if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
    const number = readNumber(reader.readNumberText());
    if (number.kind === 'integer') return `integer \`${number.text}\``;
    return number.kind === 'double'
      ? `floating point \`${formatDouble(number.value)}\``
      : undefined;
  }
  reader.passLiteral(byte);
  return byte === 0x6e ? 'null' : `boolean \`${byte === 0x74}\``;
}
