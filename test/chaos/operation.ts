/**
 * The writes of the load: what is sent, and what one node would make of it. Each carries its own name as
 * customMetadata, so that the list of tasks tells which writes took a place, acknowledged or not.
 */
import type { Rng } from './rng.ts';

/** A stored document. */
export type Doc = Readonly<Record<string, unknown>>;

/** A write. */
export interface Operation {
  readonly name: string;
  readonly index: string;
  readonly verb: Verb;
  /** Ids it may touch; undefined for those of the whole index. */
  readonly keys: readonly string[] | undefined;
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly contentType: string | undefined;
  /** What becomes of one document; null for one that is not there. */
  readonly apply: (id: string, before: Doc | null) => Doc | null;
}

/** Verbs with how often they are drawn. */
const VERBS = {
  replace: 8,
  replaceMany: 4,
  csv: 1,
  ndjson: 1,
  update: 5,
  updateMany: 2,
  updateExisting: 1,
  delete: 4,
  deleteBatch: 2,
  deleteByFilter: 1,
  edit: 1,
} as const;

/** What a write does. */
export type Verb = keyof typeof VERBS;

const DRAWN: readonly Verb[] = Object.entries(VERBS).flatMap(([verb, weight]) =>
  Array.from({ length: weight }, () => verb as Verb),
);
const COLORS = ['red', 'blue', 'green', 'teal', 'pink', 'grey'] as const;

/** Indexes of the load. */
export const INDEXES = ['alpha', 'beta'] as const;
const KEYS_PER_INDEX = 60;

/** Ids of an index; the first is written by everybody. */
export const KEYS: readonly string[] = Array.from({ length: KEYS_PER_INDEX }, (_, at) => `k${at}`);

/** Draws a write. `only`: a verb and an id instead of any. */
export function drawOperation(
  rng: Rng,
  name: string,
  only?: { readonly verb: Verb; readonly key: string },
): Operation {
  const index = rng.pick(INDEXES);
  const verb = only?.verb ?? rng.pick(DRAWN);
  const one = only?.key ?? rng.pick(KEYS);
  const many = rng.some(KEYS, rng.between(2, 8));
  const fields = { op: name, color: rng.pick(COLORS), n: rng.between(0, 1_000_000) };
  return MAKERS[verb]({ name, index, one, many, fields, color: rng.pick(COLORS) });
}

interface Draft {
  readonly name: string;
  readonly index: string;
  readonly one: string;
  readonly many: readonly string[];
  readonly fields: { readonly op: string; readonly color: string; readonly n: number };
  readonly color: string;
}

const MAKERS: Readonly<Record<Verb, (draft: Draft) => Operation>> = {
  replace: (draft) => addition(draft, { verb: 'replace', keys: [draft.one], method: 'POST' }),
  replaceMany: (draft) =>
    addition(draft, { verb: 'replaceMany', keys: draft.many, method: 'POST' }),
  csv: (draft) => addition(draft, { verb: 'csv', keys: draft.many, method: 'POST', form: 'csv' }),
  ndjson: (draft) =>
    addition(draft, { verb: 'ndjson', keys: draft.many, method: 'POST', form: 'ndjson' }),
  update: (draft) => addition(draft, { verb: 'update', keys: [draft.one], method: 'PUT' }),
  updateMany: (draft) => addition(draft, { verb: 'updateMany', keys: draft.many, method: 'PUT' }),
  updateExisting: (draft) =>
    addition(draft, { verb: 'updateExisting', keys: draft.many, method: 'PUT', isSkipping: true }),
  delete: (draft) => ({
    ...removal(draft, 'delete', [draft.one]),
    method: 'DELETE',
    path: `/indexes/${draft.index}/documents/${draft.one}?customMetadata=${draft.name}`,
  }),
  deleteBatch: (draft) => ({
    ...removal(draft, 'deleteBatch', draft.many),
    method: 'POST',
    path: `/indexes/${draft.index}/documents/delete-batch?customMetadata=${draft.name}`,
    body: JSON.stringify(draft.many),
    contentType: 'application/json',
  }),
  deleteByFilter: (draft) => ({
    ...removal(draft, 'deleteByFilter', undefined),
    method: 'POST',
    path: `/indexes/${draft.index}/documents/delete?customMetadata=${draft.name}`,
    body: JSON.stringify({ filter: `color = ${draft.color}` }),
    contentType: 'application/json',
    apply: (_, before) => (before?.['color'] === draft.color ? null : before),
  }),
  edit: (draft) => ({
    ...removal(draft, 'edit', undefined),
    method: 'POST',
    path: `/indexes/${draft.index}/documents/edit?customMetadata=${draft.name}`,
    body: JSON.stringify({
      filter: `color = ${draft.color}`,
      function: `doc.op = "${draft.name}"; doc.edited = "${draft.name}"`,
    }),
    contentType: 'application/json',
    apply: (_, before) =>
      before?.['color'] === draft.color
        ? { ...before, op: draft.name, edited: draft.name }
        : before,
  }),
};

function removal(
  draft: Draft,
  verb: Verb,
  keys: readonly string[] | undefined,
): Pick<Operation, 'name' | 'index' | 'verb' | 'keys' | 'body' | 'contentType' | 'apply'> {
  return {
    name: draft.name,
    index: draft.index,
    verb,
    keys,
    body: undefined,
    contentType: undefined,
    apply: () => null,
  };
}

function addition(
  draft: Draft,
  how: {
    readonly verb: Verb;
    readonly keys: readonly string[];
    readonly method: 'POST' | 'PUT';
    readonly form?: 'csv' | 'ndjson';
    readonly isSkipping?: boolean;
  },
): Operation {
  const { name, index, fields } = draft;
  // An update leaves a field out, so that a copy that lost what was merged into differs.
  const written = how.method === 'PUT' ? { op: fields.op, [`u${fields.n % 3}`]: fields.n } : fields;
  const documents = how.keys.map((id) => ({ id, ...written }));
  const skip = how.isSkipping === true ? '&skipCreation=true' : '';
  return {
    name,
    index,
    verb: how.verb,
    keys: how.keys,
    method: how.method,
    path: `/indexes/${index}/documents?primaryKey=id&customMetadata=${name}${skip}`,
    ...encode(documents, how.form),
    apply: (id, before) => {
      if (how.method === 'POST') return { id, ...written };
      if (before === null && how.isSkipping === true) return null;
      return { id, ...before, ...written };
    },
  };
}

function encode(
  documents: readonly Doc[],
  form: 'csv' | 'ndjson' | undefined,
): Pick<Operation, 'body' | 'contentType'> {
  if (form === 'ndjson') {
    const body = documents.map((document) => JSON.stringify(document)).join('\n');
    return { body, contentType: 'application/x-ndjson' };
  }
  if (form === 'csv') {
    const rows = documents.map(({ id, op, color, n }) => [id, op, color, n].join(','));
    return { body: ['id,op,color,n:number', ...rows].join('\n'), contentType: 'text/csv' };
  }
  return { body: JSON.stringify(documents), contentType: 'application/json' };
}
