/**
 * Performs control's effects on model nodes: its own calls on indexes, readings of the nodes' task lists,
 * and the health of nodes. The real code for each of these speaks HTTP; here it is the same in small.
 */
import type { Effect, Intent, NodeReading } from '../../control/state/index.ts';
import type { Performer } from './control-host.ts';
import { hurryUnseen, loseDataUnseen } from './nemesis.ts';
import type { ModelNode, ModelTask } from './node.ts';
import { isNews, type KnownTasks, takeReading } from './readings.ts';
import { RecoveryCalls } from './recovery-calls.ts';
import type { World } from './world.ts';

const PROBE_MS = 500;
const IDLE_TAIL_MS = 1_000;
const RETRY_MS = 100;
const STALL_LIMIT_MS = 1_500;

/** What follows one node. */
interface Follower {
  readonly node: ModelNode;
  isReading: boolean;
  /** Somebody waits for a reading that begins after this. */
  isWanted: boolean;
  /** Number of the timer that counts, and when it is due. */
  timer: number;
  dueMs: number;
}

/** The effects of one process of control. */
export class ModelPerformer implements Performer {
  readonly #world: World;
  readonly #life: number;
  readonly #followers = new Map<string, Follower>();
  readonly #inherited: ReadonlySet<number>;
  readonly #health = new Map<string, boolean>();
  readonly #adopting = new Set<string>();
  readonly #recovery: RecoveryCalls;
  #isClosed = false;

  constructor(world: World, life: number, inherited: Iterable<number>) {
    this.#world = world;
    this.#life = life;
    this.#inherited = new Set(inherited);
    this.#recovery = new RecoveryCalls(world, (make) => this.#submit(make));
    for (const node of world.nodes) {
      const follower: Follower = { node, isReading: false, isWanted: true, timer: 0, dueMs: 0 };
      this.#followers.set(node.id, follower);
      this.#readLater(follower, world.random.between(1, 20));
      this.#probe(node, 1);
    }
  }

  perform(effect: Effect): void {
    switch (effect.kind) {
      case 'runStep':
        this.#runStep(effect.seq, effect.nodeId, this.#inherited.has(effect.seq));
        return;
      case 'countDocuments':
        this.#count(effect.seq);
        return;
      case 'readNode': {
        const follower = this.#followers.get(effect.nodeId);
        if (follower === undefined) return;
        follower.isWanted = true;
        this.#readLater(follower, 1);
        return;
      }
      case 'nodeLostData':
        this.#world.note(effect);
        return;
      case 'alarm':
        this.#world.alarm(effect.words, effect.seq);
        return;
      default:
        if (!this.#recovery.perform(effect)) this.#world.note(effect);
    }
  }

  afterBatch(): void {
    for (const follower of this.#followers.values()) {
      if (!follower.isReading && this.#hasOutstanding(follower.node)) {
        this.#readLater(follower, this.#pollMs());
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#recovery.close();
  }

  #hasOutstanding(node: ModelNode): boolean {
    return (this.#world.control.state.outstanding.get(node.id)?.size ?? 0) > 0;
  }

  #pollMs(): number {
    const { random, rates, coverage } = this.#world;
    if (!random.chance(rates.slowPoll * 0.3)) return random.between(20, 50);
    coverage.hit('poll delayed');
    return random.between(200, 3_000);
  }

  /** Sets the next reading, unless one is set to be sooner. */
  #readLater(follower: Follower, delayMs: number): void {
    const { clock } = this.#world;
    if (follower.dueMs > clock.nowMs && follower.dueMs <= clock.nowMs + delayMs) return;
    follower.dueMs = clock.nowMs + delayMs;
    follower.timer += 1;
    const { timer } = follower;
    clock.in(delayMs, () => {
      if (timer === follower.timer && !follower.isReading) this.#read(follower);
    });
  }

  #read(follower: Follower): void {
    if (this.#isClosed) return;
    const { clock, network } = this.#world;
    const { node } = follower;
    follower.isReading = true;
    const isAsked = follower.isWanted;
    follower.isWanted = false;
    const startedAtMs = clock.nowMs;
    const known = this.#knownTasks(node);
    const done = (reading: NodeReading | undefined): void => {
      if (this.#isClosed) return;
      follower.isReading = false;
      if (reading === undefined) {
        follower.isWanted ||= isAsked;
        this.#readLater(follower, RETRY_MS);
        return;
      }
      if (isAsked || isNews(reading, known)) {
        this.#submit((now) => ({ kind: 'nodeTail', reading, now }));
      }
      const isBusy = this.#hasOutstanding(node);
      this.#readLater(follower, follower.isWanted ? 1 : isBusy ? this.#pollMs() : IDLE_TAIL_MS);
    };
    const handIn = (reading: NodeReading | undefined): void => {
      const { random, rates, coverage } = this.#world;
      if (reading === undefined || !random.chance(rates.slowReading * 0.4)) {
        done(reading);
        return;
      }
      // The process is busy with something else when the answer is there.
      coverage.hit('reading handed in late');
      if (reading.marker !== 'unread') loseDataUnseen(this.#world, node);
      clock.in(random.between(1, 300), () => done(reading));
    };
    const list = (marker: NodeReading['marker']): void => {
      network.call({
        node,
        isWrite: false,
        perform: () => {
          const reading = takeReading(node, known, { marker, startedAtMs });
          this.#world.readAt.set(reading, clock.nowMs);
          hurryUnseen(this.#world, node, startedAtMs);
          return reading;
        },
        done: (outcome) => handIn(outcome.kind === 'answered' ? outcome.answer : undefined),
      });
    };
    if (!isAsked) {
      list('unread');
      return;
    }
    network.call({
      node,
      isWrite: false,
      perform: () => this.#readMarker(node),
      done: (outcome) => {
        if (outcome.kind === 'answered') list(outcome.answer);
        else done(undefined);
      },
    });
  }

  #knownTasks(node: ModelNode): KnownTasks {
    const { state } = this.#world.control;
    const record = state.cluster.nodes.find((item) => item.id === node.id);
    return {
      lastUid: record?.lastTaskUid ?? -1,
      lastMark: record?.lastMark ?? '*',
      seenUid: record?.seenUid ?? -1,
      outstanding: [...(state.outstanding.get(node.id)?.keys() ?? [])].sort((x, y) => x - y),
    };
  }

  #readMarker(node: ModelNode): NodeReading['marker'] {
    if (node.marker === null) return 'absent';
    const record = this.#world.control.state.cluster.nodes.find((item) => item.id === node.id);
    return Number(node.marker) < (record?.markerSeq ?? 0) ? 'older' : 'ours';
  }

  /**
   * A node that answers nothing for a while is down, and one that lost data is taken as down. Before it is
   * up again its marker is read: it may have to be doubted, or adopted anew.
   */
  #probe(node: ModelNode, delayMs: number): void {
    const { clock, random, coverage } = this.#world;
    clock.in(delayMs, () => {
      if (this.#isClosed) return;
      this.#probe(node, PROBE_MS + random.below(100));
      const answers = node.isUp && node.stalledUntilMs - clock.nowMs < STALL_LIMIT_MS;
      const isDoubted = this.#world.control.state.recovery.doubted.has(node.id);
      if (this.#health.get(node.id) === true) {
        if (answers && !isDoubted) return;
        coverage.hit(answers ? 'node taken as down: it lost data' : 'node seen down');
        this.#setHealth(node, false);
      } else if (answers && this.#isUsable(node)) this.#setHealth(node, true);
      else if (!this.#health.has(node.id)) this.#setHealth(node, false);
    });
  }

  #setHealth(node: ModelNode, isUp: boolean): void {
    this.#health.set(node.id, isUp);
    this.#submit((now) => ({ kind: 'nodeHealth', nodeId: node.id, isUp, now }));
  }

  #isUsable(node: ModelNode): boolean {
    const { coverage, control } = this.#world;
    const nodeId = node.id;
    const record = control.state.cluster.nodes.find(({ id }) => id === nodeId);
    const adopted = (): void => {
      const lastTaskUid = node.tasks.length - 1;
      this.#submit(() => ({ kind: 'nodeAdopted', nodeId, lastTaskUid }));
    };
    const marker = this.#readMarker(node);
    const isOurs = record?.isAdopted === true || record?.isDoubted === true;
    if (marker === 'absent' && !isOurs) {
      if (node.indexes.size > 0) {
        coverage.hit('node refused: it is not empty');
        return false;
      }
      if (!this.#adopting.has(nodeId)) {
        this.#adopting.add(nodeId);
        this.#recovery.mending.writeMarker(nodeId, 0, () => this.#adopting.delete(nodeId));
      }
      return false;
    }
    if (marker !== 'ours') {
      coverage.hit('node doubted');
      this.#submit((now) => ({ kind: 'nodeDoubted', nodeId, now }));
      return false;
    }
    if (record?.isAdopted !== true) {
      coverage.hit('node adopted anew');
      adopted();
    }
    return true;
  }

  #runStep(seq: number, nodeId: string, mayBeSent: boolean): void {
    const { control, network, clock } = this.#world;
    const intent = control.state.open.get(seq)?.intent;
    const place = intent?.steps.findIndex(
      (item) => item.nodeId === nodeId && item.state === 'unsent',
    );
    const found = intent?.steps[place ?? -1];
    if (this.#isClosed || intent === undefined || place === undefined || found === undefined)
      return;
    const node = this.#world.node(nodeId);
    const body = bodyOf(intent, found);
    const floor = intent.floors[nodeId] ?? -1;
    network.call<ModelTask>({
      node,
      isWrite: false,
      perform: () => {
        if (mayBeSent) {
          const known = new Set(intent.steps.map((x) => (x.nodeId === nodeId ? x.uid : null)));
          const sent = node.tasks.find(
            (task) =>
              task.uid > floor &&
              !known.has(task.uid) &&
              task.type === found.taskType &&
              task.indexUid === (found.taskIndexUid ?? '') &&
              (!TOLD_BY_BODY.includes(found.taskType) ||
                (task.work.kind === 'step' &&
                  JSON.stringify(task.work.body) === JSON.stringify(body))),
          );
          if (sent !== undefined) return sent;
        }
        return this.#world.enqueue(node, {
          type: found.taskType,
          indexUid: found.taskIndexUid ?? '',
          tag: null,
          seq,
          isLate: false,
          work: {
            kind: 'step',
            type: found.taskType,
            body,
            identity: identityOf(intent, found.taskIndexUid),
            label: labelOf(body),
          },
        });
      },
      done: (outcome) => {
        if (outcome.kind === 'answered') {
          const { uid, enqueuedAt } = outcome.answer;
          this.#submit((now) => ({
            kind: 'stepDone',
            seq,
            step: place,
            outcome: { kind: 'enqueued', uid, enqueuedAt },
            now,
          }));
          return;
        }
        if (outcome.kind === 'reset') this.#world.coverage.hit('answer to a step of control lost');
        const isOpen = mayBeSent || outcome.kind === 'reset';
        clock.in(RETRY_MS, () => this.#runStep(seq, nodeId, isOpen));
      },
    });
  }

  #count(seq: number): void {
    this.#world.clock.in(5, () => {
      this.#submit((now) => ({ kind: 'counted', seq, documentCount: 0, now }));
    });
  }

  #submit(make: Parameters<World['control']['submit']>[0]): void {
    if (!this.#isClosed) this.#world.control.submit(make, this.#life);
  }
}

/** Calls of one kind that are told apart by what they carry. */
const TOLD_BY_BODY: readonly string[] = ['indexSwap', 'taskCancelation'];

function bodyOf(intent: Intent, { body, path, taskType }: Intent['steps'][number]): unknown {
  if (taskType === 'taskCancelation')
    return { uids: (path.split('=')[1] ?? '').split(',').map(Number) };
  return body < 0 ? null : JSON.parse(intent.bodies[body] ?? 'null');
}

/** Id of the index that a call means by a name. */
function identityOf(intent: Intent, uid: string | null): string {
  for (const { left, right, leftId, rightId } of intent.swaps) {
    if (uid === left) return leftId;
    if (uid === right && rightId !== null) return rightId;
  }
  return intent.indexId ?? '';
}

/** Our own stop word of a settings change tells it apart; all else has no label. */
function labelOf(body: unknown): string {
  const words = (body as { stopWords?: string[] } | null)?.stopWords;
  return words?.[0] ?? '';
}
