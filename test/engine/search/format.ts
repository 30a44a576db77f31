/** `_formatted` and `_matchesPosition`: highlighting, cropping, places of the matched words. */
import { type Json, type JsonObject, type Out, scalarText } from '../value.ts';
import type { SearchParams } from './params.ts';
import type { Term } from './query.ts';
import { type TokenRules, tokenize, type Word } from './tokenize.ts';

/** What to mark and how. */
export interface FormatOptions {
  readonly params: SearchParams;
  readonly terms: readonly Term[];
  readonly rules: TokenRules;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The document with highlights and crops; numbers become texts. */
export function formatDocument(document: JsonObject, options: FormatOptions): JsonObject {
  const { params } = options;
  const crops = new Map<string, number>();
  for (const rule of params.attributesToCrop) {
    const found = /^(.*?)(?::(\d+))?$/.exec(rule);
    crops.set(found?.[1] ?? rule, Number(found?.[2] ?? params.cropLength));
  }
  const formatted: JsonObject = new Map();
  for (const [key, value] of document) formatted.set(key, formatValue(key, value, crops, options));
  return formatted;
}

function formatValue(
  path: string,
  value: Json,
  crops: ReadonlyMap<string, number>,
  options: FormatOptions,
): Json {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((entry) => formatValue(path, entry, crops, options));
  if (value instanceof Map) {
    return new Map(
      [...value].map(([key, member]): [string, Json] => [
        key,
        formatValue(`${path}.${key}`, member, crops, options),
      ]),
    );
  }
  if (typeof value === 'boolean') return value;
  const text = scalarText(value);
  const names = options.params.attributesToHighlight;
  const covers = (name: string) => name === '*' || path === name || path.startsWith(`${name}.`);
  const isMarked = names.some(covers);
  const cropTo = [...crops].find(([name]) => covers(name))?.[1];
  if (!isMarked && (cropTo === undefined || cropTo === 0)) return text;
  const words = tokenize(text, options.rules);
  const spans = matchSpans(words, options.terms);
  const window = cropTo ? cropWindow(text, words, spans, cropTo) : { start: 0, end: text.length };
  const { highlightPreTag: pre, highlightPostTag: post, cropMarker: marker } = options.params;
  let result = window.start > 0 ? marker : '';
  let at = window.start;
  for (const span of isMarked ? spans : []) {
    if (span.start < window.start || span.end > window.end) continue;
    result += text.slice(at, span.start) + pre + text.slice(span.start, span.end) + post;
    at = span.end;
  }
  result += text.slice(at, window.end);
  return window.end < text.length ? result + marker : result;
}

function cropWindow(
  text: string,
  words: readonly Word[],
  spans: readonly Span[],
  size: number,
): Span {
  if (words.length <= size) return { start: 0, end: text.length };
  const [firstSpan] = spans;
  const first =
    firstSpan === undefined ? 0 : words.findIndex((word) => word.start >= firstSpan.start);
  const from = Math.max(0, Math.min(first - Math.floor((size - 1) / 2), words.length - size));
  const start = from === 0 ? 0 : (words[from]?.start ?? 0);
  const last = words[from + size - 1];
  const end = from + size >= words.length ? text.length : (last?.end ?? text.length);
  return { start, end };
}

/** Where the terms of a query stand in a text. */
function matchSpans(words: readonly Word[], terms: readonly Term[]): Span[] {
  const spans: Span[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as Word;
    for (const term of terms) {
      if (!term.words.every((text, k) => fits(words[i + k]?.text, text, term.isPrefix))) continue;
      for (const [k, text] of term.words.entries()) {
        const hit = words[i + k] as Word;
        const length = term.isPrefix ? text.length : hit.end - hit.start;
        spans.push({ start: hit.start, end: Math.min(hit.end, hit.start + length) });
      }
      i += term.words.length - 1;
      break;
    }
    if (word === undefined) break;
  }
  return spans;
}

function fits(found: string | undefined, wanted: string, isPrefix: boolean): boolean {
  if (found === undefined) return false;
  return isPrefix ? found.startsWith(wanted) : found === wanted;
}

/** Places of the matches per attribute: byte offsets, with indices inside lists. */
export function matchPositions(
  document: JsonObject,
  options: FormatOptions,
): { [path: string]: Out } {
  const found: { [path: string]: Out[] } = {};
  const visit = (path: string, value: Json, indices: readonly number[]) => {
    if (value instanceof Map) {
      for (const [key, member] of value) visit(`${path}.${key}`, member, indices);
    } else if (Array.isArray(value)) {
      value.forEach((entry, i) => {
        visit(path, entry, [...indices, i]);
      });
    } else if (value !== null && typeof value !== 'boolean') {
      const text = scalarText(value);
      for (const span of matchSpans(tokenize(text, options.rules), options.terms)) {
        const list = found[path] ?? [];
        found[path] = list;
        list.push({
          start: Buffer.byteLength(text.slice(0, span.start)),
          length: Buffer.byteLength(text.slice(span.start, span.end)),
          ...(indices.length > 0 ? { indices } : {}),
        });
      }
    }
  };
  for (const [key, value] of document) visit(key, value, []);
  return found;
}
