/** Values of a document at a field path, as filters, sorts and facets see them. */
import type { FacetValues, StoredDocument } from '../store.ts';
import { type Json, type JsonObject, numberOf } from '../value.ts';

const FACET_BYTES_MAX = 468;

/**
 * All values at a dotted path: objects are walked, arrays of objects too; the arrays and objects
 * found are values themselves.
 */
export function valuesAt(document: StoredDocument, path: string): readonly Json[] {
  const found: Json[] = [];
  collect(document.fields, path, found);
  return found;
}

function collect(object: JsonObject, path: string, found: Json[]): void {
  const direct = object.get(path);
  if (direct !== undefined) found.push(direct);
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const inner = object.get(path.slice(0, dot));
    if (inner !== undefined) descend(inner, path.slice(dot + 1), found);
  }
}

function descend(value: Json, path: string, found: Json[]): void {
  if (value instanceof Map) collect(value, path, found);
  else if (Array.isArray(value)) for (const entry of value) descend(entry, path, found);
}

const NO_FACETS: FacetValues = { numbers: [], texts: [], spellings: [] };

/** Facet values of a document at a path, remembered at the document. */
export function facetValues(document: StoredDocument, path: string): FacetValues {
  const known = document.facets?.get(path);
  if (known !== undefined) return known;
  const values = valuesAt(document, path);
  const result = values.length === 0 ? NO_FACETS : toFacets(values);
  document.facets ??= new Map();
  document.facets.set(path, result);
  return result;
}

function toFacets(values: readonly Json[]): FacetValues {
  const numbers: number[] = [];
  const texts: string[] = [];
  const spellings: string[] = [];
  const add = (value: Json) => {
    const number = numberOf(value);
    if (number !== undefined) numbers.push(number);
    else if (typeof value === 'boolean') {
      texts.push(String(value));
      spellings.push(String(value));
    } else if (typeof value === 'string') {
      if (value === '') return;
      texts.push(truncate(normalizeFacet(value)));
      spellings.push(value);
    } else if (Array.isArray(value)) for (const entry of value) add(entry);
  };
  for (const value of values) add(value);
  return { numbers, texts, spellings };
}

/** How a node compares texts in filters, sorts and facets. */
export function normalizeFacet(text: string): string {
  return text.trim().normalize('NFKD').toLowerCase();
}

function truncate(text: string): string {
  if (text.length * 3 <= FACET_BYTES_MAX) return text;
  let bytes = 0;
  let end = 0;
  for (const char of text) {
    bytes += Buffer.byteLength(char);
    if (bytes > FACET_BYTES_MAX) return text.slice(0, end);
    end += char.length;
  }
  return text;
}
