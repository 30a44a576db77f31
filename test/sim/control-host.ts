/**
 * The process around the production machine: events that wait are stepped together, what they changed goes
 * to the disk in one commit, and only then are their effects performed and the view published. It can die
 * at every point in between, and comes back with what the disk holds.
 */
import { allUids, toIndex } from '../../control/api/view-messages.ts';
import { step } from '../../control/lane/index.ts';
import { takeChanges } from '../../control/machine/encode.ts';
import { loadCluster, loadState } from '../../control/machine/index.ts';
import type {
  ClusterRecord,
  Effect,
  MachineEvent,
  Now,
  PlacementRules,
  State,
} from '../../control/state/index.ts';
import type { Index } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { Disk } from './disk.ts';
import type { World } from './world.ts';

const TICK_MS = 250;
const WALL_START_NS = 1_795_000_000_000_000_000n;

/** An event that the callers fill with their ticket and the moment it arrives. */
export type MakeEvent = (ticket: number, now: Now) => MachineEvent;

/** What a call to control comes to; undefined if no answer came. */
type Answered = (effect: Effect | undefined) => void;

/** What is told to watchers after a commit. */
export interface Publication {
  readonly index: number;
  readonly entries: ReadonlyMap<string, Index | undefined>;
}

/** Performs the effects that reach outside; made anew with each process. */
export interface Performer {
  perform(effect: Effect): void;
  afterBatch(): void;
  /** The process died. */
  close(): void;
}

/** Control's process. */
export class ControlHost {
  readonly disk = new Disk();
  state: State;
  isUp = true;
  /** Rises with each process. */
  life = 1;
  readonly #world: World;
  readonly #placement: PlacementRules;
  readonly #makePerformer: (host: ControlHost) => Performer;
  #performer: Performer;
  #queue: MachineEvent[] = [];
  #isBusy = false;
  #pausedUntilMs = 0;
  #ticket = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  readonly #callers = new Map<number, Answered>();

  constructor(
    world: World,
    options: {
      readonly cluster: ClusterRecord;
      readonly placement: PlacementRules;
      readonly makePerformer: (host: ControlHost) => Performer;
    },
  ) {
    this.#world = world;
    this.#placement = options.placement;
    this.#makePerformer = options.makePerformer;
    this.state = loadState(this.disk, options.cluster, {
      placement: this.#placement,
      now: this.now(),
      epoch: this.life,
    });
    this.state.isClusterTouched = true;
    this.disk.commit(takeChanges(this.state), this.life);
    this.#performer = options.makePerformer(this);
    this.#tickLater(this.life);
  }

  now(): Now {
    const { nowMs } = this.#world.clock;
    return { wallNs: WALL_START_NS + BigInt(Math.round(nowMs * 1e6)), steadyMs: nowMs };
  }

  /** Stops working for a while, without dying. */
  pause(durationMs: number): void {
    this.#pausedUntilMs = this.#world.clock.nowMs + durationMs;
  }

  /** Dies now; the next process begins within so long. */
  crash(where: string, downMsMax = 4_000): void {
    if (!this.isUp) return;
    const { clock, random, coverage } = this.#world;
    coverage.hit(`control died ${where}`);
    this.#world.trace(() => `control dies ${where}`);
    this.isUp = false;
    this.life += 1;
    this.#queue = [];
    this.#isBusy = false;
    this.#performer.close();
    const callers = [...this.#callers.values()];
    this.#callers.clear();
    for (const answered of callers) clock.in(random.between(1, 30), () => answered(undefined));
    this.#world.onControlDown();
    clock.in(this.#world.isHealed ? 50 : random.between(50, downMsMax), () => this.#restart());
  }

  /** An event from inside control's process (performer, timers). */
  submit(make: (now: Now) => MachineEvent, life: number): void {
    if (!this.isUp || life !== this.life) return;
    this.#queue.push(make(this.now()));
    this.#start();
  }

  /**
   * A call over the network. `answered` gets undefined if it is lost or control is not there. `cancel` is
   * for a caller of Begin that goes away.
   */
  call(make: MakeEvent, answered: Answered): { readonly cancel: () => void } {
    const { clock, random, rates, coverage } = this.#world;
    let ticket = 0;
    const cancel = (): void => {
      if (!this.#callers.delete(ticket)) return;
      const { life } = this;
      // The stream's end is noticed a moment later.
      clock.in(random.between(1, 20), () => {
        this.submit((now) => ({ kind: 'cancelBegin', ticket, now }), life);
      });
    };
    if (!this.isUp || random.chance(rates.controlLoss * 0.06)) {
      if (this.isUp) coverage.hit('call to control lost');
      clock.in(random.between(1, 60), () => answered(undefined));
      return { cancel };
    }
    clock.in(1 + random.next() * 3, () => {
      if (!this.isUp) {
        answered(undefined);
        return;
      }
      this.#ticket += 1;
      ticket = this.#ticket;
      this.#callers.set(ticket, answered);
      this.#queue.push(make(ticket, this.now()));
      this.#start();
    });
    return { cancel };
  }

  /** The whole view as it is committed; to be read between commits only. */
  wholeView(): Publication {
    return this.#publication(allUids(this.state));
  }

  /** Whether the state holds nothing that is not committed. */
  get isSettled(): boolean {
    return this.isUp && !this.#isBusy && this.#queue.length === 0;
  }

  #tickLater(life: number): void {
    this.#world.clock.in(TICK_MS, () => {
      if (life !== this.life || !this.isUp) return;
      this.submit((now) => ({ kind: 'tick', now }), life);
      this.#tickLater(life);
    });
  }

  #start(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const { life } = this;
    const { clock } = this.#world;
    const waitMs = Math.max(0.2, this.#pausedUntilMs - clock.nowMs);
    clock.in(waitMs, () => {
      if (life === this.life) this.#runBatch();
    });
  }

  #runBatch(): void {
    const { clock, random, rates } = this.#world;
    const events = this.#queue.splice(0);
    const { state, life } = this;
    state.commitIndex = this.disk.index + 1;
    for (const event of events) {
      this.#world.beforeStep(event);
      step(state, event);
      this.#world.afterStep(event);
    }
    const changes = takeChanges(state);
    const { effects } = state;
    state.effects = [];
    const uids = new Set(state.changedUids);
    state.changedUids.clear();
    state.isClusterViewChanged = false;
    const durable = (): void => {
      if (life !== this.life) return;
      if (random.chance(rates.controlCrash * 0.002)) {
        this.crash('before a commit');
        return;
      }
      if (changes.length > 0) this.disk.commit(changes, life);
      this.#world.onCommit(events, effects, changes);
      if (random.chance(rates.controlCrash * 0.002)) {
        this.crash('after a commit');
        return;
      }
      if (state.views.outstanding.size > 0 && random.chance(rates.controlCrash * 0.1)) {
        this.crash('while readers had older views', 400);
        return;
      }
      if (uids.size > 0) this.#world.publish(this.#publication(uids));
      const dieAt = random.chance(rates.controlCrash * 0.002)
        ? random.below(effects.length + 1)
        : -1;
      for (const [at, effect] of effects.entries()) {
        if (at === dieAt) {
          this.crash('among the effects of a commit');
          return;
        }
        this.#perform(effect);
      }
      this.#performer.afterBatch();
      this.#isBusy = false;
      if (this.#queue.length > 0) this.#start();
    };
    const isSlow = random.chance(rates.slowCommit * 0.1);
    if (changes.length === 0) durable();
    else clock.in(isSlow ? random.between(5, 600) : 0.5, durable);
  }

  #perform(effect: Effect): void {
    if ('ticket' in effect) {
      const answered = this.#callers.get(effect.ticket);
      this.#callers.delete(effect.ticket);
      if (answered !== undefined) this.#answer(effect, answered);
      return;
    }
    if (effect.kind === 'wakeAt') {
      this.#wake(effect.steadyMs);
      return;
    }
    this.#performer.perform(effect);
  }

  #answer(effect: Effect, answered: Answered): void {
    const { clock, random, rates, coverage } = this.#world;
    const isLost = random.chance(rates.controlLoss * 0.06);
    if (isLost) coverage.hit('answer of control lost');
    clock.in(1 + random.next() * 3, () => answered(isLost ? undefined : effect));
  }

  #wake(steadyMs: number): void {
    const { clock } = this.#world;
    if (steadyMs >= this.#wakeAtMs && this.#wakeAtMs > clock.nowMs) return;
    this.#wakeAtMs = steadyMs;
    const { life } = this;
    clock.in(Math.max(0, steadyMs - clock.nowMs), () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.submit((now) => ({ kind: 'tick', now }), life);
    });
  }

  #restart(): void {
    const { coverage } = this.#world;
    const cluster = loadCluster(this.disk) as ClusterRecord;
    this.isUp = true;
    coverage.hit('control restarted');
    this.#world.trace(() => 'control is back');
    this.state = loadState(this.disk, cluster, {
      placement: this.#placement,
      now: this.now(),
      commitIndex: this.disk.index + 1,
      epoch: this.life,
      previousEpoch: this.disk.epoch,
    });
    this.#world.onControlUp();
    this.#performer = this.#makePerformer(this);
    this.#isBusy = true;
    this.#tickLater(this.life);
    this.#runBatch();
  }

  #publication(uids: Iterable<string>): Publication {
    const entries = new Map<string, Index | undefined>();
    for (const uid of uids) {
      const entry = toIndex(this.state, uid);
      entries.set(
        uid,
        entry === undefined ? undefined : { ...entry, copyStates: Buffer.from(entry.copyStates) },
      );
    }
    return { index: this.disk.index, entries };
  }
}
