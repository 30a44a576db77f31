/**
 * Judges a history in one pass: the system claims its own order (the lane), so nothing has to be searched.
 * Letters are those of the test plan: (b) replay on one node, (c) copies equal it, (d) answers, (f) nothing
 * comes back.
 */
import { type Doc, docText, hasKeys, isSame, KEYS, shardOfText } from './documents.ts';
import type { ReadRecord, WriteRecord } from './history.ts';
import { FIRST, type ModelIndex, type Replay, type Version } from './replay.ts';
import type { World } from './world.ts';

/** Every write that was acknowledged counts, unless nodes failed it for reasons of their own. */
export function checkAcknowledged(world: World): void {
  for (const record of world.history.bySeq.values()) {
    if (record.finalStatus === null) world.fail('g: a task never ended', `task ${record.seq}`);
    if (!record.isAcknowledged || record.write.isBad || record.intent?.error != null) continue;
    if (record.finalStatus === 'canceled') continue;
    // One that failed at once had no shards.
    for (const [shard, outcome] of record.outcomes) {
      if (outcome === 'in') continue;
      if (record.failedShards.has(shard)) {
        world.coverage.hit('limit: acknowledged, then failed by the nodes');
        continue;
      }
      if (wasCancelAsked(record)) {
        world.coverage.hit('limit: acknowledged, then cancelled in part');
        continue;
      }
      const { indexId } = record.intent ?? {};
      if (
        indexId != null &&
        touchedKeys(record, shard, world.profile.shardCount).some((key) =>
          world.hazards.isTainted(indexId, key),
        )
      )
        continue;
      world.fail(
        'b: an acknowledged write is lost',
        `task ${record.seq} on shard ${shard}: ${outcome}`,
      );
    }
  }
}

function wasCancelAsked({ intent }: WriteRecord): boolean {
  return (intent?.canceledBy ?? null) !== null;
}

function touchedKeys(record: WriteRecord, shard: number, shardCount: number): string[] {
  const keys = hasKeys(record.write.kind) ? record.write.keys : KEYS.map(({ text }) => text);
  return keys.filter((key) => shardOfText(key, shardCount) === shard);
}

/** In the end every copy holds what one node would hold, and nothing else is left anywhere. */
export function checkCopies(world: World, made: Replay): void {
  const { state } = world.control;
  for (const [uid, id] of state.visible) {
    if (made.byName.get(uid)?.id !== id) {
      world.fail('b: names', `${uid} is ${id}, one node has ${made.byName.get(uid)?.id}`);
    }
  }
  for (const uid of made.byName.keys()) {
    if (!state.visible.has(uid)) world.fail('b: names', `${uid} is gone`);
  }
  for (const node of world.nodes) {
    for (const uid of node.indexes.keys()) {
      const record = state.indexes.get(state.visible.get(uid) ?? '');
      if (record === undefined || !record.nodeIds.includes(node.id)) {
        world.fail('c: an index is left on a node', `${uid} on ${node.id}`);
      }
    }
  }
  for (const [uid, model] of made.byName) {
    for (const { nodeId, shard } of world.copiesOf(model.id)) {
      const index = world.node(nodeId).indexes.get(uid);
      if (index === undefined) world.fail('c: an index is missing', `${uid} on ${nodeId}`);
      checkCopy(world, model, { nodeId, shard, docs: index?.docs ?? new Map() });
      const settings = index?.settings.at(-1);
      const wanted = model.settings.at(-1);
      if (settings !== wanted && wanted !== undefined) {
        world.fail('c: settings', `${uid} on ${nodeId}: ${settings}, one node has ${wanted}`);
      }
    }
    checkForeign(world, uid, model);
  }
}

function checkCopy(
  world: World,
  model: ModelIndex,
  copy: {
    readonly nodeId: string;
    readonly shard: number;
    readonly docs: ReadonlyMap<string, Doc>;
  },
): void {
  for (const { text } of KEYS) {
    if (shardOfText(text, model.shardCount) !== copy.shard) continue;
    if (world.hazards.isTainted(model.id, text)) {
      world.coverage.hit('limit: document met a late request on the last copy');
      continue;
    }
    const own = copy.docs.get(text);
    const wanted = model.docs.get(text);
    if (isSame(own, wanted)) continue;
    const rule = wanted === undefined ? 'f: a deleted document came back' : 'c: copies differ';
    world.fail(
      rule,
      `index ${model.id.slice(-4)} shard ${copy.shard} node ${copy.nodeId} key ${text}: ${docText(own)}, one node has ${docText(wanted)}; history ${historyText(world, model, text)}`,
    );
  }
}

function historyText(world: World, model: ModelIndex, key: string): string {
  return (model.versions.get(key) ?? [])
    .map(({ seq, doc }) => {
      const write = world.history.bySeq.get(seq)?.write;
      return `${seq}(${write?.kind.slice(9) ?? 'none'}${write?.skipCreation ? ' skip' : ''})=${docText(doc)}`;
    })
    .join(' ');
}

function checkForeign(world: World, uid: string, model: ModelIndex): void {
  for (const node of world.nodes) {
    const index = node.indexes.get(uid);
    if (index === undefined) continue;
    if (world.control.state.indexes.get(model.id)?.foreignNodeIds.includes(node.id) === true) {
      world.coverage.hit('limit: foreign documents may stay, and are filtered');
      continue;
    }
    const own = world.copiesOf(model.id).filter((copy) => copy.nodeId === node.id);
    const shards = new Set(own.map((copy) => copy.shard));
    for (const key of index.docs.keys()) {
      if (shards.has(shardOfText(key, model.shardCount))) continue;
      world.fail('c: a foreign document is left', `${key} of ${uid} on ${node.id}`);
    }
  }
}

/** Every answer equals a set of writes closed under conflicts that holds all that were final. */
export function checkReads(world: World, made: Replay): void {
  const revoked = revokedKeys(world);
  for (const read of world.history.reads) {
    world.coverage.hit('shard read');
    if (read.isExcused) {
      world.coverage.hit('limit: read between a node-side failure or late request and its notice');
      continue;
    }
    const index = made.byId.get(read.indexId);
    if (index !== undefined) checkRead(world, index, read, revoked);
  }
}

/** `index key node` of writes that a copy there applied and that ended as failed: when they did. */
type RevokedKeys = ReadonlyMap<string, number>;

/** A copy may show them until they are final; a reader's view may be older than control's. */
function revokedKeys(world: World): RevokedKeys {
  const keys = new Map<string, number>();
  for (const record of world.history.bySeq.values()) {
    const indexId = record.intent?.indexId;
    if (indexId == null) continue;
    for (const [shard, outcome] of record.outcomes) {
      if (outcome === 'in') continue;
      const isUndone = record.failedShards.has(shard) || wasCancelAsked(record);
      if (record.isAcknowledged && !isUndone) continue;
      for (const node of world.nodes) {
        if (!record.appliedOn.has(`${shard} ${node.id}`)) continue;
        world.coverage.hit('limit: seen before it failed');
        for (const key of touchedKeys(record, shard, world.profile.shardCount)) {
          const name = `${indexId} ${key} ${node.id}`;
          keys.set(name, Math.max(keys.get(name) ?? -1, record.finalOrder));
        }
      }
    }
  }
  return keys;
}

function checkRead(world: World, index: ModelIndex, read: ReadRecord, revoked: RevokedKeys): void {
  const keys = KEYS.map(({ text }) => text).filter(
    (text) => shardOfText(text, index.shardCount) === read.shard,
  );
  const isOut = (key: string): boolean =>
    (revoked.get(`${index.id} ${key} ${read.nodeId}`) ?? -1) >= read.finalCount ||
    world.hazards.isTainted(index.id, key);
  // What was taken back, or tainted, goes through filters and edits to its neighbours.
  if (keys.some(isOut)) return;
  const states = keys.map((key) => newState(world, index, read, key));
  lower(world, read, states);
}

/** How far one document's history may be in an answer. */
interface KeyState {
  readonly key: string;
  readonly versions: readonly Version[];
  /** Places in `versions` that look like the answer and hold all that was final, ascending. */
  readonly fitting: number[];
}

function newState(world: World, index: ModelIndex, read: ReadRecord, key: string): KeyState {
  const versions = index.versions.get(key) ?? [FIRST];
  let floor = 0;
  for (const [place, { seq }] of versions.entries()) {
    const record = world.history.bySeq.get(seq);
    if (record !== undefined && record.finalOrder < read.finalCount) floor = place;
  }
  const own = read.docs.get(key);
  const fitting: number[] = [];
  for (let place = floor; place < versions.length; place += 1) {
    if (isSame(versions[place]?.doc, own)) fitting.push(place);
  }
  if (fitting.length === 0) {
    const history = versions.map(({ seq, doc }) => `${seq}=${docText(doc)}`).join(' ');
    world.fail(
      'd: an answer that no order of writes gives',
      `at ${Math.round(read.atMs)} ${read.sidecarId} (view ${read.viewIndex}) shard ${read.shard} of ${read.uid} on ${read.nodeId}, key ${key}: ${docText(own)}; final up to ${versions[floor]?.seq}; history ${history}`,
    );
  }
  return { key, versions, fitting };
}

/** Takes away what cannot be in together, until what is left is closed under conflicts. */
function lower(world: World, read: ReadRecord, states: readonly KeyState[]): void {
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    // Whatever is in the shortest history of all is in every one.
    const common = Math.min(...states.map((state) => topSeq(state)));
    for (const state of states) {
      const place = firstAlone(world, states, { state, common });
      if (place < 0) continue;
      while ((state.fitting.at(-1) ?? -1) >= place) state.fitting.pop();
      hasChanged = true;
      if (state.fitting.length > 0) continue;
      world.fail(
        'd: a write is half visible',
        `at ${Math.round(read.atMs)} ${read.sidecarId} (view ${read.viewIndex}) shard ${read.shard} of ${read.uid} on ${read.nodeId}: write ${state.versions[place]?.seq} shows in ${state.key} and not in another document; ${states.map((one) => `${one.key}: ${docText(read.docs.get(one.key))} of ${one.versions.map(({ seq, doc }) => `${seq}=${docText(doc)}`).join(' ')}`).join('; ')}`,
      );
    }
  }
}

function topSeq(state: KeyState): number {
  return state.versions[state.fitting.at(-1) ?? 0]?.seq ?? -1;
}

/** The first write in one document's history that another document lacks; -1 if there is none. */
function firstAlone(
  world: World,
  states: readonly KeyState[],
  of: { readonly state: KeyState; readonly common: number },
): number {
  let found = -1;
  for (let at = of.state.fitting.at(-1) ?? 0; at > 0; at -= 1) {
    const seq = of.state.versions[at]?.seq ?? -1;
    if (seq <= of.common) break;
    if (isWhole(world, seq) && states.some((other) => lacks(other, seq))) found = at;
  }
  return found;
}

/** Parts of a write are tasks of their own: each shows whole, one after another. */
function isWhole(world: World, seq: number): boolean {
  const write = world.history.bySeq.get(seq)?.write;
  return write === undefined || write.keys.length <= write.partSize;
}

function lacks(state: KeyState, seq: number): boolean {
  const top = state.fitting.at(-1) ?? 0;
  for (let place = state.versions.length - 1; place > top; place -= 1) {
    if (state.versions[place]?.seq === seq) return true;
  }
  return false;
}
