/**
 * `_formatted` where a node did not make it. A node formats a hit only if it has seen one of the fields
 * to be highlighted or cropped; one node with all documents has seen what any of several has. For hits of
 * the others, which have none of these fields, `_formatted` is what is retrieved, with numbers as texts.
 */
import { ByteWriter, Items, Members } from '../json/slice.ts';
import type { Hit } from './hits.ts';
import type { Projection } from './projection.ts';
import { writeFields, writeHit } from './write-hit.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** What else stands in a hit beside the document. */
const NOT_OF_DOCUMENT = new Set([
  '_formatted',
  '_matchesPosition',
  '_rankingScore',
  '_rankingScoreDetails',
  '_geoDistance',
  '_federation',
  '_vectors',
]);

/** Writes the hit, with `_formatted` even if the node made none. */
export function writeFormattedHit(writer: ByteWriter, hit: Hit, projection: Projection): void {
  if (hit.hasFormatted) {
    writeHit(writer, hit, projection);
    return;
  }
  const start = writer.length;
  writeHit(writer, hit, projection);
  const shown = new ByteWriter(hit.end - hit.start + 64);
  const { fields } = projection;
  writeFields(shown, hit.bytes, hit.start, { fields, keepsVectors: false, isStrict: true });
  const bytes = shown.done();
  const members = new Members(bytes, 0);
  // The closing brace makes room for one more member.
  writer.truncate(writer.length - 1);
  const isEmpty = writer.length === start + 1;
  let count = 0;
  while (members.next()) {
    if (NOT_OF_DOCUMENT.has(members.name())) continue;
    if (count === 0) writer.text(`${isEmpty ? '' : ','}"_formatted":{`);
    else writer.byte(COMMA);
    count += 1;
    writer.copy(bytes, members.nameStart - 1, members.valueStart);
    writeTexts(writer, bytes, members.valueStart, members.valueEnd);
  }
  if (count > 0) writer.byte(CLOSE_BRACE);
  writer.byte(CLOSE_BRACE);
}

/** Copies a value; numbers, however deep, become texts. */
function writeTexts(writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  const first = bytes[start] as number;
  if (first === OPEN_BRACE) {
    const members = new Members(bytes, start);
    writer.byte(OPEN_BRACE);
    for (let place = 0; members.next(); place += 1) {
      if (place > 0) writer.byte(COMMA);
      writer.copy(bytes, members.nameStart - 1, members.valueStart);
      writeTexts(writer, bytes, members.valueStart, members.valueEnd);
    }
    writer.byte(CLOSE_BRACE);
  } else if (first === OPEN_BRACKET) {
    const items = new Items(bytes, start);
    writer.byte(OPEN_BRACKET);
    for (let place = 0; items.next(); place += 1) {
      if (place > 0) writer.byte(COMMA);
      writeTexts(writer, bytes, items.start, items.end);
    }
    writer.byte(CLOSE_BRACKET);
  } else {
    const isNumber = first === MINUS || (first >= DIGIT_0 && first <= DIGIT_9);
    if (isNumber) writer.byte(QUOTE);
    writer.copy(bytes, start, end);
    if (isNumber) writer.byte(QUOTE);
  }
}
