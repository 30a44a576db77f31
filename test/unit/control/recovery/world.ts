/**
 * The machine over model nodes: documents in maps, tasks in queues that are worked off when told to. Writes
 * go the way a sidecar sends them; what recovery asks of nodes is answered from the maps.
 */

import { notesOf, stateOf } from '../../../../control/copies/index.ts';
import { step } from '../../../../control/lane/index.ts';
import { takeChanges } from '../../../../control/machine/encode.ts';
import {
  type BeginInput,
  type CopyNotes,
  type Effect,
  type IndexRecord,
  type MachineEvent,
  State,
} from '../../../../control/state/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import type { CopyState } from '../../../../core/topology.ts';
import { type Document, ModelNode, toTailTask } from './model-node.ts';
import { changeOf, EMPTY, inputOf, type Write } from './writes.ts';

/** Cluster of two nodes (or as many as named) with one index in as many copies, one shard. */
export class World {
  readonly state: State;
  readonly nodes: ReadonlyMap<string, ModelNode>;
  readonly effects: Effect[] = [];
  readonly words: string[] = [];
  nowMs = 10_000;
  /** Called before an effect of recovery is answered: to let clients write in between. */
  onEffect: (effect: Effect) => void = () => {};
  readonly #pages = new Map<number, Map<bigint, Document | null>>();
  /** Kinds of the answers to writes that were not granted. */
  readonly refusals: string[] = [];
  #request = 0;
  readonly #waiting = new Map<number, Write>();

  constructor(ids: readonly string[] = ['a', 'b']) {
    this.nodes = new Map(ids.map((id) => [id, new ModelNode()]));
    this.state = new State(
      {
        clusterId: '00',
        nodes: ids.map((id) => ({
          id,
          url: `http://${id}`,
          group: 0,
          weight: 1,
          isAdopted: true,
          lastTaskUid: -1,
          lastMark: '*',
          markerSeq: -1,
          seenUid: -1,
        })),
        keys: [],
        masterKeyHashHex: '',
        versionJson: '',
        experimentalFeaturesJson: '',
      },
      {
        shardCount: 1,
        spread: 'all',
        replicationFactor: ids.length,
        minCopies: 1,
        quorum: 'in_sync',
      },
    );
    this.state.startedMs = this.nowMs;
    for (const id of ids) this.apply({ kind: 'nodeHealth', nodeId: id, isUp: true, now: this.now });
    this.begin({ kind: 'indexCreate', body: { uid: 'cars', primaryKey: 'id' } });
    this.run();
  }

  get now() {
    return { wallNs: BigInt(Math.round(this.nowMs)) * 1_000_000n, steadyMs: this.nowMs };
  }

  get index(): IndexRecord {
    const id = this.state.head.get('cars') ?? '';
    const index = this.state.indexes.get(id);
    if (index === undefined) throw new Error('no index');
    return index;
  }

  copy(nodeId: string): CopyState | undefined {
    return stateOf(this.index, 0, nodeId);
  }

  notes(nodeId: string): CopyNotes | undefined {
    return notesOf(this.state, { index: this.index, shard: 0, nodeId });
  }

  node(id: string): ModelNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Documents of a node as `id=color`. */
  colors(nodeId: string): string[] {
    return [...this.node(nodeId).documents].map(([id, { color }]) => `${id}=${color}`).sort();
  }

  apply(event: MachineEvent): void {
    this.state.commitIndex += 1;
    step(this.state, event);
    takeChanges(this.state);
    this.effects.push(...this.state.effects);
    this.state.effects = [];
  }

  /** A write that reaches all nodes that are up, as soon as it has its permission. */
  write(write: Write): void {
    this.#waiting.set(this.#request + 1, write);
    this.begin(inputOf(write));
    this.#sendGranted();
  }

  /** The Begin of a write alone: its place if it is granted now. */
  grant(write: Write): number | undefined {
    const before = this.effects.length;
    this.begin(inputOf(write));
    for (const effect of this.effects.slice(before)) {
      if (effect.kind !== 'beginReply') continue;
      return effect.reply.kind === 'grant' ? effect.reply.seq : undefined;
    }
    return undefined;
  }

  #sendGranted(): void {
    for (const effect of [...this.effects]) {
      if (effect.kind !== 'beginReply') continue;
      const write = this.#waiting.get(effect.ticket);
      if (write === undefined) continue;
      this.#waiting.delete(effect.ticket);
      if (effect.reply.kind === 'grant') this.send(effect.reply.seq, write);
      else this.refusals.push(effect.reply.kind);
    }
  }

  /** Sends a granted write to its targets and reports what came of it. */
  send(seq: number, write: Write): void {
    const intent = this.state.open.get(seq)?.intent;
    const results = Object.keys(intent?.targets ?? {}).map((nodeId) => {
      const node = this.node(nodeId);
      if (!node.isUp) {
        const outcome = { kind: 'refused', status: 0, body: 'down' } as const;
        return { nodeId, part: 0, partCount: 1, outcome };
      }
      const uid = node.enqueue(`m1.00.${seq}.0`, changeOf(write, seq), true);
      return { nodeId, part: 0, partCount: 1, outcome: { kind: 'enqueued', uid } as const };
    });
    this.apply({ kind: 'report', seq, results, isComplete: true, ticket: 0, now: this.now });
  }

  begin(changes: Partial<BeginInput>): void {
    this.#request += 1;
    this.apply({
      kind: 'begin',
      input: { ...EMPTY, requestNumber: String(this.#request), ...changes },
      ticket: this.#request,
      now: this.now,
      freshIndexId: String(this.#request).padStart(32, '0'),
    });
  }

  /** A node goes away, or comes back. */
  setUp(nodeId: string, isUp: boolean): void {
    this.node(nodeId).isUp = isUp;
    this.apply({ kind: 'nodeHealth', nodeId, isUp, now: this.now });
  }

  /** A reading of a node's tasks. */
  read(nodeId: string): void {
    const node = this.node(nodeId);
    if (!node.isUp) return;
    const record = this.state.cluster.nodes.find(({ id }) => id === nodeId);
    const last = record?.lastTaskUid ?? -1;
    const known = node.tasks.find(({ uid }) => uid === last);
    const lastKnown =
      known === undefined || record === undefined
        ? 'absent'
        : record.lastMark === '*' || known.tag === record.lastMark
          ? 'present'
          : 'other';
    const missingUids = [...(this.state.outstanding.get(nodeId)?.keys() ?? [])].filter(
      (uid) => !node.tasks.some((task) => task.uid === uid),
    );
    const reading = {
      nodeId,
      startedAtMs: this.nowMs,
      marker: node.marker,
      lastKnown: last < 0 ? 'present' : lastKnown,
      highestUid: node.tasks.at(-1)?.uid ?? -1,
      tasks: node.tasks.map(toTailTask),
      missingUids,
    } as const;
    this.apply({ kind: 'nodeTail', reading, now: this.now });
  }

  /** Lets everything happen that is asked for, nodes work, and time pass, until nothing is left to do. */
  run(rounds = 40): void {
    for (let round = 0; round < rounds; round += 1) {
      this.drain();
      for (const [id, node] of this.nodes) {
        if (node.isUp) node.work();
        this.read(id);
      }
      this.nowMs += 60;
      this.apply({ kind: 'tick', now: this.now });
    }
    this.drain();
  }

  /** Performs the effects that wait. */
  drain(): void {
    this.#sendGranted();
    for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) {
      this.onEffect(effect);
      this.#perform(effect);
      this.#sendGranted();
    }
  }

  #perform(effect: Effect): void {
    const { now } = this;
    switch (effect.kind) {
      case 'readNode':
        this.read(effect.nodeId);
        return;
      case 'alarm':
        this.words.push(effect.words);
        return;
      case 'recoveryPlanned':
        this.words.push(`${effect.method} on ${effect.place.targetId}`);
        return;
      case 'runStep':
        this.#runStep(effect.seq, effect.nodeId);
        return;
      case 'recoveryList': {
        const { recovery, place } = effect;
        const [source, target] = [place.sourceId, place.targetId].map((id) => this.#versions(id));
        if (source === undefined || target === undefined) return;
        this.apply({ kind: 'recoveryListed', recovery, source, target, now });
        return;
      }
      case 'recoveryRead':
        this.#read(effect);
        return;
      case 'recoveryWrite':
        this.#write(effect);
        return;
      case 'recoveryCompare':
        this.#compare(effect);
        return;
      case 'mendIndex': {
        const { indexId, nodeId, indexUid, settingsVersion, need } = effect;
        if (need === 'rebuild') this.node(nodeId).documents.clear();
        this.words.push(`${need} on ${nodeId}`);
        const event = { kind: 'indexMended', indexId, nodeId, indexUid, settingsVersion } as const;
        this.apply({ ...event, isDone: true, reason: '', lastTask: null, now });
        return;
      }
      case 'listIndexes': {
        const { nodeId, call } = effect;
        this.apply({ kind: 'indexesListed', nodeId, call, indexUids: ['cars'], now });
        return;
      }
      default:
    }
  }

  #runStep(seq: number, nodeId: string): void {
    const steps = this.state.open.get(seq)?.intent.steps ?? [];
    const place = steps.findIndex((item) => item.nodeId === nodeId && item.state === 'unsent');
    if (place < 0 || !this.node(nodeId).isUp) return;
    const uid = this.node(nodeId).enqueue(null, () => {});
    const outcome = { kind: 'enqueued', uid, enqueuedAt: null } as const;
    this.apply({ kind: 'stepDone', seq, step: place, outcome, now: this.now });
  }

  #versions(nodeId: string): Map<bigint, bigint> {
    const { documents } = this.node(nodeId);
    return new Map([...documents].map(([id, { version }]) => [hashPrimaryKey(id), version]));
  }

  #byHash(nodeId: string): Map<bigint, Document> {
    const { documents } = this.node(nodeId);
    return new Map([...documents].map(([id, document]) => [hashPrimaryKey(id), document]));
  }

  #read(effect: Extract<Effect, { kind: 'recoveryRead' }>): void {
    const { recovery, place, hashes } = effect;
    const source = this.#byHash(place.sourceId);
    const target = this.#byHash(place.targetId);
    const page = (effect.isNewPage ? undefined : this.#pages.get(recovery)) ?? new Map();
    const nowhere = hashes.filter((hash) => !source.has(hash) && !target.has(hash));
    for (const hash of hashes) {
      if (!nowhere.includes(hash)) page.set(hash, source.get(hash) ?? null);
    }
    this.#pages.set(recovery, page);
    const documentCount = hashes.length;
    const { now } = this;
    this.apply({ kind: 'recoveryRead', recovery, nowhere, documentCount, documentBytes: 0, now });
  }

  #write(effect: Extract<Effect, { kind: 'recoveryWrite' }>): void {
    const { recovery, place, seq, tag } = effect;
    const page = this.#pages.get(recovery) ?? new Map<bigint, Document | null>();
    const names = this.#names();
    const uid = this.node(place.targetId).enqueue(`${tag}.0.rc`, (documents) => {
      for (const [hash, document] of page) {
        const id = names.get(hash) ?? '';
        if (document === null) documents.delete(id);
        else documents.set(id, document);
      }
    });
    const outcome = { kind: 'enqueued', uid } as const;
    const results = [{ nodeId: place.targetId, part: 0, partCount: 1, outcome }];
    this.apply({ kind: 'internalReport', seq, results, isComplete: true, now: this.now });
  }

  #compare(effect: Extract<Effect, { kind: 'recoveryCompare' }>): void {
    const { recovery, place } = effect;
    const source = this.#byHash(place.sourceId);
    const target = this.#byHash(place.targetId);
    const hashes = effect.hashes ?? [...new Set([...source.keys(), ...target.keys()])];
    const different = hashes.filter((hash) => {
      const [left, right] = [source.get(hash), target.get(hash)];
      return left?.version !== right?.version || left?.color !== right?.color;
    });
    const { now } = this;
    this.apply({ kind: 'recoveryCompared', recovery, different, count: hashes.length, now });
  }

  #names(): Map<bigint, string> {
    const names = new Map<bigint, string>();
    for (const { documents } of this.nodes.values()) {
      for (const id of documents.keys()) names.set(hashPrimaryKey(id), id);
    }
    return names;
  }
}
