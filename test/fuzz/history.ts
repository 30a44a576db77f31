/**
 * The writes that make an index: payloads of new documents, then, for most indexes, churn: documents
 * replaced, updated in part and deleted, and new ones that take the numbers which became free. After
 * churn the order of tied documents depends on history; without it, it is the order of arrival.
 */
import { encode, type Json, member, type Obj } from './json.ts';
import type { Rng } from './rng.ts';

/** One write to an index. */
export interface Write {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  /** What follows `/indexes/<uid>`. */
  readonly path: string;
  readonly contentType: 'application/json' | 'application/x-ndjson';
  /** Documents of the payload; absent for deletions. */
  readonly documents?: readonly Json[];
  /** Any other body. */
  readonly body?: Json;
}

/** Where documents come from. */
export interface Source {
  readonly primaryKey: string;
  /** Makes the next new document. Undefined if there are no more. */
  create(): Json | undefined;
  /** Another version of a document. */
  remake(document: Json): Json;
  /** Some fields with new values and the primary key, for a partial update. */
  partial(document: Json): Obj;
}

/** The exact bytes of a write's body. */
export function writeBody(write: Write): string | undefined {
  if (write.documents !== undefined) {
    return write.contentType === 'application/json'
      ? encode([...write.documents])
      : write.documents.map((document) => `${encode(document)}\n`).join('');
  }
  return write.body === undefined ? undefined : encode(write.body);
}

/** Makes the writes of an index that ends up with about `count` documents. */
export function makeHistory(rng: Rng, source: Source, count: number): Write[] {
  const writes: Write[] = [];
  const living = new Map<string, Json>();
  const take = (wanted: number): Json[] => {
    const documents: Json[] = [];
    for (let i = 0; i < wanted; i++) {
      const document = source.create();
      if (document === undefined) break;
      documents.push(document);
      living.set(idText(source, document), document);
    }
    return documents;
  };
  const add = (method: 'POST' | 'PUT', documents: readonly Json[]) => {
    if (documents.length === 0) return;
    writes.push({
      method,
      path: `/documents?primaryKey=${source.primaryKey}`,
      contentType: rng.chance(0.7) ? 'application/json' : 'application/x-ndjson',
      documents,
    });
  };
  const parts = rng.int(1, 3);
  for (let part = 0; part < parts; part++) add('POST', take(Math.ceil(count / parts)));
  if (rng.chance(0.3)) return writes;
  const rounds = rng.int(1, 3);
  for (let round = 0; round < rounds; round++) {
    const some = rng.some([...living.values()], 1, Math.ceil(count / 6));
    rng.weighted<() => void>([
      [
        3,
        () =>
          add(
            'POST',
            some.map((document) => keep(source.remake(document))),
          ),
      ],
      [
        3,
        () =>
          add(
            'PUT',
            some.map((document) => source.partial(document)),
          ),
      ],
      [3, () => remove(some)],
      [1, () => add('POST', twice(some.slice(0, 5)))],
    ])();
    if (rng.chance(0.6)) add('POST', take(rng.int(1, Math.ceil(count / 5))));
  }
  return writes;

  function keep(document: Json): Json {
    living.set(idText(source, document), document);
    return document;
  }
  function twice(documents: readonly Json[]): Json[] {
    return rng.shuffle([...documents, ...documents.map((d) => keep(source.remake(d)))]);
  }
  function remove(documents: readonly Json[]): void {
    const ids = documents.map((document) => member(document, source.primaryKey) ?? null);
    for (const document of documents) living.delete(idText(source, document));
    const [first] = ids;
    if (ids.length === 1 && first !== undefined && rng.chance(0.5)) {
      const id = encodeURIComponent(idOf(first));
      writes.push({ method: 'DELETE', path: `/documents/${id}`, contentType: 'application/json' });
    } else {
      writes.push({
        method: 'POST',
        path: '/documents/delete-batch',
        contentType: 'application/json',
        body: ids,
      });
    }
  }
}

/** True if a document was written twice or deleted: then ties need not be in order of arrival. */
export function isChurned(writes: readonly Write[], primaryKey: string): boolean {
  const seen = new Set<string>();
  for (const write of writes) {
    if (write.documents === undefined) return true;
    for (const document of write.documents) {
      const id = idOf(member(document, primaryKey) ?? null);
      if (seen.has(id)) return true;
      seen.add(id);
    }
  }
  return false;
}

/** The text of an identifier: 5 and "5" are the same document. */
export function idOf(id: Json): string {
  return typeof id === 'string' ? id : encode(id);
}

function idText(source: Source, document: Json): string {
  return idOf(member(document, source.primaryKey) ?? null);
}
