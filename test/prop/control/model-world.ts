/**
 * A small world around the machine: a disk that takes commits whole, nodes with queues, sidecars that send
 * what they were granted, and faults: answers that are lost, sidecars that fall silent, control that dies
 * between a commit and its effects. Everything is drawn from one seed.
 */
import { step } from '../../../control/lane/index.ts';
import { takeChanges } from '../../../control/machine/encode.ts';
import { loadCluster, loadState } from '../../../control/machine/index.ts';
import type {
  BeginReply,
  ClusterRecord,
  Effect,
  MachineEvent,
  Now,
  State,
} from '../../../control/state/index.ts';
import { ModelNode } from './model-node.ts';
import { type BegunWrite, drawWrite } from './model-writes.ts';

const LEASE_MS = 5_000;
const PLACEMENT = {
  shardCount: 8,
  spread: 2,
  replicationFactor: 1,
  minCopies: 1,
  quorum: 'in_sync',
} as const;
const DAY_NS = 1_795_000_000_000_000_000n;

/** A sidecar's work on one granted write. */
interface Sender {
  readonly seq: number;
  readonly tag: string;
  readonly indexUid: string;
  /** Nodes still to be sent to. */
  left: string[];
  readonly sent: { nodeId: string; uid: number | null }[];
  isSilent: boolean;
  /** By its own clock, from the moment it asked. */
  leaseUntilMs: number;
}

/** The world. */
export class World {
  readonly nodes = new Map(['n1', 'n2', 'n3'].map((id) => [id, new ModelNode(id)]));
  readonly disk = new Map<string, Buffer>();
  readonly begun = new Map<number, BegunWrite>();
  readonly alarms: string[] = [];
  state: State;
  #pending: Effect[] = [];
  readonly #senders = new Map<number, Sender>();
  readonly #tickets = new Map<number, { readonly write: BegunWrite; readonly askedMs: number }>();
  #inherited = new Set<number>();
  #ticket = 0;
  #fresh = 0;
  #nowMs = 1;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    const cluster: ClusterRecord = {
      clusterId: '0123456789abcdef',
      nodes: [...this.nodes.keys()].map((id) => ({
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
    };
    this.state = loadState(this.#stored(), cluster, { placement: PLACEMENT, now: this.#now() });
    this.state.isClusterTouched = true;
    this.#commit();
  }

  /** One random thing happens. */
  turn(faults: boolean): void {
    const draw = this.#random();
    if (draw < 0.3) this.#begin();
    else if (draw < 0.55) this.#perform();
    else if (draw < 0.75) this.#send(faults);
    else if (draw < 0.9) this.#workNodes();
    else if (draw < 0.96) this.#tell();
    else if (draw < 0.985) this.#pass(faults ? 3_000 : 100);
    else if (faults) this.crash();
  }

  /** No new writes; everything under way comes to its end. */
  drain(): void {
    for (
      let round = 0;
      round < 400 && (this.state.open.size > 0 || this.#pending.length > 0);
      round += 1
    ) {
      for (let times = 0; times < 20; times += 1) this.#perform();
      for (let times = 0; times < 20; times += 1) this.#send(false);
      this.#workNodes();
      this.#tell();
      this.#pass(500);
    }
  }

  /** Control dies between commits and comes back with what is on disk. */
  crash(): void {
    this.#pending = [];
    this.#tickets.clear();
    const cluster = loadCluster(this.#stored()) as ClusterRecord;
    this.state = loadState(this.#stored(), cluster, { placement: PLACEMENT, now: this.#now() });
    this.#inherited = new Set(this.state.open.keys());
    this.#commit();
  }

  #apply(event: MachineEvent): void {
    step(this.state, event);
    this.#commit();
  }

  #commit(): void {
    for (const { key, value } of takeChanges(this.state)) {
      if (value === undefined) this.disk.delete(key);
      else this.disk.set(key, Buffer.from(value));
    }
    for (const effect of this.state.effects) {
      if (effect.kind === 'alarm') this.alarms.push(effect.words);
      else this.#pending.push(effect);
    }
    this.state.effects = [];
    this.state.changedUids.clear();
  }

  #begin(): void {
    const write = drawWrite(this.#random, this.#ticket + 1);
    this.#ticket += 1;
    this.#fresh += 1;
    this.#tickets.set(this.#ticket, { write, askedMs: this.#nowMs });
    const seq = this.state.nextSeq;
    this.#apply({
      kind: 'begin',
      input: write.input,
      ticket: this.#ticket,
      now: this.#now(),
      freshIndexId: this.#fresh.toString(16).padStart(32, '0'),
    });
    if (this.state.nextSeq > seq) this.begun.set(seq, write);
  }

  /** One effect, any of those that wait. */
  #perform(): void {
    if (this.#pending.length === 0) return;
    const at = Math.floor(this.#random() * this.#pending.length);
    const [effect] = this.#pending.splice(at, 1);
    if (effect?.kind === 'runStep') this.#runStep(effect.seq, effect.nodeId);
    else if (effect?.kind === 'beginReply') this.#takeReply(effect.ticket, effect.reply);
    else if (effect?.kind === 'readNode') this.#read(effect.nodeId);
    else if (effect?.kind === 'countDocuments') {
      this.#apply({ kind: 'counted', seq: effect.seq, documentCount: 0, now: this.#now() });
    }
  }

  #takeReply(ticket: number, reply: BeginReply): void {
    const asked = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (reply.kind !== 'grant' || asked === undefined) return;
    const open = this.state.open.get(reply.seq);
    this.#senders.set(reply.seq, {
      seq: reply.seq,
      tag: reply.tag,
      indexUid: asked.write.input.indexUid,
      left: Object.keys(open?.intent.targets ?? {}),
      sent: [],
      isSilent: false,
      leaseUntilMs: asked.askedMs + LEASE_MS,
    });
  }

  #runStep(seq: number, nodeId: string): void {
    const intent = this.state.open.get(seq)?.intent;
    const place = intent?.steps.findIndex(
      (item) => item.nodeId === nodeId && item.state === 'unsent',
    );
    const found = intent?.steps[place ?? -1];
    const node = this.nodes.get(nodeId);
    if (intent === undefined || place === undefined || found === undefined || node === undefined)
      return;
    const floor = intent.floors[nodeId] ?? -1;
    const known = new Set(intent.steps.map((item) => (item.nodeId === nodeId ? item.uid : null)));
    const sent = this.#inherited.has(seq)
      ? node.tasks.find(
          (task) =>
            task.uid > floor &&
            task.type === found.taskType &&
            task.indexUid === found.taskIndexUid &&
            !known.has(task.uid) &&
            (found.taskType !== 'indexSwap' ||
              JSON.stringify(task.body) === intent.bodies[found.body]),
        )
      : undefined;
    const uid =
      sent?.uid ??
      node.enqueue({
        type: found.taskType,
        indexUid: found.taskIndexUid,
        tag: null,
        seq,
        body: found.body < 0 ? null : JSON.parse(intent.bodies[found.body] ?? 'null'),
      });
    // The answer may be lost with control itself: crash() drops what waits.
    if (this.#random() < 0.02) {
      this.crash();
      return;
    }
    const outcome = { kind: 'enqueued', uid, enqueuedAt: null } as const;
    this.#apply({ kind: 'stepDone', seq, step: place, outcome, now: this.#now() });
  }

  /** A whole reading of a node, as its tail makes it. */
  #read(nodeId: string): void {
    const node = this.nodes.get(nodeId);
    const record = this.state.cluster.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || record === undefined) return;
    const outstanding = this.state.outstanding.get(nodeId);
    const at = '2026-11-23T20:00:00Z';
    const tasks = node.tasks
      .filter(({ uid }) => uid > record.seenUid || outstanding?.has(uid) === true)
      .map(({ uid, tag, indexUid, status, error }) => ({
        uid,
        tag,
        indexUid,
        enqueuedAt: null,
        documentCount: null,
        task:
          status === 'enqueued'
            ? null
            : {
                uid,
                status,
                batchUid: uid,
                startedAt: at,
                finishedAt: at,
                details: { receivedDocuments: 0 },
                error: error === null ? null : { message: '', code: error, type: '', link: '' },
              },
      }));
    const reading = {
      nodeId,
      startedAtMs: this.#nowMs,
      marker: 'ours',
      lastKnown: 'present',
      highestUid: node.tasks.length - 1,
      tasks,
      missingUids: [],
    } as const;
    this.#apply({ kind: 'nodeTail', reading, now: this.#now() });
  }

  #send(faults: boolean): void {
    const senders = [...this.#senders.values()].filter((sender) => !sender.isSilent);
    if (senders.length === 0) return;
    const sender = this.#pick(senders);
    if (faults && this.#random() < 0.05) {
      sender.isSilent = true;
      return;
    }
    // A sidecar whose lease is over sends nothing any more (it destroys its sockets).
    if (this.#nowMs >= sender.leaseUntilMs) {
      this.#senders.delete(sender.seq);
      return;
    }
    const nodeId = sender.left.shift();
    if (nodeId !== undefined) {
      const uid = this.nodes.get(nodeId)?.enqueue({
        type: 'documentAdditionOrUpdate',
        indexUid: sender.indexUid,
        tag: `${sender.tag}.0`,
        seq: sender.seq,
        body: null,
      });
      const isLost = faults && this.#random() < 0.1;
      sender.sent.push({ nodeId, uid: isLost ? null : (uid ?? null) });
      return;
    }
    this.#senders.delete(sender.seq);
    this.#ticket += 1;
    this.#apply({
      kind: 'report',
      seq: sender.seq,
      results: sender.sent.map(({ nodeId: id, uid }) => ({
        nodeId: id,
        part: 0,
        partCount: 1,
        outcome: uid === null ? { kind: 'unknown', reason: 'reset' } : { kind: 'enqueued', uid },
      })),
      isComplete: true,
      ticket: this.#ticket,
      now: this.#now(),
    });
  }

  #workNodes(): void {
    for (const node of this.nodes.values()) {
      const count = Math.floor(this.#random() * 4) + 1;
      for (let times = 0; times < count; times += 1) node.work();
    }
  }

  /** Each node is read in turn. */
  #tell(): void {
    for (const nodeId of this.nodes.keys()) this.#read(nodeId);
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    this.#apply({ kind: 'tick', now: this.#now() });
    this.#renew();
  }

  /** Sidecars that live renew; a lease that is gone, here or there, ends the sending. */
  #renew(): void {
    const live = [...this.#senders.values()].filter(
      (item) => !item.isSilent && this.#nowMs < item.leaseUntilMs,
    );
    this.#ticket += 1;
    const ticket = this.#ticket;
    const seqs = live.map((item) => item.seq);
    this.#apply({ kind: 'renew', seqs, ticket, now: this.#now() });
    const answer = this.#pending.find(
      (effect) => effect.kind === 'renewReply' && effect.ticket === ticket,
    );
    const lost = answer?.kind === 'renewReply' ? answer.lost : [];
    for (const sender of live) {
      if (lost.includes(sender.seq)) this.#senders.delete(sender.seq);
      else sender.leaseUntilMs = this.#nowMs + LEASE_MS;
    }
  }

  #stored(): Parameters<typeof loadState>[0] {
    const { disk } = this;
    return {
      get: (key: string) => disk.get(key),
      *range(prefix: string) {
        for (const key of [...disk.keys()].sort()) {
          if (key.startsWith(prefix)) yield { key, value: disk.get(key) as Buffer };
        }
      },
    };
  }

  #now(): Now {
    return { wallNs: DAY_NS + BigInt(Math.round(this.#nowMs * 1e6)), steadyMs: this.#nowMs };
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }
}
