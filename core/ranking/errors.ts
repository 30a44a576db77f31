/**
 * A node's error text as the client's own request would have produced it: without what only nodes know
 * (the rule for internal fields, its place in the list of rules).
 */
import { displayedAttributes } from './projection.ts';
import type { JsonObject } from './types.ts';

/**
 * The node's error body without traces of internal fields. Any other change would need the request: the
 * routes therefore ask one node once more with the client's untouched body, and relay that answer.
 */
export function cleanError(body: Uint8Array, settings: JsonObject): Uint8Array {
  const text = Buffer.from(body).toString('utf8');
  if (!text.includes('_miroir_') && !text.includes('rule #')) return body;
  const error = JSON.parse(text) as Record<string, unknown>;
  if (typeof error['message'] !== 'string') return body;
  return Buffer.from(
    JSON.stringify({ ...error, message: cleanMessage(error['message'], settings) }),
  );
}

/** The text of one error, cleaned. */
export function cleanMessage(message: string, settings: JsonObject): string {
  let text = message
    .replace(/`_miroir_[^`]*`, /g, '')
    .replace(/, `_miroir_[^`]*`/g, '')
    .replace(/rule #(\d+)/g, (_, place: string) => `rule #${Math.max(0, Number(place) - 1)}`);
  text = text.replace(
    /Available (filterable|sortable) attributes? (?:patterns )?are: `_miroir_[^`]*`\./g,
    (_, kind: string) => `This index does not have configured ${kind} attributes.`,
  );
  const displayed = displayedAttributes(settings);
  return displayed === undefined ? text : hideAttributes(text, displayed);
}

/** Lists of attributes in errors name only what is displayed, and say that there is more. */
function hideAttributes(message: string, displayed: readonly string[]): string {
  return message.replace(
    /(Available (?:filterable|sortable) attributes?(?: patterns)? are: )((?:`[^`]*`(?:, )?)+)/g,
    (_, lead: string, list: string) => {
      const names = list.split(', ').map((name) => name.slice(1, -1));
      const shown = names.filter((name) => displayed.includes(name)).map((name) => `\`${name}\``);
      const hasHidden = shown.length < names.length;
      return lead + [...shown, ...(hasHidden ? ['`<..hidden-attributes>`'] : [])].join(', ');
    },
  );
}
