/** A small JSON body, refused in a node's own words where it is none. */
import { MiroirError } from '../../core/errors.ts';
import { ByteWindow } from '../../core/json/byte-source.ts';
import { JsonFault } from '../../core/json/json-fault.ts';
import { SerdeReader } from '../../core/json/serde-reader.ts';
import { missingPayload, parseJson, readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';

/**
 * Type, bytes and value of a body that no node will read: also what JavaScript takes and a node does
 * not (half of a surrogate pair, a number out of range) is refused. Throws what a node would answer.
 */
export async function readJsonBody(context: RouteContext): Promise<unknown> {
  requireJsonType(context.request);
  const body = await readBody(context.request);
  if (body.length === 0) throw missingPayload();
  const fault = faultOf(body);
  if (fault !== undefined) throw malformed(fault);
  return parseJsonBody(body);
}

/** The value of a body that a node will read too. Throws what a node would answer. */
export function parseJsonBody(body: Buffer): unknown {
  const parsed = parseJson(body);
  if (parsed.kind === 'empty') throw missingPayload();
  if (parsed.kind === 'malformed') throw malformed(faultOf(body));
  // JavaScript reads a number that is too large as infinite, which would then be sent on as null, and half
  // of a surrogate pair as a character.
  if (SUSPECT.test(body.toString('latin1'))) {
    const fault = faultOf(body);
    if (fault !== undefined) throw malformed(fault);
  }
  return parsed.value;
}

/** A number of three or more digits behind its exponent, or very many without one; a surrogate. */
const SUSPECT = /[0-9][eE]\+?0*[1-9][0-9]{2}|[0-9]{300}|\\u[dD][89a-fA-F]/;

/** A node's words for what is wrong with the text; undefined if nothing is. */
function faultOf(body: Buffer): string | undefined {
  const window = new ByteWindow(body);
  const reader = new SerdeReader(window);
  try {
    reader.skipBlanks();
    reader.checkValue();
    if (reader.skipBlanks() >= 0) reader.failAtPeek('trailingCharacters');
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return error.describe(window, 0);
    throw error;
  }
}

function malformed(fault: string | undefined): MiroirError {
  const text = 'The json payload provided is malformed.';
  return new MiroirError('malformed_payload', fault === undefined ? text : `${text} \`${fault}\`.`);
}
