/** A control replica: the production core in a process that dies and stalls, with a disk and a clock of its own. */
import {
  type CoreEffect,
  type CoreEvent,
  type CoreOptions,
  type CoreState,
  type Entry,
  newCoreState,
  type ReplicaMessage,
  roleOf,
  step,
  type WriteEffect,
} from '../../../control/replication/core/index.ts';
import { type Answer, LeaderApp } from './app.ts';
import { ModelDisk } from './disk.ts';
import { chainOf } from './payload.ts';
import { BOUNDS, TIMING } from './setup.ts';
import { sendSnapshot } from './snapshot.ts';
import type { ReplicaWorld, Seen } from './world.ts';

const TICK_MS = 100;

type Untimed<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;
type UntimedEvent = Untimed<CoreEvent>;

/** The replica. */
export class Replica {
  readonly id: string;
  readonly disk: ModelDisk;
  /** Counts starts of the process. */
  life = 0;
  isUp = false;
  pausedUntilMs = 0;
  coreState: CoreState;
  app: LeaderApp | undefined;
  readonly #world: ReplicaWorld;
  readonly #rate: number;
  #startedAtMs = 0;
  #write: WriteEffect | undefined;
  #isDraining = false;

  constructor(world: ReplicaWorld, id: string) {
    this.#world = world;
    this.id = id;
    const { payloads, random, profile } = world;
    // How far a log reaches back differs: it begins where a snapshot ended, or was long when bounds were wider.
    const logKept = random.chance(0.3) ? 10_000 : profile.logKept;
    this.disk = new ModelDisk(world.freshId('s'), { payloads, logKept });
    this.#rate = 1 + (random.next() * 2 - 1) * profile.clockSkew;
    this.coreState = this.#load();
  }

  get isLeading(): boolean {
    return this.isUp && this.app !== undefined;
  }

  /** Starts the process. */
  start(): void {
    const { clock, random } = this.#world;
    this.life += 1;
    this.isUp = true;
    this.pausedUntilMs = 0;
    this.app = undefined;
    this.#write = undefined;
    this.#isDraining = false;
    this.#startedAtMs = clock.nowMs;
    this.coreState = this.#load();
    this.#world.trace(
      () => `${this.id} starts with ${this.disk.storeId} at ${this.disk.last.index}`,
    );
    this.#world.checker.onCommitted(this, this.coreState.log.commit.index);
    this.#world.resetStreams(this);
    clock.in(
      random.between(1, TICK_MS),
      this.#inThisLife(() => this.#tick()),
    );
  }

  /** Ends it, whatever it is doing. */
  crash(): void {
    if (!this.isUp) return;
    const { random, coverage } = this.#world;
    this.#world.trace(() => `${this.id} dies`);
    coverage.hit(this.isLeading ? 'leader died' : 'follower died');
    this.isUp = false;
    this.life += 1;
    this.app?.close();
    this.app = undefined;
    if (this.#write === undefined) return;
    if (random.chance(0.5)) {
      coverage.hit('died after a write, before it was known');
      this.#commit(this.#write);
    } else coverage.hit('died before a write');
    this.#write = undefined;
  }

  /** Replaces the disk by one that another replica filled, and starts with it. */
  install(content: ReturnType<ModelDisk['copy']>, { epoch }: { readonly epoch: number }): void {
    const { checker, clock, random } = this.#world;
    checker.onReplaced(this);
    this.crash();
    this.disk.fill({ ...content, fence: epoch }, this.#world.freshId('s'));
    const { life } = this;
    clock.in(random.between(1, 120), () => {
      if (!this.isUp && life === this.life) this.start();
    });
  }

  receive(from: string, message: ReplicaMessage): void {
    if (this.isUp) this.take({ kind: 'message', from, message });
  }

  streamReset(peer: string): void {
    this.take({ kind: 'streamReset', peer });
  }

  /** A caller's request; answered at most once. `seen`: what callers had seen when it arrived. */
  call(
    requestId: string | undefined,
    caller: (answer: Answer, seen: Seen | undefined) => void,
  ): void {
    if (!this.isUp) return;
    if (this.#world.clock.nowMs < this.pausedUntilMs) {
      this.#world.clock.at(
        this.pausedUntilMs,
        this.#inThisLife(() => this.call(requestId, caller)),
      );
      return;
    }
    const { seen } = this.#world;
    const answered = (answer: Answer): void => caller(answer, seen);
    if (seen !== undefined) this.take({ kind: 'witnessed', position: seen });
    // Callers name the epoch and not the cluster, as those of production do.
    const isLater = (seen?.epoch ?? 0) > this.coreState.log.commit.epoch;
    if (this.app === undefined || isLater) answered({ kind: 'refused', reason: 'notLeader' });
    else if (requestId === undefined) this.app.read(answered);
    else this.app.request(requestId, answered);
  }

  take(event: UntimedEvent): void {
    if (!this.isUp) return;
    const { clock } = this.#world;
    if (clock.nowMs < this.pausedUntilMs) {
      clock.at(
        this.pausedUntilMs,
        this.#inThisLife(() => this.take(event)),
      );
      return;
    }
    const timed = event as { nowMs: number } & UntimedEvent;
    timed.nowMs = this.#nowMs();
    step(this.coreState, timed as CoreEvent);
    this.#drain();
  }

  /** An entry of its log, in memory or on disk. */
  entryAt(index: number): Entry {
    const { tail, tailBase } = this.coreState.log;
    const kept = tail[index - tailBase.index - 1];
    if (kept !== undefined) return kept;
    const found = this.disk.entriesFrom(index, 1);
    const [entry] = found === 'trimmed' ? [] : found;
    if (entry === undefined) throw new Error(`${this.id} has no entry ${index}`);
    return entry;
  }

  #load(): CoreState {
    const { disk } = this;
    const { fence, appliedIndex, clusterId } = disk.content;
    return newCoreState(this.#options(), {
      storeId: disk.storeId,
      fence,
      last: disk.last,
      appliedIndex,
      clusterId,
    });
  }

  #options(): CoreOptions {
    const { payloads, profile } = this.#world;
    const { uncommittedEntries, messagesInFlight, minIsr } = profile;
    return {
      id: this.id,
      address: `${this.id}:1`,
      bootId: `${this.id}-${this.life}`,
      freshClusterId: this.#world.freshId('cluster'),
      configured: this.#world.configured,
      minIsr,
      featureLevel: 1,
      timing: TIMING,
      bounds: { ...BOUNDS, uncommittedEntries, messagesInFlight },
      log: this.disk,
      barrier: (epoch, previousChain, clusterId) => {
        const bytes = payloads.write({ kind: 'barrier', clusterId });
        return { bytes, chain: chainOf(epoch, previousChain, bytes) };
      },
    };
  }

  #nowMs(): number {
    return (this.#world.clock.nowMs - this.#startedAtMs) * this.#rate + 1;
  }

  #tick(): void {
    this.take({ kind: 'tick' });
    this.#world.clock.in(
      TICK_MS,
      this.#inThisLife(() => this.#tick()),
    );
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const { effects } = this.coreState;
    const { life } = this;
    for (let at = 0; at < effects.length && life === this.life; at += 1) {
      this.#perform(effects[at] as CoreEffect);
    }
    effects.length = 0;
    if (life === this.life) this.#isDraining = false;
  }

  #perform(effect: CoreEffect): void {
    const { engine, network, checker, coverage } = this.#world;
    const { id } = this;
    switch (effect.kind) {
      case 'readEngine':
        engine.read(
          id,
          this.#inThisLife((outcome) => this.take({ kind: 'engineRead', outcome })),
        );
        break;
      case 'cas': {
        const call = { ...effect, replicaId: id, storeId: this.disk.storeId };
        engine.cas(
          call,
          this.#inThisLife((outcome) => this.take({ kind: 'engineCas', outcome })),
        );
        break;
      }
      case 'write':
        this.#startWrite(effect);
        break;
      case 'send':
        network.send(id, effect.to, effect.message);
        break;
      case 'sendSnapshot':
        sendSnapshot(this.#world, this, effect);
        break;
      case 'committed':
        checker.onCommitted(this, effect.position.index);
        this.app?.onCommitted(effect.position.index);
        break;
      case 'applied':
        checker.onApplied(this, effect.position.index);
        break;
      case 'lead':
        this.#world.trace(() => `${id} opens, epoch ${effect.epoch}`);
        coverage.hit('a leader opened');
        checker.onLead(this, effect.epoch);
        this.app = new LeaderApp(this.#world, this);
        break;
      case 'close':
        this.#world.trace(() => `${id} closes: ${effect.reason}`);
        coverage.hit(`closed: ${effect.reason}`);
        this.app?.close();
        this.app = undefined;
        break;
      case 'readConfirmed':
        this.app?.onRead(effect.ticket, effect.index);
        break;
      case 'readRefused':
        this.app?.onRead(effect.ticket, undefined);
        break;
      case 'alarm':
        checker.onAlarm(this, effect.alarm);
        break;
      case 'refill':
        coverage.hit('refill asked after a loss was accepted');
        break;
      case 'membersChanged':
        coverage.hit(`members changed: ${effect.outcome}`);
        break;
      case 'changed':
        this.#world.trace(() => `${id} is ${roleOf(this.coreState)}`);
        break;
      default:
        coverage.hit(effect.kind);
    }
  }

  #startWrite(write: WriteEffect): void {
    const { clock, random, rates } = this.#world;
    this.#write = write;
    const slowMs = random.chance(rates.slowDisk * 0.2) ? random.between(20, 2_500) : 0;
    if (write.truncateFrom !== undefined) this.#world.coverage.hit('log truncated');
    clock.in(
      0.3 + random.next() * 3 + slowMs,
      this.#inThisLife(() => {
        this.#write = undefined;
        this.#commit(write);
        this.take({ kind: 'written' });
      }),
    );
  }

  #commit(write: WriteEffect): void {
    const fault = this.disk.write(write);
    if (fault !== undefined) this.#world.fail(`disk: ${fault}`, `${this.id} ${this.disk.storeId}`);
  }

  #inThisLife<Arguments extends unknown[]>(
    run: (...values: Arguments) => void,
  ): (...values: Arguments) => void {
    const { life } = this;
    return (...values) => {
      if (life === this.life) run(...values);
    };
  }
}
