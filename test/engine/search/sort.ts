/** Sort expressions and custom ranking rules: which value of a document counts, and in which order. */
import { EngineError } from '../errors.ts';
import { facetValues } from '../filter/values.ts';
import { textList } from '../settings.ts';
import { compareBytes, type IndexStore, type StoredDocument } from '../store.ts';

/** `field:asc` or `field:desc`. */
export interface SortRule {
  readonly field: string;
  readonly isAscending: boolean;
}

/** What a document is sorted by: a number, a normalized text, or nothing. */
export type SortValue = number | string | null;

/** Reads a rule; undefined if it is not of that form. */
export function parseSortRule(text: string): SortRule | undefined {
  const found = /^(.*):(asc|desc)$/s.exec(text);
  const field = found?.[1];
  return field === undefined ? undefined : { field, isAscending: found?.[2] === 'asc' };
}

/** Checks sort expressions against the settings of an index. */
export function readSort(
  index: IndexStore,
  expressions: readonly string[],
  options: { readonly code: string; readonly prefix: string },
): SortRule[] {
  const sortable = textList(index.settings, 'sortableAttributes');
  return expressions.map((expression) => {
    const rule = parseSortRule(expression);
    if (rule === undefined) {
      throw new EngineError(
        options.code,
        `Invalid syntax for the sort parameter: expected expression ending by \`:asc\` or \`:desc\`, found \`${expression}\`.`,
      );
    }
    if (/^_geo/.test(rule.field)) {
      throw new EngineError(options.code, 'This stand-in for Meilisearch has no geo sort.');
    }
    if (!sortable.some((name) => name === rule.field || rule.field.startsWith(`${name}.`))) {
      throw new EngineError(
        options.code,
        `${options.prefix}Attribute \`${rule.field}\` is not sortable. ${
          sortable.length === 0
            ? 'This index does not have configured sortable attributes.'
            : `Available sortable attributes are: \`${listShown(index, sortable)}\`.`
        }`,
      );
    }
    return rule;
  });
}

/** Attributes that may be told; the others are only hinted at. */
function listShown(index: IndexStore, names: readonly string[]): string {
  const shown = textList(index.settings, 'displayedAttributes');
  if (shown.includes('*')) return names.join(', ');
  const visible = names.filter((name) => shown.includes(name));
  const hint = visible.length < names.length ? ', <..hidden-attributes>' : '';
  return visible.join(', ') + hint;
}

/** The value a document is sorted by: any number goes before any text. */
export function sortValue(document: StoredDocument, rule: SortRule): SortValue {
  const { numbers, texts } = facetValues(document, rule.field);
  const better = (order: number) => (rule.isAscending ? order < 0 : order > 0);
  let best: SortValue = null;
  for (const number of numbers) {
    if (best === null || better(number - (best as number))) best = number;
  }
  if (best !== null) return best;
  for (const text of texts) {
    if (best === null || better(compareBytes(text, best as string))) best = text;
  }
  return best;
}

/** Order of two values: nothing is last and numbers go before texts, in both directions. */
export function compareSortValues(a: SortValue, b: SortValue, isAscending: boolean): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (typeof a === 'number' && typeof b === 'number') return isAscending ? a - b : b - a;
  if (typeof a === 'number') return -1;
  if (typeof b === 'number') return 1;
  return isAscending ? compareBytes(a, b) : compareBytes(b, a);
}
