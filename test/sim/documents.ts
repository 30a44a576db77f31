/**
 * Documents and writes of the made-up world, and what a write does to a document: on a model node, and in
 * the replay that everything is judged by. A document knows the write that set its version, as a real one
 * does by `_miroir_version`.
 */

import type { WriteKind } from '../../control/state/index.ts';
import { hashPrimaryKey } from '../../core/placement/index.ts';
import type { Random } from './random.ts';

/** A stored document without its primary key. Never changed, only replaced. */
export interface Doc {
  /** Place in the lane of the write that gave it its version. */
  readonly seq: number;
  /** Place in that write's payload. */
  readonly row: number;
  readonly color: string;
  readonly x: number;
  readonly y: number;
}

/** A primary key of the world. */
export interface Key {
  readonly text: string;
  readonly hash: bigint;
  readonly hashBytes: Buffer;
}

const KEY_COUNT = 8;

/** Eight keys, spread evenly over up to four shards. */
export const KEYS: readonly Key[] = makeKeys();
const byText = new Map(KEYS.map((key) => [key.text, key]));
const byHash = new Map(KEYS.map((key) => [key.hash, key]));

function makeKeys(): Key[] {
  const keys: Key[] = [];
  const perShard = [0, 0, 0, 0];
  for (let number = 0; keys.length < KEY_COUNT; number += 1) {
    const text = String(number);
    const hash = hashPrimaryKey(text);
    const shard = Number(hash & 3n);
    if ((perShard[shard] as number) >= KEY_COUNT / 4) continue;
    perShard[shard] = (perShard[shard] as number) + 1;
    const hashBytes = Buffer.alloc(8);
    hashBytes.writeBigUInt64LE(hash);
    keys.push({ text, hash, hashBytes });
  }
  return keys;
}

/** The key with this text; it must be one of the world's. */
export function keyOf(text: string): Key {
  const key = byText.get(text);
  if (key === undefined) throw new Error(`no key ${text} in this world`);
  return key;
}

/** The key with this hash; it must be one of the world's. */
export function keyOfHash(hash: bigint): Key {
  const key = byHash.get(hash);
  if (key === undefined) throw new Error(`no key with hash ${hash} in this world`);
  return key;
}

/** Shard of a key's text. `shardCount` is 1, 2 or 4. */
export function shardOfText(text: string, shardCount: number): number {
  return Number(keyOf(text).hash & BigInt(shardCount - 1));
}

/** What a client asked for. */
export interface ClientWrite {
  readonly id: number;
  readonly kind: WriteKind;
  readonly indexUid: string;
  /** The other index of a swap, or the new name. */
  readonly otherUid: string | null;
  readonly skipCreation: boolean;
  /** In the order of the payload, each once. */
  readonly keys: readonly string[];
  /** By place in `keys`; undefined fields are left out (updates). */
  readonly fields: readonly Partial<Omit<Doc, 'seq' | 'row'>>[];
  readonly filterColor: string;
  readonly toColor: string;
  /** An edit that deletes what it finds. */
  readonly isKill: boolean;
  /** Every node fails it, as one node would. */
  readonly isBad: boolean;
  /** Documents per part. */
  readonly partSize: number;
  /** Of a cancelation: the tasks it names; none: all that are not over. */
  readonly named?: readonly number[];
}

const COLORS = ['red', 'green', 'blue'];

/** Whether the write carries a list of documents. */
export function hasKeys(kind: WriteKind): boolean {
  return (
    kind === 'documentsReplace' || kind === 'documentsUpdate' || kind === 'documentsDeleteById'
  );
}

/** Draws a document write. */
export function drawDocumentWrite(
  random: Random,
  options: {
    readonly id: number;
    readonly indexUid: string;
    readonly partSize: number;
    readonly keyCount: number;
  },
): ClientWrite {
  const { keyCount, ...place } = options;
  const kind = drawKind(random);
  const keys = hasKeys(kind)
    ? random.some(
        KEYS.slice(0, keyCount).map((key) => key.text),
        1 + random.below(random.chance(0.3) ? 4 : 2),
      )
    : [];
  return {
    ...place,
    kind,
    otherUid: null,
    skipCreation:
      (kind === 'documentsReplace' || kind === 'documentsUpdate') && random.chance(0.15),
    keys,
    fields: keys.map(() => drawFields(random, kind)),
    filterColor: random.pick(COLORS),
    toColor: random.pick(COLORS),
    isKill: random.chance(0.2),
    isBad: random.chance(0.02),
  };
}

function drawKind(random: Random): WriteKind {
  const draw = random.next();
  if (draw < 0.34) return 'documentsReplace';
  if (draw < 0.6) return 'documentsUpdate';
  if (draw < 0.78) return 'documentsDeleteById';
  if (draw < 0.87) return 'documentsDeleteByFilter';
  if (draw < 0.97) return 'documentsEdit';
  return 'documentsDeleteAll';
}

function drawFields(random: Random, kind: WriteKind): ClientWrite['fields'][number] {
  if (kind === 'documentsReplace') {
    return { color: random.pick(COLORS), x: random.below(9_000), y: random.below(9_000) };
  }
  const fields = random.chance(0.5) ? { x: random.below(9_000) } : { y: random.below(9_000) };
  return random.chance(0.5) ? { ...fields, color: random.pick(COLORS) } : fields;
}

/** What the write, at its place in the lane, makes of one document of the index. */
export function applyWrite(
  write: ClientWrite,
  seq: number,
  key: string,
  doc: Doc | undefined,
): Doc | undefined {
  switch (write.kind) {
    case 'documentsReplace':
    case 'documentsUpdate': {
      const row = write.keys.indexOf(key);
      if (row < 0 || (write.skipCreation && doc === undefined)) return doc;
      const base = write.kind === 'documentsUpdate' && doc !== undefined ? doc : BLANK;
      return { ...base, ...write.fields[row], seq, row };
    }
    case 'documentsDeleteById':
      return write.keys.includes(key) ? undefined : doc;
    case 'documentsDeleteAll':
      return undefined;
    case 'documentsDeleteByFilter':
      return doc?.color === write.filterColor ? undefined : doc;
    case 'documentsEdit':
      if (doc === undefined || doc.color !== write.filterColor) return doc;
      if (write.isKill) return undefined;
      return { ...doc, color: write.toColor, x: (doc.x * 7 + seq) % 9_973, seq, row: 0 };
    default:
      return doc;
  }
}

const BLANK: Doc = { seq: 0, row: 0, color: '', x: 0, y: 0 };

/** Whether two documents, or their absence, are the same. */
export function isSame(left: Doc | undefined, right: Doc | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined) return false;
  return (
    left.seq === right.seq &&
    left.row === right.row &&
    left.color === right.color &&
    left.x === right.x &&
    left.y === right.y
  );
}

/** For traces. */
export function docText(doc: Doc | undefined): string {
  return doc === undefined ? '-' : `${doc.seq}.${doc.row}${doc.color.slice(0, 1)}${doc.x}/${doc.y}`;
}
