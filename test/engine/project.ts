/** Cuts documents down to selected attributes; `a.b` selects a member of a nested object. */
import type { Json, JsonObject } from './value.ts';

function shownVector(value: Json): Json {
  if (value === null) return [];
  const isEmpty = value instanceof Map && !value.has('embeddings');
  return isEmpty ? new Map<string, Json>(value).set('embeddings', null) : value;
}

/** Selects attributes; undefined keeps all. */
export function selectFields(
  document: JsonObject,
  names: readonly string[] | undefined,
): JsonObject {
  if (names === undefined) return document;
  const result: JsonObject = new Map();
  for (const [key, value] of document) {
    const kept = selectMember(key, value, names);
    if (kept !== undefined) result.set(key, kept);
  }
  return result;
}

function selectMember(path: string, value: Json, names: readonly string[]): Json | undefined {
  if (names.some((name) => path === name || path.startsWith(`${name}.`))) return value;
  if (!names.some((name) => name.startsWith(`${path}.`))) return undefined;
  return selectInside(path, value, names);
}

function selectInside(path: string, value: Json, names: readonly string[]): Json | undefined {
  if (value instanceof Map) {
    const inner: JsonObject = new Map();
    for (const [key, member] of value) {
      const kept = selectMember(`${path}.${key}`, member, names);
      if (kept !== undefined) inner.set(key, kept);
    }
    return inner;
  }
  if (Array.isArray(value)) {
    const inner = value.flatMap((entry) => {
      const kept = selectInside(path, entry, names);
      const isEmpty = kept === undefined || (kept instanceof Map && kept.size === 0);
      return isEmpty ? [] : [kept];
    });
    return inner.length === 0 ? undefined : inner;
  }
  return undefined;
}

/** Vectors are shown only if asked for; a null one is an empty list. */
export function withVectors(document: JsonObject, isShown: boolean): JsonObject {
  if (!document.has('_vectors')) {
    return isShown ? new Map<string, Json>(document).set('_vectors', new Map()) : document;
  }
  const result: JsonObject = new Map(document);
  const vectors = result.get('_vectors');
  if (!isShown) result.delete('_vectors');
  else if (vectors instanceof Map) {
    result.set(
      '_vectors',
      new Map([...vectors].map(([name, value]): [string, Json] => [name, shownVector(value)])),
    );
  }
  return result;
}
