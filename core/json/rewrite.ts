/**
 * Writes a value again as serde_json would: compact, numbers in its form, of repeated names the last
 * value at the first one's place. Only texts of errors are made so; documents keep their bytes.
 */
import type { ByteWindow } from './byte-source.ts';
import { rewriteNumber } from './serde-number.ts';
import { SerdeReader } from './serde-reader.ts';

/** Values longer than this are quoted in part: a client cannot make us hold its document as a message. */
const REWRITE_BYTES_MAX = 64 * 1024;

/** The value between `start` and `end`, whose grammar was checked before. */
export function rewriteValue(window: ByteWindow, start: number, end: number): string {
  const reader = new SerdeReader(window, start, end);
  if (end - start > REWRITE_BYTES_MAX) {
    return `${reader.window.slice(start, start + REWRITE_BYTES_MAX).toString('utf8')}…`;
  }
  return rewriteAt(reader);
}

function rewriteAt(reader: SerdeReader): string {
  const byte = reader.skipBlanks();
  if (byte === 0x7b) {
    const members = new Map<string, string>();
    reader.readMembers((name) => members.set(name, rewriteAt(reader)));
    return `{${Array.from(members, ([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
  }
  if (byte === 0x5b) {
    const elements: string[] = [];
    reader.index += 1;
    while (reader.nextElement(elements.length === 0)) elements.push(rewriteAt(reader));
    reader.index += 1;
    return `[${elements.join(',')}]`;
  }
  const start = reader.index;
  reader.skipValue();
  const text = reader.window.slice(start, reader.index).toString('utf8');
  if (byte === 0x22) return rewriteString(text);
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39) ? rewriteNumber(text) : text;
}

/** Lone surrogates stay escaped: the node would not get so far as to print them. */
function rewriteString(text: string): string {
  return JSON.stringify(JSON.parse(text));
}
