/** Splits a whole payload in a test: pushes it in given cuts and keeps what was spooled. */
import {
  DocumentSplitter,
  type PayloadFormat,
  type SplitResult,
} from '../../core/documents/index.ts';
import type { ByteSource } from '../../core/json/byte-source.ts';

/** How to split. */
export interface SplitCase {
  readonly format?: PayloadFormat;
  readonly primaryKey?: string | undefined;
  readonly indexUid?: string;
  readonly csvDelimiter?: number | undefined;
  readonly laterReplaces?: boolean;
  readonly checksGeo?: boolean;
  readonly ignoresValues?: boolean;
  /** Bytes of each chunk; default: all at once. */
  readonly cutBytes?: number;
}

/** The verdict, and the bytes that would have been spooled. */
export interface SplitOutcome {
  readonly result: SplitResult;
  readonly spooled: Buffer;
}

/** Splits a payload held in memory. */
export function splitPayload(payload: string | Buffer, how: SplitCase = {}): SplitOutcome {
  const parts: Buffer[] = [];
  const splitter = new DocumentSplitter({
    format: how.format ?? 'json',
    primaryKey: how.primaryKey,
    indexUid: how.indexUid ?? 'm',
    laterReplaces: how.laterReplaces ?? true,
    checksGeo: how.checksGeo ?? false,
    ignoresValues: how.ignoresValues ?? false,
    ...(how.csvDelimiter === undefined ? {} : { csvDelimiter: how.csvDelimiter }),
    sink: (bytes) => parts.push(Buffer.from(bytes)),
  });
  const bytes = Buffer.from(payload as string);
  const cutBytes = how.cutBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += cutBytes) {
    splitter.push(bytes.subarray(at, at + cutBytes));
  }
  splitter.end();
  let spooled: Buffer | undefined;
  const whole = (): Buffer => {
    spooled ??= Buffer.concat(parts);
    return spooled;
  };
  const source: ByteSource = {
    get byteLength() {
      return whole().length;
    },
    read(offset, target) {
      return whole().copy(target, 0, offset, offset + target.length);
    },
  };
  return { result: splitter.finish(source), spooled: Buffer.concat(parts) };
}

/** The texts of the documents that a good payload was split into. */
export function documentTexts(outcome: SplitOutcome): string[] {
  const { result, spooled } = outcome;
  if (result.kind !== 'ok') throw new Error(`not split: ${JSON.stringify(result)}`);
  const { table } = result;
  return Array.from({ length: table.count }, (_, row) => {
    const offset = table.offsets[row] as number;
    return spooled.toString('utf8', offset, offset + (table.lengths[row] as number));
  });
}
