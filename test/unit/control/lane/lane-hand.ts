/** The reducer with a hand on it: events in, effects looked at, nodes that answer when told to. */
import { step } from '../../../../control/lane/index.ts';
import { takeChanges } from '../../../../control/machine/encode.ts';
import { loadState } from '../../../../control/machine/index.ts';
import type {
  BeginInput,
  BeginReply,
  Effect,
  MachineEvent,
  NodeTask,
  ReportReply,
  SendReport,
} from '../../../../control/state/index.ts';
import { type PlacementRules, State } from '../../../../control/state/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';

/** The reducer with a hand on it. */
export class Hand {
  state: State;
  /** What the next leader finds. */
  readonly disk = new Map<string, Buffer>();
  effects: Effect[] = [];
  nowMs = 1_000;
  #ticket = 0;
  #request = 0;

  constructor(spread: number | 'all' = 'all', rules: Partial<PlacementRules> = {}) {
    const nodes = ['n1', 'n2', 'n3'].map((id) => ({
      id,
      url: `http://${id}`,
      group: 0,
      weight: 1,
      isAdopted: true,
      lastTaskUid: -1,
      lastMark: '*',
      markerSeq: -1,
      seenUid: -1,
    }));
    this.state = new State(
      {
        clusterId: '00',
        nodes,
        keys: [],
        masterKeyHashHex: '',
        versionJson: '',
        experimentalFeaturesJson: '',
      },
      { shardCount: 8, spread, replicationFactor: 1, minCopies: 1, quorum: 'in_sync', ...rules },
    );
  }

  get now() {
    return { wallNs: BigInt(this.nowMs) * 1_000_000n, steadyMs: this.nowMs };
  }

  apply(event: MachineEvent): Effect[] {
    step(this.state, event);
    for (const { key, value } of takeChanges(this.state)) {
      if (value === undefined) this.disk.delete(key);
      else this.disk.set(key, Buffer.from(value));
    }
    const { effects } = this.state;
    this.state.effects = [];
    this.effects.push(...effects);
    return effects;
  }

  /** Another leader takes over with what is on disk. */
  takeOver(): void {
    const { cluster, placement } = this.state;
    const { disk } = this;
    const store = {
      get: (key: string) => disk.get(key),
      *range(prefix: string) {
        for (const key of [...disk.keys()].sort()) {
          const value = disk.get(key);
          if (value !== undefined && key.startsWith(prefix)) yield { key, value };
        }
      },
    };
    this.state = loadState(store, cluster, { placement, now: this.now });
  }

  begin(changes: Partial<BeginInput>): { ticket: number; reply: BeginReply | undefined } {
    this.#ticket += 1;
    this.#request += 1;
    const ticket = this.#ticket;
    const effects = this.apply({
      kind: 'begin',
      input: { ...EMPTY, requestNumber: String(this.#request), ...changes },
      ticket,
      now: this.now,
      freshIndexId: String(this.#request).padStart(32, '0'),
    });
    return { ticket, reply: replyTo(effects, ticket) };
  }

  /** Answers every call of control that waits, until none does. */
  runSteps(): { nodeId: string; method: string; path: string; body: string | undefined }[] {
    const calls = [];
    for (let at = 0; at < this.effects.length; at += 1) {
      const effect = this.effects[at];
      if (effect?.kind !== 'runStep') continue;
      this.effects.splice(at, 1);
      at = -1;
      const intent = this.state.open.get(effect.seq)?.intent;
      const place =
        intent?.steps.findIndex(
          (item) => item.nodeId === effect.nodeId && item.state === 'unsent',
        ) ?? -1;
      const found = intent?.steps[place];
      if (intent === undefined || found === undefined) continue;
      const { nodeId, method, path } = found;
      calls.push({ nodeId, method, path, body: intent.bodies[found.body] });
      const node = this.state.cluster.nodes.find((item) => item.id === nodeId);
      const uid = (node?.lastTaskUid ?? 0) + 1;
      const outcome = { kind: 'enqueued', uid, enqueuedAt: null } as const;
      this.apply({ kind: 'stepDone', seq: effect.seq, step: place, outcome, now: this.now });
    }
    return calls;
  }

  /** Every outstanding task of every node ends. */
  endAll(status: 'succeeded' | 'failed' = 'succeeded', code = 'internal'): void {
    for (const { id } of this.state.cluster.nodes) this.endOn(id, status, code);
  }

  /** Every outstanding task of one node ends. */
  endOn(id: string, status: 'succeeded' | 'failed', code = 'internal'): void {
    const uids = [...(this.state.outstanding.get(id)?.keys() ?? [])].sort((a, b) => a - b);
    this.endTasks(id, uids, { status, code });
  }

  /** These tasks of one node end. */
  endTasks(
    id: string,
    uids: readonly number[],
    end: { readonly status: 'succeeded' | 'failed' | 'canceled'; readonly code?: string },
  ): void {
    const { status, code = 'internal' } = end;
    const error = { message: `from ${id}`, code, type: 'invalid_request', link: '' };
    const tasks = uids.map((uid) => ({
      uid,
      status,
      batchUid: uid,
      startedAt: '2026-11-23T20:00:00Z',
      finishedAt: '2026-11-23T20:00:01Z',
      details: { receivedDocuments: 1, indexedDocuments: 1 },
      error: status === 'failed' ? error : null,
    }));
    this.read(id, tasks);
  }

  /** A reading of a node that finds these tasks, and tags of tasks that are new. */
  read(
    nodeId: string,
    tasks: readonly NodeTask[],
    tags: readonly {
      readonly uid: number;
      readonly tag: string;
      readonly documentCount?: number;
    }[] = [],
  ): void {
    const found = [
      ...tasks.map((task) => ({ ...this.#told(nodeId, task.uid), uid: task.uid, task })),
      ...tags.map((item) => ({ ...NO_TAIL_TASK, ...item })),
    ].sort((left, right) => left.uid - right.uid);
    const node = this.state.cluster.nodes.find(({ id }) => id === nodeId);
    const reading = {
      nodeId,
      startedAtMs: this.nowMs,
      marker: 'ours',
      lastKnown: 'present',
      highestUid: Math.max(found.at(-1)?.uid ?? -1, node?.lastTaskUid ?? -1),
      tasks: found,
      missingUids: [],
    } as const;
    this.apply({ kind: 'nodeTail', reading, now: this.now });
  }

  /** A task as the node was told of it: it has lost nothing. */
  #told(nodeId: string, uid: number): Omit<typeof NO_TAIL_TASK, 'tag'> & { tag: string | null } {
    const mark = this.state.unseenMarks.get(nodeId)?.get(uid);
    return { ...NO_TAIL_TASK, tag: mark ?? null };
  }

  report(seq: number, results: SendReport[], isComplete = true): ReportReply | undefined {
    this.#ticket += 1;
    const ticket = this.#ticket;
    this.apply({ kind: 'report', seq, results, isComplete, ticket, now: this.now });
    return this.reportReply(ticket);
  }

  /** Uid of the next task of a node. */
  nextUid(nodeId: string): number {
    const node = this.state.cluster.nodes.find(({ id }) => id === nodeId);
    return (node?.lastTaskUid ?? -1) + 1;
  }

  /** Answer to the newest report, if it was given. */
  lastReply(): ReportReply | undefined {
    return this.reportReply(this.#ticket);
  }

  reportReply(ticket: number): ReportReply | undefined {
    const found = this.effects.find(
      (item) => item.kind === 'reportReply' && item.ticket === ticket,
    );
    return found?.kind === 'reportReply' ? found.reply : undefined;
  }

  tick(ms: number): Effect[] {
    this.nowMs += ms;
    return this.apply({ kind: 'tick', now: this.now });
  }

  /** A whole write through. */
  write(uid: string, key: string): number {
    const seq = granted(this.begin(addition(uid, key)).reply);
    this.report(seq, this.acks(seq));
    this.endAll();
    return seq;
  }

  acks(seq: number): SendReport[] {
    return Object.keys(this.state.open.get(seq)?.intent.targets ?? {}).map((nodeId) => {
      const last = this.state.cluster.nodes.find((node) => node.id === nodeId)?.lastTaskUid ?? 0;
      return { nodeId, part: 0, partCount: 1, outcome: { kind: 'enqueued', uid: last + 1 } };
    });
  }

  /** Makes the index and shows it. */
  create(uid: string): void {
    this.begin({ kind: 'indexCreate', indexUid: uid, body: { uid } });
    this.runSteps();
    this.endAll();
  }
}

const NO_TAIL_TASK = {
  tag: null,
  enqueuedAt: null,
  indexUid: null,
  documentCount: null,
  task: null,
};

const EMPTY: BeginInput = {
  sidecarId: 's',
  requestNumber: '1',
  kind: 'documentsReplace',
  indexUid: 'movies',
  keyHashes: Buffer.alloc(0),
  touchesAllShards: false,
  customMetadata: null,
  details: null,
  primaryKey: null,
  isPrimaryKeyExplicit: false,
  mayCreateIndex: true,
  failure: null,
  failureCreatesIndex: false,
  body: null,
  documentCount: 0,
  skipsCreation: false,
};

/** Parts of a Begin that adds documents with these ids. */
export function addition(uid: string, ...keys: string[]): Partial<BeginInput> {
  const keyHashes = Buffer.alloc(keys.length * 8);
  for (const [at, key] of keys.entries()) {
    keyHashes.writeBigUInt64LE(hashPrimaryKey(key), at * 8);
  }
  const details = { receivedDocuments: keys.length, indexedDocuments: null };
  return { indexUid: uid, keyHashes, primaryKey: 'id', details, documentCount: keys.length };
}

/** The answer to a Begin among these effects. */
export function replyTo(effects: readonly Effect[], ticket: number): BeginReply | undefined {
  const found = effects.find((item) => item.kind === 'beginReply' && item.ticket === ticket);
  return found?.kind === 'beginReply' ? found.reply : undefined;
}

/** Place of a granted write; throws if it was not granted. */
export function granted(reply: BeginReply | undefined): number {
  if (reply?.kind !== 'grant') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return reply.seq;
}
