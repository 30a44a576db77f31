/** Document writes as a node does them: primary key, identifiers, replace or partial update. */
import { EngineError } from './errors.ts';
import type { SentDocument } from './payload.ts';
import { checkReserved } from './reserved.ts';
import { compareBytes, type IndexStore } from './store.ts';
import { isInteger, type Json, type JsonObject, printJson } from './value.ts';

const ID_BYTES_MAX = 511;

/** What to write and how. */
export interface Ingest {
  readonly documents: readonly SentDocument[];
  readonly isReplace: boolean;
  readonly primaryKey: string | undefined;
  readonly skipCreation: boolean;
}

/**
 * Writes documents; all or nothing. Gives the number of documents accepted (each identifier once).
 * Throws EngineError, then nothing was written.
 */
export function ingestDocuments(index: IndexStore, ingest: Ingest): number {
  const late = ingest.documents.find((document) => document.lateError !== undefined);
  if (late !== undefined) {
    throw new EngineError('internal', `Index \`${index.uid}\`: internal: ${late.lateError}.`);
  }
  const primaryKey = choosePrimaryKey(index, ingest);
  if (primaryKey === undefined) return 0;
  const ids = ingest.documents.map(({ fields }) => readId(fields, primaryKey));
  for (const [i, { fields }] of ingest.documents.entries()) {
    checkReserved(index, fields, ids[i] ?? '');
  }
  index.primaryKey = primaryKey;
  const accepted = new Set<string>();
  const created = new Set<string>();
  for (const [i, document] of ingest.documents.entries()) {
    const id = ids[i] ?? '';
    accepted.add(id);
    const before = index.get(id);
    if (before === undefined && ingest.skipCreation && !created.has(id)) continue;
    created.add(id);
    const isMerge = !ingest.isReplace && before !== undefined;
    index.put(id, isMerge ? mergeFields(before.fields, document.fields) : document.fields);
  }
  return accepted.size;
}

/** A partial update: top-level fields are replaced, vectors are added to each other. */
function mergeFields(before: JsonObject, after: JsonObject): JsonObject {
  const merged: JsonObject = new Map([...before, ...after]);
  const old = before.get('_vectors');
  const given = after.get('_vectors');
  if (old instanceof Map && given instanceof Map) {
    merged.set('_vectors', new Map([...old, ...given]));
  }
  return merged;
}

function choosePrimaryKey(index: IndexStore, ingest: Ingest): string | undefined {
  const { primaryKey } = ingest;
  if (ingest.documents.length === 0) return index.primaryKey ?? primaryKey;
  if (index.primaryKey !== undefined) {
    if (primaryKey !== undefined && primaryKey !== index.primaryKey) {
      throw primaryKeyExists(index.primaryKey);
    }
    return index.primaryKey;
  }
  const first = ingest.documents[0];
  return primaryKey ?? guessPrimaryKey(first?.fields ?? new Map());
}

/** The complaint about another primary key than the one in use. */
export function primaryKeyExists(current: string): EngineError {
  return new EngineError(
    'index_primary_key_already_exists',
    `Index already has a primary key: \`${current}\`.`,
  );
}

const HINT = 'Please specify the primary key manually using the `primaryKey` query parameter.';

function guessPrimaryKey(document: JsonObject): string {
  const candidates = [...document.keys()]
    .filter((name) => name.toLowerCase().endsWith('id'))
    .sort(compareBytes);
  const [first, second] = candidates;
  if (first === undefined) {
    throw new EngineError(
      'index_primary_key_no_candidate_found',
      `The primary key inference failed as the engine did not find any field ending with \`id\` in its name. ${HINT}`,
    );
  }
  if (second !== undefined) {
    throw new EngineError(
      'index_primary_key_multiple_candidates_found',
      `The primary key inference failed as the engine found ${candidates.length} fields ending with \`id\` in their names: '${first}' and '${second}'. ${HINT}`,
    );
  }
  return first;
}

/** The identifier of a document as text. Throws missing_document_id or invalid_document_id. */
export function readId(document: JsonObject, primaryKey: string): string {
  const found = findMembers(document, primaryKey);
  const [value] = found;
  if (value === undefined) {
    throw new EngineError(
      'missing_document_id',
      `Document doesn't have a \`${primaryKey}\` attribute: \`${printJson(document)}\`.`,
    );
  }
  if (found.length > 1) {
    throw new EngineError(
      'invalid_document_id',
      `Document have too many matching \`${primaryKey}\` attribute: \`${printJson(document)}\`.`,
    );
  }
  return idText(value);
}

/** An identifier as text. Throws invalid_document_id. */
export function idText(value: Json): string {
  if (isInteger(value)) return String(value);
  if (typeof value === 'string' && isValidId(value)) return value;
  throw new EngineError(
    'invalid_document_id',
    `Document identifier \`${printJson(value)}\` is invalid. A document identifier can be of type integer or string, only composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than 511 bytes.`,
  );
}

function isValidId(text: string): boolean {
  return text.length <= ID_BYTES_MAX && /^[A-Za-z0-9_-]+$/.test(text);
}

/** Values at a dotted path: a literal key `a.b` and the member b of object a both match. */
function findMembers(document: JsonObject, path: string): Json[] {
  const found: Json[] = [];
  if (path === '') return found;
  const direct = document.get(path);
  if (direct !== undefined) found.push(direct);
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const inner = document.get(path.slice(0, dot));
    if (inner instanceof Map) found.push(...findMembers(inner, path.slice(dot + 1)));
  }
  return found;
}
