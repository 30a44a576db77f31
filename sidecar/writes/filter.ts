/**
 * The filter of a deletion or an edit: what is refused before a task exists. Syntax is judged by a node,
 * on the marker index, with a reading route: a node's words are the only exact ones, and a filter with
 * good syntax gets no further there than "not filterable".
 */
import { MiroirError } from '../../core/errors.ts';
import { rewriteValue } from '../../core/json/rewrite.ts';
import { SerdeReader } from '../../core/json/serde-reader.ts';
import { MARKER_INDEX_UID } from '../routes/uid.ts';
import type { WriteContext } from './context.ts';
import { askOneNode } from './probe.ts';
import type { SmallBody } from './small-body.ts';

/** A field of an object body as the JSON text a node prints, or undefined if it is not there. */
export function fieldText(body: SmallBody, name: string): string | undefined {
  let text: string | undefined;
  const reader = new SerdeReader(body.window);
  reader.skipBlanks();
  reader.readMembers((member) => {
    reader.skipBlanks();
    const start = reader.index;
    reader.skipValue();
    if (member === name) text = rewriteValue(body.window, start, reader.index);
  });
  return text;
}

/** Throws what a node says about a filter that says nothing. */
export function refuseEmptyFilter(filter: unknown): void {
  if (!isEmpty(filter)) return;
  throw new MiroirError('invalid_document_filter', 'Sending an empty filter is forbidden.');
}

function isEmpty(filter: unknown): boolean {
  if (typeof filter === 'string') return filter.trim() === '';
  return Array.isArray(filter) && filter.every(isEmpty);
}

/** Throws miroir_reserved_field for a filter that names a field of Miroir's own. */
export function refuseReservedFilter(filter: unknown): void {
  if (Array.isArray(filter)) {
    for (const part of filter) refuseReservedFilter(part);
    return;
  }
  if (typeof filter !== 'string') return;
  const names = filter.replace(QUOTED_VALUE, ' ');
  if (!/["'\s(]*_miroir_/.test(names)) return;
  throw new MiroirError(
    'miroir_reserved_field',
    'A filter cannot name fields that begin with `_miroir_`; they are reserved for the gateway.',
  );
}

/** A quoted text behind an operator, a comma or an opening bracket is a value and names nothing. */
const QUOTED_VALUE = /(?<=(?:[=<>,[]|TO|CONTAINS|WITH)\s*)(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/g;

/** Throws what a node says about a filter's type or syntax. Filterability is for the task to find out. */
export async function refuseBadFilter(context: WriteContext, body: SmallBody): Promise<void> {
  const { filter } = body.value as { filter?: unknown };
  if (typeof filter !== 'string' && !Array.isArray(filter)) {
    const text = fieldText(body, 'filter') ?? 'null';
    throw new MiroirError(
      'invalid_document_filter',
      `Invalid syntax for the filter parameter: \`expected String, Array, found: ${text}\`.`,
    );
  }
  const answer = await askOneNode(context, {
    path: `/indexes/${MARKER_INDEX_UID}/documents/fetch`,
    body: Buffer.from(`{"limit":0,"filter":${fieldText(body, 'filter')}}`),
    authorization: context.internalKey === '' ? '' : `Bearer ${context.internalKey}`,
  });
  if (answer === undefined || answer.status !== 400) return;
  const isSyntax =
    answer.code === 'invalid_document_filter' || answer.code === 'feature_not_enabled';
  if (isSyntax && !answer.message.startsWith('Attribute `')) {
    throw new MiroirError(answer.code as 'invalid_document_filter', answer.message);
  }
}
