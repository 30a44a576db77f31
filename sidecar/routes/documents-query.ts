/** The GET form of a document list as the body of POST documents/fetch. */
import { parseCount, parseQuery } from './query.ts';
import { readFilter, readFlag, readList, readSort } from './query-values.ts';

type Read = (text: string) => unknown;

const FIELDS: Readonly<Record<string, Read>> = {
  offset: (text) => parseCount(text),
  limit: (text) => parseCount(text),
  fields: (text) => (readList(text).includes('*') ? null : readList(text)),
  retrieveVectors: readFlag,
  ids: readList,
  filter: readFilter,
  sort: readSort,
};

/** Reads the query; undefined if anything is not understood, so that a node may refuse it. */
export function documentsBodyOfQuery(text: string): Record<string, unknown> | undefined {
  const body: Record<string, unknown> = {};
  for (const [name, value] of parseQuery(text)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    const parsed = read?.(value);
    if (parsed === undefined) return undefined;
    if (parsed !== null) body[name] = parsed;
  }
  return body;
}
