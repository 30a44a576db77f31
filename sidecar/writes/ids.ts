/** Identifiers in the body of delete-batch: texts as they are, any other value as the JSON text a node prints. */
import { debugText } from '../../core/documents/index.ts';
import { rewriteValue } from '../../core/json/rewrite.ts';
import { SerdeReader } from '../../core/json/serde-reader.ts';
import type { SmallBody } from './small-body.ts';

/** A node's text about a body that is no array, or undefined. */
export function findNonSequence(body: SmallBody): string | undefined {
  if (body.first === 0x5b) return undefined;
  const { value } = body;
  const reader = new SerdeReader(body.window);
  reader.skipBlanks();
  const start = reader.index;
  reader.skipValue();
  const text = rewriteValue(body.window, start, reader.index);
  const column = typeof value === 'object' && value !== null ? start : reader.index;
  const line = body.bytes.subarray(0, column).filter((byte) => byte === 0x0a).length + 1;
  const lineStart = body.bytes.subarray(0, column).lastIndexOf(0x0a) + 1;
  return `Json deserialize error: invalid type: ${kindOf(value, text)}, expected a sequence at line ${line} column ${column - lineStart}`;
}

function kindOf(value: unknown, text: string): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `string ${debugText(value)}`;
  if (typeof value === 'boolean') return `boolean \`${text}\``;
  if (typeof value !== 'number') return 'map';
  return /[.eE]/.test(text) ? `floating point \`${text}\`` : `integer \`${text}\``;
}

/** The identifiers of a body that is an array. */
export function readIds(body: SmallBody): string[] {
  const ids: string[] = [];
  const reader = new SerdeReader(body.window);
  reader.skipBlanks();
  reader.index += 1;
  while (reader.nextElement(ids.length === 0)) {
    const isText = reader.skipBlanks() === 0x22;
    const start = reader.index;
    if (isText) {
      reader.index += 1;
      ids.push(reader.readString());
    } else {
      reader.skipValue();
      ids.push(rewriteValue(body.window, start, reader.index));
    }
  }
  return ids;
}
