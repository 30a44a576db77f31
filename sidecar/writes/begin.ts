/** Begin as document writes use it: what control is told, and what its answer means. */

import type { ErrorBody } from '../../core/errors.ts';
import { MiroirError } from '../../core/errors.ts';
import type { BeginResponse, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { WriteContext } from './context.ts';

/** Above this many different primary keys a write counts as touching the whole index. */
export const KEYS_MAX = 65_536;

/** One document write as control needs to know it. */
export interface WriteIntent {
  readonly kind: WriteKind;
  readonly indexUid: string;
  /** Hashes of primary keys, 8 bytes each, at most KEYS_MAX; `all` if there is no list. */
  readonly touches: Uint8Array | 'all';
  readonly customMetadata: string | undefined;
  /** Details of the enqueued task, JSON text. */
  readonly detailsJson: string;
  readonly primaryKey?: string | undefined;
  readonly isPrimaryKeyExplicit?: boolean;
  readonly failure?: ErrorBody | undefined;
  readonly documentCount?: number;
  /** Documents that do not exist are left out. */
  readonly skipsCreation?: boolean;
}

/**
 * Asks for a place in the lane. Not cut when the client goes away: control may have given the place
 * already. Throws miroir_control_unavailable.
 */
export async function askBegin(
  context: WriteContext,
  intent: WriteIntent,
): Promise<NonNullable<BeginResponse['outcome']>> {
  const { touches } = intent;
  const { outcome } = await context.writes.begin({
    kind: intent.kind,
    indexUid: intent.indexUid,
    primaryKeyHashes: touches === 'all' ? Buffer.alloc(0) : asBuffer(touches),
    touchesAllShards: touches === 'all',
    customMetadata: intent.customMetadata,
    detailsJson: Buffer.from(intent.detailsJson),
    primaryKey: intent.primaryKey,
    primaryKeyExplicit: intent.isPrimaryKeyExplicit ?? false,
    mayCreateIndex: context.mayCreateIndex,
    failure: intent.failure,
    failureCreatesIndex: intent.failure !== undefined,
    bodyJson: Buffer.alloc(0),
    documentCount: BigInt(intent.documentCount ?? 0),
    skipCreation: intent.skipsCreation ?? false,
  });
  if (outcome !== undefined) return outcome;
  throw new MiroirError('miroir_control_unavailable', 'Control gave no answer.', {
    retryAfterSeconds: 1,
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
