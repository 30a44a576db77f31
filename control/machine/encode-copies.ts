/**
 * Bytes of what copies need: intents with their shards, notes, tombstones. Lists of shards are bit maps and
 * what became of a write on each shard is one letter, for an intent is written several times in its life.
 */
import type { CopyNotes, Intent, ShardOutcome, Target, Tombstones } from '../state/index.ts';

const LETTERS: readonly ShardOutcome[] = ['open', 'stands', 'in', 'out'];

/** Bytes of an intent, without its primary keys. */
export function encodeIntent(intent: Intent): Buffer {
  const { outcomes, applied, shards, targets, ...rest } = intent;
  const isPlain = outcomes.every((outcome, at) => outcome === 'open' && applied[at] !== true);
  return json({
    ...rest,
    shards: toBits(shards),
    ...(isPlain ? {} : { outcomes: toLetters(outcomes, applied) }),
    targets: Object.fromEntries(
      Object.entries(targets).map(([id, target]) => [
        id,
        { ...target, shards: toBits(target.shards) },
      ]),
    ),
  });
}

/** An intent from its bytes. */
export function decodeIntent(bytes: Buffer): Intent {
  const stored = JSON.parse(bytes.toString('utf8')) as Omit<Intent, 'outcomes'> & {
    readonly outcomes?: string;
    readonly targets: Record<string, Target>;
  };
  const shards = fromBits(String(stored.shards));
  const letters = stored.outcomes ?? '0'.repeat(shards.length);
  for (const target of Object.values(stored.targets)) {
    target.shards = fromBits(String(target.shards));
  }
  return {
    ...stored,
    // Data of before answers were kept has none.
    reply: stored.reply ?? null,
    shards,
    outcomes: [...letters].map((letter) => LETTERS[Number(letter) % 4] as ShardOutcome),
    applied: [...letters].map((letter) => Number(letter) >= 4),
  };
}

/** Bytes of a copy's notes. */
export function encodeNotes(notes: CopyNotes): Buffer {
  const { reread, held, ...rest } = notes;
  const hashes = Buffer.alloc(reread.size * 8);
  let at = 0;
  for (const hash of reread) {
    hashes.writeBigUInt64LE(hash, at);
    at += 8;
  }
  return json({ ...rest, held: [...held], reread: hashes.toString('base64') });
}

/** A copy's notes from their bytes. */
export function decodeNotes(bytes: Buffer): CopyNotes {
  const stored = JSON.parse(bytes.toString('utf8')) as Omit<CopyNotes, 'held' | 'reread'> & {
    readonly held: readonly number[];
    readonly reread: string;
  };
  const hashes = Buffer.from(stored.reread, 'base64');
  const reread = new Set<bigint>();
  for (let at = 0; at + 8 <= hashes.length; at += 8) reread.add(hashes.readBigUInt64LE(at));
  return { ...stored, held: new Set(stored.held), reread };
}

/** Bytes of tombstones: the index id, then the hashes. */
export function encodeTombstones(dead: Tombstones): Buffer {
  return Buffer.concat([Buffer.from(dead.indexId, 'latin1'), dead.hashes]);
}

const INDEX_ID_BYTES = 32;

/** Tombstones from their bytes. */
export function decodeTombstones(seq: number, bytes: Buffer): Tombstones {
  const indexId = bytes.subarray(0, INDEX_ID_BYTES).toString('latin1');
  return { seq, indexId, hashes: Buffer.from(bytes.subarray(INDEX_ID_BYTES)) };
}

function toLetters(outcomes: readonly ShardOutcome[], applied: readonly boolean[]): string {
  return outcomes
    .map((outcome, at) => LETTERS.indexOf(outcome) + (applied[at] === true ? 4 : 0))
    .join('');
}

/** Base64 of a bit map; one bit per shard, the lowest first. */
function toBits(shards: readonly number[]): string {
  const last = shards.at(-1);
  if (last === undefined) return '';
  const bits = Buffer.alloc((last >> 3) + 1);
  for (const shard of shards) {
    bits.writeUInt8(bits.readUInt8(shard >> 3) | (1 << (shard & 7)), shard >> 3);
  }
  return bits.toString('base64');
}

function fromBits(text: string): number[] {
  const bits = Buffer.from(text, 'base64');
  const shards: number[] = [];
  for (const [at, byte] of bits.entries()) {
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) shards.push(at * 8 + bit);
  }
  return shards;
}

function json(record: unknown): Buffer {
  return Buffer.from(JSON.stringify(record));
}
