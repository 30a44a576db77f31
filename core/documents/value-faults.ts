/**
 * Values that a node takes in and then fails on while it indexes: what cannot become data, `_vectors` and
 * `_geo` of the wrong shape. Such a document fails its whole payload, so it is found before anything is
 * sent; otherwise the shares of other nodes would be written.
 * Source: Meilisearch 1.50, milli/src/vector/parsed_vectors.rs and update/new/extract/geo/mod.rs.
 */
import type { ByteWindow } from '../json/byte-source.ts';
import { JsonFault } from '../json/json-fault.ts';
import { rewriteValue } from '../json/rewrite.ts';
import { readNumber } from '../json/serde-number.ts';
import { SerdeReader } from '../json/serde-reader.ts';
import { findNonObject } from './non-object.ts';
import { readSpans, type Span } from './primary-key.ts';

/** What a node will say. `text` is what follows the name of the index. */
export interface ValueFault {
  readonly code: 'internal' | 'invalid_vectors_type' | 'invalid_document_geo_field';
  readonly text: string;
}

/** The document a value is in. */
export interface DocumentValues {
  readonly window: ByteWindow;
  /** Of repeated names the last. */
  readonly members: ReadonlyMap<string, Span>;
  /** Text of the identifier. */
  readonly id: string;
  /** The index filters or sorts by `_geo`. */
  readonly checksGeo: boolean;
}

/** The first value that indexing will fail on. */
export function findValueFault(values: DocumentValues): ValueFault | undefined {
  const { window, members } = values;
  for (const { start, end } of members.values()) {
    const text = faultOf(window, start, () => new SerdeReader(window, start, end).checkValue());
    if (text !== undefined) return { code: 'internal', text: `internal: ${text}.` };
  }
  return findVectorsFault(values) ?? (values.checksGeo ? findGeoFault(values) : undefined);
}

function faultOf(window: ByteWindow, base: number, walk: () => void): string | undefined {
  try {
    walk();
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return error.describe(window, base);
    throw error;
  }
}

function findVectorsFault({ window, members, id }: DocumentValues): ValueFault | undefined {
  const vectors = members.get('_vectors');
  if (vectors === undefined) return undefined;
  const nonObject = findNonObject(window, vectors);
  if (nonObject !== undefined) return { code: 'internal', text: nonObject };
  const entries = new Map(readSpans(new SerdeReader(window, vectors.start, vectors.end)));
  for (const [name, span] of entries) {
    const fault = describeVectors(window, name, span);
    if (fault === undefined) continue;
    const text = `Bad embedder configuration in the document with id: \`${id}\`. ${fault}`;
    return { code: 'invalid_vectors_type', text };
  }
  return undefined;
}

/** What is wrong with the vectors of one embedder; arrays are looked at only where the embedder exists. */
function describeVectors(window: ByteWindow, name: string, span: Span): string | undefined {
  const at = `\`._vectors.${name}\``;
  const reader = new SerdeReader(window, span.start, span.end);
  const byte = reader.skipBlanks();
  if (byte === 0x5b || byte === 0x6e) return undefined;
  if (byte !== 0x7b) {
    return `Expected ${at} to be an array of floats, an array of arrays of floats, or an object with at least the field \`regenerate\`, but got the ${describeScalar(reader, byte)}`;
  }
  let hasRegenerate = false;
  let wrongFlag: string | undefined;
  const text = faultOf(window, span.start, () =>
    reader.readMembers((member) => {
      const isKnown = member === 'regenerate' || member === 'embeddings';
      // The node gives up at the colon and finds that the object does not end there.
      if (!isKnown) throw new JsonFault('trailingCharacters', reader.index);
      const first = reader.skipBlanks();
      const start = reader.index;
      reader.skipValue();
      if (member === 'embeddings') return;
      hasRegenerate = true;
      if (first === 0x74 || first === 0x66) return;
      const next = reader.skipBlanks();
      if (next === 0x2c) reader.failAtPeek('trailingComma');
      wrongFlag ??= describeFlag(window, { start, end: reader.index }, span.start);
    }),
  );
  if (text !== undefined) return `Could not parse ${at}: ${text}`;
  if (wrongFlag !== undefined)
    return `Could not parse \`._vectors.${name}.regenerate\`: ${wrongFlag}`;
  if (hasRegenerate) return undefined;
  return `Missing field \`._vectors.${name}.regenerate\`\n  - note: ${at} must be an array of floats, an array of arrays of floats, or an object with field \`regenerate\``;
}

function describeFlag(window: ByteWindow, span: Span, base: number): string {
  const shown = findNonObject(window, span) ?? 'invalid type: map, expected a map';
  const kind = shown.slice(0, shown.indexOf(', expected a map'));
  const isContainer = kind.endsWith('sequence') || kind.endsWith('map');
  const reader = new SerdeReader(window, span.start, span.end);
  if (!isContainer) reader.skipValue();
  const { line, column } = new JsonFault('value', reader.index).placeFrom(window, base);
  return `${kind}, expected a boolean at line ${line} column ${column}`;
}

function describeScalar(reader: SerdeReader, byte: number): string {
  if (byte === 0x22) {
    reader.index += 1;
    return `string \`${reader.readString()}\``;
  }
  if (byte === 0x74 || byte === 0x66) return `boolean \`${byte === 0x74}\``;
  const number = readNumber(reader.readNumberText());
  if (number.kind === 'integer') return `integer \`${number.text}\``;
  return `number \`${plainDouble(number.kind === 'double' ? number.value : 0)}\``;
}

/** A double as Rust prints it outside JSON: all digits, no exponent, no `.0`. */
function plainDouble(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isInteger(value)) return BigInt(value).toString();
  const [mantissa = '', exponent] = String(value).split('e-');
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith('-') ? '-' : '';
  return `${sign}0.${'0'.repeat(Number(exponent) - 1)}${mantissa.replace(/[-.]/g, '')}`;
}

function findGeoFault({ window, members, id }: DocumentValues): ValueFault | undefined {
  const geo = members.get('_geo');
  if (geo === undefined) return undefined;
  const reader = new SerdeReader(window, geo.start, geo.end);
  const byte = reader.skipBlanks();
  if (byte === 0x6e) return undefined;
  const text =
    byte === 0x7b
      ? describeGeo(window, new Map(readSpans(reader)), JSON.stringify(id))
      : `The \`_geo\` field in the document with the id: \`${JSON.stringify(id)}\` is not an object. Was expecting an object with the \`_geo.lat\` and \`_geo.lng\` fields but instead got \`${rewriteValue(window, geo.start, geo.end)}\`.`;
  return text === undefined ? undefined : { code: 'invalid_document_geo_field', text };
}

function describeGeo(
  window: ByteWindow,
  fields: ReadonlyMap<string, Span>,
  id: string,
): string | undefined {
  const lat = fields.get('lat');
  const lng = fields.get('lng');
  const inDocument = `in the document with the id: \`${id}\`.`;
  if (lat === undefined && lng === undefined) {
    return `Could not find latitude nor longitude ${inDocument} Was expecting \`_geo.lat\` and \`_geo.lng\` fields.`;
  }
  if (lat === undefined) {
    return `Could not find latitude ${inDocument} Was expecting a \`_geo.lat\` field.`;
  }
  if (lng === undefined) {
    return `Could not find longitude ${inDocument} Was expecting a \`_geo.lng\` field.`;
  }
  if (fields.size > 2) {
    return `The \`_geo\` field in the document with the id: \`${id}\` contains the following unexpected fields: \`${extraFields(window, fields)}\`.`;
  }
  const isLatBad = !isFiniteNumber(window, lat);
  const isLngBad = !isFiniteNumber(window, lng);
  const latText = rewriteValue(window, lat.start, lat.end);
  const lngText = rewriteValue(window, lng.start, lng.end);
  if (isLatBad && isLngBad) {
    return `Could not parse latitude nor longitude ${inDocument} Was expecting finite numbers but instead got \`${latText}\` and \`${lngText}\`.`;
  }
  if (!isLatBad && !isLngBad) return undefined;
  const [name, text] = isLatBad ? ['latitude', latText] : ['longitude', lngText];
  return `Could not parse ${name} ${inDocument} Was expecting a finite number but instead got \`${text}\`.`;
}

/** What is left of the object; taking a field out puts the last one into its place. */
function extraFields(window: ByteWindow, fields: ReadonlyMap<string, Span>): string {
  const left = [...fields];
  for (const name of ['lat', 'lng']) {
    const place = left.findIndex(([field]) => field === name);
    const last = left.pop();
    if (last !== undefined && place < left.length) left[place] = last;
  }
  const texts = left.map(
    ([name, { start, end }]) => `${JSON.stringify(name)}:${rewriteValue(window, start, end)}`,
  );
  return `{${texts.join(',')}}`;
}

/** Numbers, and texts that Rust reads as a finite number. */
function isFiniteNumber(window: ByteWindow, span: Span): boolean {
  const reader = new SerdeReader(window, span.start, span.end);
  const byte = reader.skipBlanks();
  if (byte !== 0x22) return byte === 0x2d || (byte >= 0x30 && byte <= 0x39);
  reader.index += 1;
  const text = reader.readString();
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text));
}
