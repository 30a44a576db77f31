/**
 * How a payload can fail: refused at once (an HTTP error), or accepted as a task that fails. All texts are
 * Meilisearch's own.
 */
import { type ErrorBody, type ErrorCode, errorBody } from '../errors.ts';
import type { ValueFault } from './value-faults.ts';

/** Formats a payload may have. */
export type PayloadFormat = 'json' | 'ndjson' | 'csv';

/** An error that the client sees in place of a task. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Why a task that takes its place in the queue fails. On a node it creates the index all the same. */
export type TaskFailure = ErrorBody;

/** Inner texts longer than head + tail + dots are shortened. */
const ELIDE_HEAD = 50;
const ELIDE_TAIL = 85;
const ELIDE_DOTS = '...';

/** A payload that is not JSON. `text` is the JSON reader's, with its position. */
export function malformedJson(format: PayloadFormat, text: string): Rejection {
  const isLong = text.length > ELIDE_HEAD + ELIDE_TAIL + ELIDE_DOTS.length;
  const shown = isLong
    ? text.slice(0, ELIDE_HEAD) + ELIDE_DOTS + text.slice(text.length - ELIDE_TAIL)
    : text;
  return {
    code: 'malformed_payload',
    message: `The \`${format}\` payload provided is malformed. \`Couldn't serialize document value: ${shown}\`.`,
  };
}

/** A payload that is not CSV. */
export function malformedCsv(text: string): Rejection {
  return {
    code: 'malformed_payload',
    message: `The \`csv\` payload provided is malformed: \`${text}\`.`,
  };
}

/** A body of no bytes. */
export function missingPayload(format: PayloadFormat): Rejection {
  return { code: 'missing_payload', message: `A ${format} payload is missing.` };
}

/** `value` is the identifier as JSON text. */
export function invalidDocumentId(value: string): TaskFailure {
  return errorBody(
    'invalid_document_id',
    `Document identifier \`${value}\` is invalid. A document identifier can be of type integer or string, only composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than 511 bytes.`,
  );
}

/** `document` is the document as JSON text. */
export function missingDocumentId(primaryKey: string, document: string): TaskFailure {
  return errorBody(
    'missing_document_id',
    `Document doesn't have a \`${primaryKey}\` attribute: \`${document}\`.`,
  );
}

/** `document` is the document as JSON text. */
export function tooManyDocumentIds(primaryKey: string, document: string): TaskFailure {
  return errorBody(
    'invalid_document_id',
    `Document have too many matching \`${primaryKey}\` attribute: \`${document}\`.`,
  );
}

const SPECIFY = 'Please specify the primary key manually using the `primaryKey` query parameter.';

/** `candidates` are the names ending with `id`, in the order of their bytes; not exactly one. */
export function inferenceFailure(candidates: readonly string[]): TaskFailure {
  if (candidates.length === 0) {
    return errorBody(
      'index_primary_key_no_candidate_found',
      `The primary key inference failed as the engine did not find any field ending with \`id\` in its name. ${SPECIFY}`,
    );
  }
  return errorBody(
    'index_primary_key_multiple_candidates_found',
    `The primary key inference failed as the engine found ${candidates.length} fields ending with \`id\` in their names: '${candidates[0]}' and '${candidates[1]}'. ${SPECIFY}`,
  );
}

/** What indexing chokes on after a document was taken in. */
export function valueFailure(indexUid: string, fault: ValueFault): TaskFailure {
  return errorBody(fault.code, `Index \`${indexUid}\`: ${fault.text}`);
}

/** What a node answers where it fails to print the document that it complains about. */
export function crashFailure(text: string, place: { line: number; column: number }): TaskFailure {
  return errorBody(
    'internal',
    `An unexpected crash occurred when processing the task: called \`Result::unwrap()\` on an \`Err\` value: Error("${text}", line: ${place.line}, column: ${place.column})`,
  );
}
