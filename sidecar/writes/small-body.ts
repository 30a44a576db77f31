/**
 * Small JSON bodies of document writes, read exactly: the places of values are kept, so that numbers and
 * texts reach task details as a node prints them, and faults carry a node's own words.
 */
import { MiroirError } from '../../core/errors.ts';
import { ByteWindow } from '../../core/json/byte-source.ts';
import { JsonFault } from '../../core/json/json-fault.ts';
import { SerdeReader } from '../../core/json/serde-reader.ts';
import type { GatewayRequest } from '../http/exchange.ts';
import { missingPayload, readBody, requireJsonType } from '../routes/body.ts';

/** A whole body whose grammar and values are right. */
export interface SmallBody {
  readonly bytes: Buffer;
  readonly window: ByteWindow;
  /** First byte that is no blank; -1 of an empty body never gets here. */
  readonly first: number;
  readonly value: unknown;
}

/** Content type, bytes and value. Throws what a node answers. */
export async function readSmallBody(request: GatewayRequest): Promise<SmallBody> {
  requireJsonType(request);
  const bytes = await readBody(request);
  if (bytes.length === 0) throw missingPayload();
  const window = new ByteWindow(bytes);
  const reader = new SerdeReader(window);
  try {
    const first = reader.skipBlanks();
    reader.checkValue();
    if (reader.skipBlanks() >= 0) reader.failAtPeek('trailingCharacters');
    return { bytes, window, first, value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw new MiroirError(
      'malformed_payload',
      `The json payload provided is malformed. \`${error.describe(window, 0)}\`.`,
    );
  }
}
