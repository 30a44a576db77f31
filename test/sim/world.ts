/**
 * The made-up world of one seed: model nodes, a network, sidecars that run the production sessions, and
 * control's process with the production machine. Everything is drawn from the seed, so that a seed that
 * fails fails again.
 */
import type { Effect, Intent, MachineEvent, NodeReading } from '../../control/state/index.ts';
import type { Change } from '../../control/store/index.ts';
import { COPY_STATES } from '../../core/topology.ts';
import { checkPermissions } from './accepted.ts';
import { Clock } from './clock.ts';
import { ControlHost, type Publication } from './control-host.ts';
import type { Coverage } from './coverage.ts';
import { Hazards } from './hazards.ts';
import { History } from './history.ts';
import { KeptParts } from './kept-parts.ts';
import { rollBackSoon } from './nemesis.ts';
import { Network } from './network.ts';
import { newCluster } from './new-cluster.ts';
import { ModelNode, type ModelTask, type TaskRequest } from './node.ts';
import { noteCanceled, noteLate, noteTail } from './out-of-order.ts';
import { ModelPerformer } from './performer.ts';
import { drawCancels, drawProfile, type FaultRates, heal, type Profile } from './profile.ts';
import { Random } from './random.ts';
import { StatusOrder, Violation } from './rules.ts';
import { SidecarHost } from './sidecar-host.ts';
import { touchedBy } from './touched.ts';

const NO_COPY = 0xffff;

/** A copy of a shard. */
export interface CopyPlace {
  readonly shard: number;
  readonly nodeId: string;
  readonly state: string;
}

/** The world. */
export class World {
  readonly seed: number;
  readonly random: Random;
  readonly coverage: Coverage;
  readonly profile: Profile;
  readonly rates: FaultRates;
  readonly clock = new Clock();
  readonly network: Network;
  readonly history = new History();
  readonly hazards = new Hazards();
  readonly nodes: readonly ModelNode[];
  readonly control: ControlHost;
  readonly sidecars: readonly SidecarHost[];
  /** Nodes that lost data, and control does not know it yet. */
  readonly unnoticedLosses = new Set<string>();
  /** Writes whose clients were told 202 before control answered their reports. */
  readonly answeredFirst = new Set<number>();
  readonly readAt = new WeakMap<NodeReading, number>();
  readonly lines: string[] = [];
  isHealed = false;
  readonly #isTraced: boolean;
  readonly #nodesById: ReadonlyMap<string, ModelNode>;
  readonly #working = new Set<string>();
  /** Index uid -> last commit that ended a change of the index itself. */
  readonly #indexChanges = new Map<string, number>();
  readonly #begun: {
    readonly writeId: number;
    readonly seq: number;
    readonly intent: Intent | null;
  }[] = [];
  readonly #writeOfCaller = new Map<string, number>();
  readonly #statuses = new StatusOrder();
  readonly #keptParts = new KeptParts(this);
  #freshIndexes = 0;
  #nextSeq = 0;
  #isFailed = false;

  constructor(
    seed: number,
    options: { readonly coverage: Coverage; readonly turns: number; readonly isTraced: boolean },
  ) {
    this.seed = seed;
    this.random = new Random(seed);
    this.coverage = options.coverage;
    this.#isTraced = options.isTraced;
    this.profile = { ...drawProfile(this.random, options.turns), cancels: drawCancels(seed) };
    this.rates = { ...this.profile.rates };
    const { clock, random, rates, coverage, profile } = this;
    this.network = new Network({ clock, random, rates, coverage });
    this.nodes = profile.nodeGroups.map((group, at) => new ModelNode(`n${at}`, group));
    this.#nodesById = new Map(this.nodes.map((node) => [node.id, node]));
    for (const node of this.nodes) {
      node.marker = '0';
      node.onCancel = (task) => noteCanceled(this, node, task);
    }
    this.control = new ControlHost(this, {
      ...newCluster(this.nodes, profile),
      makePerformer: (host) => new ModelPerformer(this, host.life, host.state.open.keys()),
    });
    this.sidecars = Array.from(
      { length: profile.sidecarCount },
      (_, place) => new SidecarHost(this, place),
    );
  }

  node(id: string): ModelNode {
    const node = this.#nodesById.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  trace(words: () => string): void {
    if (this.#isTraced) this.lines.push(`${this.clock.nowMs.toFixed(1).padStart(9)} ${words()}`);
  }

  fail(rule: string, words: string): never {
    this.#isFailed = true;
    throw new Violation(rule, words);
  }

  get isFailed(): boolean {
    return this.#isFailed;
  }

  /** No faults from here on; what is down comes back. */
  heal(): void {
    this.isHealed = true;
    heal(this.rates);
    for (const node of this.nodes) {
      this.bringUp(node);
      node.stalledUntilMs = 0;
      this.wake(node);
    }
    this.control.pause(0);
  }

  freshIndexId(): string {
    this.#freshIndexes += 1;
    return this.#freshIndexes.toString(16).padStart(32, '0');
  }

  /** Puts a task into a node's queue; the node works on it some time later. */
  enqueue(node: ModelNode, request: TaskRequest): ModelTask {
    if (request.work.kind === 'step' && request.type !== 'snapshotCreation') {
      rollBackSoon(this, node);
    }
    const task = node.enqueue(request, this.clock.nowMs);
    this.trace(
      () =>
        `${node.id} takes ${task.uid} ${task.type} ${task.indexUid} of ${task.seq}${task.isLate ? ' LATE' : ''}`,
    );
    if (task.isLate) this.coverage.hit('late request taken by a node');
    this.workLater(node);
    return task;
  }

  /** A node that is down begins anew. */
  bringUp(node: ModelNode): void {
    if (!node.isUp) {
      node.isUp = true;
      node.incarnation += 1;
      this.trace(() => `${node.id} is back`);
    }
    this.workLater(node);
  }

  /** A stall may be over: then the node takes what came meanwhile, and works on. */
  wake(node: ModelNode): void {
    if (this.clock.nowMs < node.stalledUntilMs) return;
    for (const arrive of node.waiting.splice(0)) arrive();
    this.workLater(node);
  }

  workLater(node: ModelNode): void {
    if (this.#working.has(node.id) || !node.hasWork) return;
    this.#working.add(node.id);
    const { random, clock } = this;
    const isLong = random.chance(this.isHealed ? 0.02 : 0.1 + this.rates.slowWork * 0.4);
    clock.in(isLong ? random.between(50, 900) : 1 + random.next() * 12, () => {
      this.#working.delete(node.id);
      if (node.isUp && clock.nowMs >= node.stalledUntilMs) this.#work(node);
      if (node.isUp) this.workLater(node);
    });
  }

  /** What control knows of the copies of an index. */
  copiesOf(indexId: string): CopyPlace[] {
    const index = this.control.state.indexes.get(indexId);
    if (index === undefined) return [];
    const places: CopyPlace[] = [];
    for (let slot = 0; slot < index.copyStates.length; slot += 1) {
      const place = index.owners.readUInt16LE(slot * 2);
      if (place === NO_COPY) continue;
      places.push({
        shard: Math.floor(slot / index.copiesPerShard),
        nodeId: index.nodeIds[place] as string,
        state: COPY_STATES[index.copyStates[slot] as number] as string,
      });
    }
    return places;
  }

  /** Whether the index itself is being changed, or was by something the view does not hold. */
  isIndexChanging(uid: string, viewIndex: number): boolean {
    if ((this.control.state.barriersByName.get(uid)?.size ?? 0) > 0) return true;
    // What ended in memory may not be committed: no view can know of it.
    if (!this.control.isSettled) return true;
    return (this.#indexChanges.get(uid) ?? -1) > viewIndex;
  }

  alarm(words: string, seq: number): void {
    this.coverage.hit('alarm');
    this.trace(() => `ALARM ${words} (seq ${seq})`);
    const parts =
      /^shard (\d+) of index (\S+): \d+ documents on (\S+) differ from (\S+) although/.exec(words);
    if (parts === null) return;
    const [, shard = '', indexId = '', ...nodeIds] = parts;
    if (
      this.hazards.tainted.size > 0 ||
      nodeIds.some((id) => this.unnoticedLosses.has(id)) ||
      nodeIds.some((id) => this.hazards.isOpen(id, indexId, Number(shard)))
    ) {
      this.coverage.hit('limit: a recovery met a late request');
      return;
    }
    this.fail('c: recovery left a difference', words);
  }

  /** Effects that only the log would show. */
  note(effect: Effect): void {
    if (effect.kind === 'copyChanged') {
      this.coverage.hit(`copy ${effect.from} -> ${effect.to}`);
      this.trace(
        () =>
          `copy ${effect.indexId.slice(-4)}/${effect.shard} on ${effect.nodeId}: ${effect.from} -> ${effect.to} (${effect.reason})`,
      );
    } else if (effect.kind === 'nodeLostData') this.coverage.hit('node known to have lost data');
    else if (effect.kind === 'internalGranted') this.trace(() => `step ${effect.seq} granted`);
    else if (effect.kind === 'internalEnded') {
      this.coverage.hit(`internal step ended: ${effect.outcome}`);
      this.trace(() => `step ${effect.seq} ends: ${effect.outcome}`);
    }
  }

  beforeStep(event: MachineEvent): void {
    this.#nextSeq = this.control.state.nextSeq;
    if (event.kind === 'begin') {
      const { sidecarId, requestNumber } = event.input;
      this.trace(() => `control takes Begin of ${sidecarId} ${requestNumber}`);
    }
  }

  afterStep(event: MachineEvent): void {
    const { state } = this.control;
    checkPermissions(this, state.effects);
    if (event.kind === 'nodeTail') noteLate(this, event.reading);
    if (event.kind !== 'begin' || state.nextSeq === this.#nextSeq) return;
    const { sidecarId, requestNumber } = event.input;
    const writeId = this.#writeOfCaller.get(`${sidecarId} ${requestNumber}`);
    if (writeId === undefined) throw new Error('a Begin of nobody');
    const seq = this.#nextSeq;
    // One that failed at once was never open.
    this.#begun.push({ writeId, seq, intent: state.open.get(seq)?.intent ?? null });
  }

  /** The write behind a sidecar's request number. */
  noteCaller(sidecarId: string, requestNumber: string, writeId: number): void {
    this.#writeOfCaller.set(`${sidecarId} ${requestNumber}`, writeId);
  }

  /** A batch is durable; `index` is null if it changed nothing. */
  onCommit(
    events: readonly MachineEvent[],
    effects: readonly Effect[],
    changes: readonly Change[],
  ): void {
    const { index } = this.control.disk;
    for (const { writeId, seq, intent } of this.#begun) {
      const words = this.history.begun(writeId, seq, intent);
      if (words !== undefined) this.fail('a: order of what clients saw', words);
    }
    this.#begun.length = 0;
    for (const effect of effects) {
      if (effect.kind === 'nodeLostData') this.unnoticedLosses.delete(effect.nodeId);
    }
    for (const { key, value } of changes) {
      const words = this.#statuses.check(key, value);
      if (words !== undefined) this.fail('I7: a status went back', words);
    }
    for (const effect of effects) {
      if (effect.kind === 'taskFinished') this.#onFinal(effect, index);
      else if (effect.kind === 'copyChanged') this.#keptParts.noteChange(effect);
    }
    for (const event of events) if (event.kind === 'nodeTail') noteTail(this, event.reading, index);
  }

  /** Watchers hear of a commit. */
  publish(publication: Publication): void {
    for (const sidecar of this.sidecars ?? []) sidecar.takePublication(publication);
  }

  onControlDown(): void {
    this.#begun.length = 0;
    for (const sidecar of this.sidecars) sidecar.breakWatch();
  }

  /** Control read its state from disk: it must be what was committed, and no less than what was told. */
  onControlUp(): void {
    const { state } = this.control;
    for (const { intent } of state.open.values()) {
      const record = this.history.bySeq.get(intent.seq);
      if (record !== undefined && record.finalStatus === null) record.intent = intent;
    }
    for (const seq of this.history.bySeq.keys()) {
      if (state.summaries[seq] === undefined) this.fail('I7: a task is gone', `task ${seq}`);
    }
  }

  #onFinal(effect: Extract<Effect, { kind: 'taskFinished' }>, index: number): void {
    const { seq, status } = effect;
    const words = this.history.final(seq, status);
    if (words !== undefined) this.fail('I7: a task ends once', words);
    const record = this.history.bySeq.get(seq);
    this.trace(
      () =>
        `task ${seq} ${status} ${[...(record?.outcomes ?? [])].map(([shard, outcome]) => `${shard}:${outcome}`).join(' ')}`,
    );
    this.coverage.hit(`task ${status}`);
    if (record !== undefined) this.#keptParts.keep(record);
    const isChange = record?.intent?.createsIndex === true || record?.intent?.scope === 'index';
    if (!isChange) return;
    for (const name of record.intent?.names ?? []) this.#indexChanges.set(name, index);
  }

  #work(node: ModelNode): void {
    const { next } = node;
    if (next === undefined) return;
    const isOwnFailure =
      next.work.kind !== 'step' && this.random.chance(this.rates.taskFailure * 0.06);
    next.touched = touchedBy(node, next, this.profile.shardCount);
    const task = node.work(this.clock.nowMs, isOwnFailure ? 'no_space_left_on_device' : null);
    if (task === undefined) return;
    this.trace(
      () =>
        `${node.id} ends ${task.uid} ${task.indexUid} of ${task.seq}: ${task.errorCode ?? 'ok'}`,
    );
    const record = this.history.bySeq.get(task.seq);
    // A copy has applied a write when all its parts have: one that fails fails it on all its shards.
    if (isOwnFailure)
      for (const shard of record?.intent?.shards ?? []) record?.failedShards.add(shard);
    for (const { indexId, shard } of task.touched) {
      if (isOwnFailure) {
        this.coverage.hit('node failed a task');
        if (task.work.kind === 'write') this.hazards.add(node.id, indexId, shard, task);
      } else if (task.status === 'succeeded') {
        record?.appliedOn.add(`${shard} ${node.id}`);
        if (task.isLate) this.hazards.add(node.id, indexId, shard, task);
      }
    }
  }
}
