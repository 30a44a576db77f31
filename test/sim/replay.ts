/**
 * All writes that count, played one after another on one made-up node: what everything is compared with.
 */
import { applyWrite, type Doc, hasKeys, KEYS, shardOfText } from './documents.ts';
import type { WriteRecord } from './history.ts';
import type { World } from './world.ts';

/** A state of one document, from a place in the lane on. */
export interface Version {
  readonly seq: number;
  readonly doc: Doc | undefined;
}

/** An index of the one node that everything is compared with. */
export interface ModelIndex {
  readonly id: string;
  readonly shardCount: number;
  readonly docs: Map<string, Doc>;
  /** By key: every write that touched it and counts, in lane order. */
  readonly versions: Map<string, Version[]>;
  readonly settings: string[];
}

/** What the replay made. */
export interface Replay {
  readonly byName: Map<string, ModelIndex>;
  readonly byId: Map<string, ModelIndex>;
  /** Ids of indexes whose first write was cancelled: the next write that would make one makes it. */
  readonly unmade: Set<string>;
}

/** Plays all writes that count, one after another. */
export function replay(world: World): Replay {
  const made: Replay = { byName: new Map(), byId: new Map(), unmade: new Set() };
  const seqs = [...world.history.bySeq.keys()].sort((left, right) => left - right);
  for (const seq of seqs) {
    const record = world.history.bySeq.get(seq) as WriteRecord;
    if (record.finalStatus === 'canceled') playCanceled(world, made, record);
    else if (record.write.kind.startsWith('documents')) playDocuments(world, made, record, seq);
    else playIndex(world, made, record);
  }
  return made;
}

/** What is cancelled does nothing. */
function playCanceled(world: World, made: Replay, { intent }: WriteRecord): void {
  if (intent?.createsIndex !== true || intent.indexId === null) return;
  world.coverage.hit('a write that was to make an index was cancelled');
  made.unmade.add(intent.indexId);
}

function playDocuments(world: World, made: Replay, record: WriteRecord, seq: number): void {
  const { write, intent } = record;
  const known = made.byName.get(write.indexUid);
  if (intent === null || intent.indexId === null) {
    if (known !== undefined) world.fail('b: order of index steps', `${seq} met no index`);
    if (record.finalStatus !== 'failed') world.fail('b: a write to no index', `task ${seq}`);
    return;
  }
  if (known === undefined && made.unmade.has(intent.indexId)) {
    world.coverage.hit('a write to an index that a cancelled one was to make');
    const isAddition = write.kind === 'documentsReplace' || write.kind === 'documentsUpdate';
    if (!isAddition || !intent.createsIndex) {
      if (record.finalStatus !== 'failed') world.fail('b: a write to no index', `task ${seq}`);
      return;
    }
  }
  if (known?.id !== intent.indexId && !intent.createsIndex) {
    world.fail('b: order of index steps', `${seq} is for ${intent.indexId}, not ${known?.id}`);
  }
  const index = intent.createsIndex
    ? makeIndex(world, made, write.indexUid, intent.indexId)
    : known;
  if (index === undefined) return;
  for (const { text } of KEYS) {
    const shard = shardOfText(text, index.shardCount);
    if (record.outcomes.get(shard) !== 'in' && !record.keptKeys.has(text)) continue;
    if (hasKeys(write.kind) && !write.keys.includes(text)) continue;
    const doc = applyWrite(write, seq, text, index.docs.get(text));
    if (doc === undefined) index.docs.delete(text);
    else index.docs.set(text, doc);
    const versions = index.versions.get(text) ?? [FIRST];
    versions.push({ seq, doc });
    index.versions.set(text, versions);
  }
}

/** Before the first write. */
export const FIRST: Version = { seq: -1, doc: undefined };

function makeIndex(world: World, made: Replay, uid: string, id: string): ModelIndex {
  const index: ModelIndex = {
    id,
    shardCount: world.profile.shardCount,
    docs: new Map(),
    versions: new Map(),
    settings: [],
  };
  made.byName.set(uid, index);
  made.byId.set(id, index);
  return index;
}

/** An index that nobody made stays, empty, for what changes its name. */
function makeUnmade(world: World, made: Replay, { write, intent }: WriteRecord): void {
  if (intent === null || intent.error !== null) return;
  const named = intent.swaps.flatMap(({ left, right, leftId, rightId }) => [
    { uid: left, id: leftId },
    { uid: right, id: rightId },
  ]);
  if (intent.kind === 'indexUpdate') named.push({ uid: write.indexUid, id: intent.indexId });
  for (const { uid, id } of named) {
    if (id === null || made.byName.has(uid) || !made.unmade.has(id)) continue;
    world.coverage.hit('limit: an index whose first write was cancelled stays for a rename');
    makeIndex(world, made, uid, id);
  }
}

function playIndex(world: World, made: Replay, record: WriteRecord): void {
  makeUnmade(world, made, record);
  const { write, intent, finalStatus } = record;
  const uid = write.indexUid;
  const known = made.byName.get(uid);
  const other = write.otherUid === null ? undefined : made.byName.get(write.otherUid);
  const isDone = finalStatus === 'succeeded';
  const expect = (canSucceed: boolean): void => {
    if (isDone && !canSucceed) {
      world.fail('b: one node would fail it', `task ${record.seq} ${write.kind} ${uid}`);
    }
  };
  switch (write.kind) {
    case 'indexCreate':
      expect(known === undefined);
      if (intent?.indexId != null && known === undefined) {
        makeIndex(world, made, uid, intent.indexId);
      }
      break;
    case 'indexDelete':
      expect(known !== undefined);
      if (isDone) made.byName.delete(uid);
      break;
    case 'indexUpdate':
      expect(known !== undefined && other === undefined);
      if (!isDone || known === undefined || write.otherUid === null) break;
      made.byName.delete(uid);
      made.byName.set(write.otherUid, known);
      break;
    case 'indexSwap':
      expect(known !== undefined && other !== undefined);
      if (!isDone || known === undefined || other === undefined || write.otherUid === null) break;
      made.byName.set(uid, other);
      made.byName.set(write.otherUid, known);
      break;
    case 'tasksCancel':
      break;
    default: {
      const index =
        known ??
        (intent?.indexId == null ? undefined : makeIndex(world, made, uid, intent.indexId));
      if (isDone) index?.settings.push(String(write.id));
    }
  }
}
