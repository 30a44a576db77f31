/** What an environment says of itself: one JSON record under one key of its root, written with every commit. */
import { openPlain, sealPlain } from './codec.ts';
import type { Environment, ReadTransaction } from './environment.ts';
import { UnusableStore } from './errors.ts';
import { FIRST_CHAIN } from './log-entry.ts';

/** Version of what is stored under which key. Each change of it has a step in migrations.ts. */
export const SCHEMA_VERSION = 2;

/** Key of the record; the same in every version. */
export const META_KEY = 'store';

/** A place in the log: two logs with the same chain at an index are equal up to it. */
export interface LogPlace {
  readonly epoch: bigint;
  readonly index: bigint;
  readonly chain: Uint8Array;
}

/** The record. */
export interface Meta {
  /** Names this copy of the data: minted when it is made, refilled or restored. */
  readonly storeId: string;
  /** Entries of lower epochs are refused. */
  readonly fence: bigint;
  /** The last entry of the log. */
  readonly last: LogPlace;
  /** The entry before the first one that is kept. */
  readonly base: LogPlace;
  /** Up to here the state holds what the log says. */
  readonly appliedIndex: bigint;
  /** Bytes of the entries that are kept. */
  readonly logBytes: number;
}

/** The record of an environment that holds nothing. */
export function emptyMeta(storeId: string): Meta {
  const start = { epoch: 0n, index: 0n, chain: FIRST_CHAIN };
  return { storeId, fence: 0n, last: start, base: start, appliedIndex: 0n, logBytes: 0 };
}

/** Bytes of the record, with the schema it belongs to. */
export function sealMeta(meta: Meta): Buffer {
  const record = {
    schema: SCHEMA_VERSION,
    storeId: meta.storeId,
    fence: String(meta.fence),
    last: placeToJson(meta.last),
    base: placeToJson(meta.base),
    applied: String(meta.appliedIndex),
    logBytes: meta.logBytes,
  };
  return sealPlain(Buffer.from(JSON.stringify(record)));
}

/** The record as JSON of whatever schema; undefined in a new environment. Throws UnusableStore. */
export function readRawMeta(
  environment: Environment,
  transaction?: ReadTransaction,
): { readonly schema: number } | undefined {
  const { root, state } = environment;
  const options = transaction === undefined ? {} : { transaction };
  const sealed = root.get(META_KEY, options);
  if (sealed === undefined) {
    for (const _ of state.getKeys({ ...options, limit: 1 })) {
      throw new UnusableStore('the data folder holds values but not the words that describe them');
    }
    return undefined;
  }
  const record = JSON.parse(openPlain(META_KEY, sealed).toString('utf8')) as { schema: number };
  if (record.schema > SCHEMA_VERSION) {
    throw new UnusableStore(
      `the data folder was written by a newer Miroir (its schema is ${record.schema}, this program knows ${SCHEMA_VERSION})`,
    );
  }
  return record;
}

interface PlaceJson {
  readonly epoch: string;
  readonly index: string;
  readonly chain: string;
}

/** The record from its JSON, which is of the current schema. */
export function parseMeta(raw: object): Meta {
  const record = raw as {
    storeId: string;
    fence: string;
    last: PlaceJson;
    base: PlaceJson;
    applied: string;
    logBytes: number;
  };
  return {
    storeId: record.storeId,
    fence: BigInt(record.fence),
    last: placeFromJson(record.last),
    base: placeFromJson(record.base),
    appliedIndex: BigInt(record.applied),
    logBytes: record.logBytes,
  };
}

function placeToJson(place: LogPlace): PlaceJson {
  return {
    epoch: String(place.epoch),
    index: String(place.index),
    chain: Buffer.from(place.chain).toString('hex'),
  };
}

function placeFromJson(place: PlaceJson): LogPlace {
  return {
    epoch: BigInt(place.epoch),
    index: BigInt(place.index),
    chain: Buffer.from(place.chain, 'hex'),
  };
}
