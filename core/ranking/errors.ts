/**
 * A node's error text as the client's own request would have produced it: without what only nodes know
 * (the rule for internal fields, its place in the list of rules).
 */
import { decodeObject } from '../json/slice.ts';
import { displayedAttributes } from './projection.ts';
import type { JsonObject } from './types.ts';

/**
 * The node's error body without traces of internal fields. Any other change would need the request: the
 * routes therefore ask one node once more with the client's untouched body, and relay that answer.
 */
export function cleanError(body: Uint8Array, settings: JsonObject): Uint8Array {
  const text = Buffer.from(body).toString('utf8');
  const isPlain = !text.includes('_miroir_') && !text.includes('rule #');
  if (isPlain && !(text.includes('Available ') && displayedAttributes(settings))) return body;
  const error = decodeObject(body);
  if (typeof error['message'] !== 'string') return body;
  // Document routes show everything, displayed or not.
  const hides = !String(error['code']).startsWith('invalid_document');
  const message = cleanMessage(error['message'], hides ? settings : {});
  return Buffer.from(JSON.stringify({ ...error, message }));
}

/** The text of one error, cleaned. */
export function cleanMessage(message: string, settings: JsonObject): string {
  if (message.includes(OWN_RULE)) {
    const found = INCOMPATIBLE.exec(message);
    if (found !== null) return `${found[0]} over several nodes.${UNRANKED}`;
  }
  const text = message
    .replace(/rule #(\d+)/g, (_, place: string) => `rule #${Math.max(0, Number(place) - 1)}`)
    .replace(/`_miroir_[^`,]*`, /g, '')
    .replace(/, `_miroir_[^`,]*`/g, '')
    .replace(/`_miroir_[^`,]*, /g, '`')
    .replace(/, _miroir_[^`,\n]*/g, '')
    .replace(ONLY_OURS, (_, kind: string) => NOTHING_CONFIGURED[kind] ?? '')
    .replace(/_miroir_[^`,\s]*/g, 'the order of writes');
  const displayed = displayedAttributes(settings);
  return displayed === undefined ? text : hideAttributes(text, displayed);
}

/** A query without words has this rule alone on nodes that share an index, and none on a single node. */
const OWN_RULE = 'ascending sort rule(s) _miroir_version:asc\n';
const INCOMPATIBLE = /^.*The results of queries #\d+ and #\d+ are incompatible/s;
const UNRANKED =
  '\n  - note: a query without words and without sort cannot be compared with one that has them where documents are on several nodes';

/** A list that held our rule alone: the user has configured nothing. */
const ONLY_OURS =
  /Available (filterable|sortable|facet-searchable) attributes?(?: patterns)? are: `_miroir_[^`]*`\.(?: To make it facet-searchable[^.]*\.)?/g;

const NOTHING_CONFIGURED: Readonly<Record<string, string>> = {
  filterable: 'This index does not have configured filterable attributes.',
  sortable: 'This index does not have configured sortable attributes.',
  'facet-searchable':
    'This index does not have configured facet-searchable attributes. To make it facet-searchable add it to the `filterableAttributes` index settings.',
};

/**
 * Some lists of attributes in one pair of backticks name only what is displayed and say that there is
 * more (milli's `hidden_fields`); nodes display everything and name everything.
 */
function hideAttributes(message: string, displayed: readonly string[]): string {
  return message.replace(HIDING_LISTS, (_, lead: string, list: string) => {
    const names = list.split(', ');
    const shown = names.filter((name) => displayed.includes(name));
    const kind = /Available (filterable|sortable|facet-searchable)/.exec(lead)?.[1];
    if (shown.length === 0 && kind !== undefined) {
      const before = lead.slice(0, lead.indexOf('Available '));
      return `${before}This index does not have configured ${kind} attributes`;
    }
    const hidden = shown.length < names.length ? ', <..hidden-attributes>' : '';
    return `${lead}\`${shown.join(', ')}${hidden}\``;
  });
}

const HIDING_LISTS =
  /((?:as distinct attribute\. Available filterable attributes patterns|Available sortable attributes|Available searchable attributes|Available facet-searchable attributes patterns) are: )`([^`]*)`/g;
