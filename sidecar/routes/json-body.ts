/** A small JSON body, refused in a node's own words where it is none. */
import { MiroirError } from '../../core/errors.ts';
import { askAnyNode } from './ask.ts';
import { missingPayload, parseJson, readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';

/**
 * A reading route on a uid that cannot exist: a node parses the body, then refuses the uid, so nothing
 * can come of the question but the text of an error.
 */
const PROBE_PATH = '/indexes/%21/documents/fetch';

/** Type, bytes and value of the body. Throws what a node would answer. */
export async function readJsonBody(context: RouteContext): Promise<unknown> {
  requireJsonType(context.request);
  const body = await readBody(context.request);
  return parseJsonBody(context, body);
}

/** The value of bytes that were read already. Throws what a node would answer. */
export async function parseJsonBody(context: RouteContext, body: Buffer): Promise<unknown> {
  const parsed = parseJson(body);
  if (parsed.kind === 'empty') throw missingPayload();
  if (parsed.kind === 'malformed') throw await malformed(context, body);
  return parsed.value;
}

async function malformed(context: RouteContext, body: Buffer): Promise<MiroirError> {
  const answer = await askAnyNode(context, {
    method: 'POST',
    path: PROBE_PATH,
    body,
    token: context.view.internalKey,
  });
  const said = JSON.parse(Buffer.from(answer.body).toString('utf8')) as Record<string, unknown>;
  const text = said['code'] === 'malformed_payload' ? said['message'] : undefined;
  return new MiroirError(
    'malformed_payload',
    typeof text === 'string' ? text : 'The json payload provided is malformed.',
  );
}
