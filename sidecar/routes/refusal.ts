/**
 * A node refused a question that the gateway had changed. Its words may then speak of the change, so a
 * node is asked the client's own question, and that refusal is passed on without internal names.
 */
import { MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import { cleanError, compareUtf8 } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askNode, type Question, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { readableNodes } from './copies.ts';

/** Passes on the refusal that the client's own request gets. */
export async function relayRefusal(
  context: RouteContext,
  entry: IndexEntry,
  refused: { readonly answer: Answered; readonly untouched: Question },
): Promise<GatewayReply> {
  const { answer, untouched } = refused;
  if (answer.status !== 400) return relay(context, answer);
  const own = await askOwner(context, entry, untouched);
  return relayClean(context, entry, await withAllNames(context, entry, own ?? answer, untouched));
}

const SEARCHABLE = /^(.*Available searchable attributes are: `)([^`]*)(`.*)$/s;

/** Some refusals name the fields that a node has seen: put together from all nodes of the index. */
export async function withAllNames(
  context: RouteContext,
  entry: IndexEntry,
  answer: Answered,
  question: Question,
): Promise<Answered> {
  if (!Buffer.from(answer.body).includes('Available searchable attributes')) return answer;
  const said = decodeObject(answer.body);
  const found = SEARCHABLE.exec(String(said['message']));
  if (found === null) return answer;
  const names = new Set<string>();
  for (const nodeId of readableNodes(context, entry)) {
    const outcome = await askNode(context, nodeId, question);
    if (outcome.kind !== 'answered' || outcome.status !== 400) continue;
    const list = SEARCHABLE.exec(String(decodeObject(outcome.body)['message']))?.[2] ?? '';
    for (const name of list.split(', ')) if (name !== '') names.add(name);
  }
  const message = `${found[1]}${[...names].sort(compareUtf8).join(', ')}${found[3]}`;
  return { ...answer, body: Buffer.from(JSON.stringify({ ...said, message })) };
}

/**
 * For questions that the gateway does not understand, and that a node therefore refuses: passes its
 * refusal on. Throws bad_request should the node understand more than the gateway.
 */
export async function relayUnread(
  context: RouteContext,
  entry: IndexEntry,
  untouched: Question,
): Promise<GatewayReply> {
  const answer = await askOwner(context, entry, untouched);
  if (answer !== undefined) return relayClean(context, entry, answer);
  throw new MiroirError('bad_request', 'The parameters of this request are not understood.');
}

/** Passes a node's refusal on without internal names. */
export function relayClean(
  context: RouteContext,
  entry: IndexEntry,
  answer: Answered,
): GatewayReply {
  return relay(context, { ...answer, body: cleanError(answer.body, entry.settings) });
}

/**
 * The refusal of some owner node; undefined if none has one. A node that has no use for a part of a filter
 * does not look at it, and may be fine with what another refuses.
 */
export async function askOwner(
  context: RouteContext,
  entry: IndexEntry,
  question: Question,
): Promise<Answered | undefined> {
  for (const nodeId of readableNodes(context, entry)) {
    const outcome = await askNode(context, nodeId, question);
    if (outcome.kind !== 'answered' || outcome.status === 503) continue;
    if (outcome.status >= 400) return outcome;
  }
  return undefined;
}
