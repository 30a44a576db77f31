/** One client's write in a sidecar: the production session, driven in the made-up world. */
import type { Effect } from '../../control/state/index.ts';
import { isDoubtedBy } from '../../sidecar/writes/answer-first.ts';
import { newSession, step } from '../../sidecar/writes/session.ts';
import { LOOK_INTERVAL_MS } from '../../sidecar/writes/session-lease.ts';
import type {
  BeginOutcome,
  PartOutcome,
  PartResult,
  ReportOutcome,
  SessionEffect,
  SessionEvent,
  SessionReply,
  ShareSpec,
} from '../../sidecar/writes/session-types.ts';
import { countTargets } from '../../sidecar/writes/targets.ts';
import { checkAccepted } from './accepted.ts';
import { beginInput } from './begin-input.ts';
import { cutShares, type NodeParts } from './cut-shares.ts';
import type { ClientWrite } from './documents.ts';
import { loseData } from './nemesis.ts';
import type { Call } from './network.ts';
import type { ModelNode, TaskRequest } from './node.ts';
import { isAccountedFor } from './out-of-order.ts';
import type { SidecarHost } from './sidecar-host.ts';
import type { World } from './world.ts';

const COPY_TIMEOUT_MS = 2_000;
/** As the sidecar's client of control tries again. */
const RETRY_PAUSES_MS = [50, 150, 300, 500];
/** Rarely a node is there but not confirmed yet: it is waited for a moment. */
const CONFIRM_WAIT_MS = 2_000;
const CONFIRM_LOOK_MS = 20;

type Untimed<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;
type BeginReplyEffect = Extract<Effect, { kind: 'beginReply' }>['reply'];
type GrantReply = Extract<BeginReplyEffect, { kind: 'grant' }>;

/** The write. */
export class WriteSession {
  readonly write: ClientWrite;
  readonly #world: World;
  readonly #host: SidecarHost;
  readonly #requestNumber: string;
  /** Of the process it began in. */
  readonly #sidecarId: string;
  readonly #onReply: () => void;
  readonly #onEnd: () => void;
  readonly #session = newSession({ copyTimeoutMs: COPY_TIMEOUT_MS });
  readonly #calls = new Map<string, Call>();
  #cancelBegin: (() => void) | undefined;
  #grant: GrantReply | undefined;
  #shares: ReadonlyMap<string, NodeParts> = new Map();
  #isEnded = false;

  constructor(
    world: World,
    host: SidecarHost,
    options: {
      readonly write: ClientWrite;
      readonly requestNumber: string;
      readonly onReply: () => void;
      readonly onEnd: () => void;
    },
  ) {
    this.#world = world;
    this.#host = host;
    this.write = options.write;
    this.#requestNumber = options.requestNumber;
    this.#sidecarId = host.id;
    this.#onReply = options.onReply;
    this.#onEnd = options.onEnd;
  }

  start(): void {
    const world = this.#world;
    world.history.invoke(this.write);
    world.noteCaller(this.#sidecarId, this.#requestNumber, this.write.id);
    this.#take({ kind: 'start' });
    if (world.random.chance(world.rates.clientGone * 0.1)) {
      world.coverage.hit('client went away');
      this.#host.later(world.random.between(1, 300), () => this.#take({ kind: 'clientGone' }));
    }
  }

  /** Its process died: nothing is told to anybody any more. */
  orphan(): void {
    if (this.#session.hasAnsweredFirst && !this.#isEnded) {
      this.#world.coverage.hit('sidecar died between a 202 and its report');
    }
    this.#isEnded = true;
    for (const call of this.#calls.values()) call.orphan();
    this.#cancelBegin?.();
  }

  #take(event: Untimed<SessionEvent>): void {
    if (this.#isEnded) return;
    const nowMs = this.#world.clock.nowMs;
    for (const effect of step(this.#session, { ...event, nowMs } as SessionEvent)) {
      this.#perform(effect);
    }
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'begin':
        this.#begin(0);
        break;
      case 'splitAgain':
        this.#host.later(1, () => this.#take({ kind: 'splitAgain' }));
        break;
      case 'send':
        this.#send(effect.nodeId, effect.part, CONFIRM_WAIT_MS);
        break;
      case 'cut':
        this.#world.coverage.hit('send cut');
        this.#calls.get(effect.nodeId)?.cut();
        break;
      case 'renew':
        this.#renew(effect.seq);
        break;
      case 'report':
        this.#reportSoon(effect.seq, effect.results);
        break;
      case 'reply':
        this.#reply(effect.reply);
        break;
      default:
        this.#isEnded = true;
        this.#onEnd();
    }
  }

  #begin(tries: number): void {
    const { control } = this.#world;
    const call = control.call(
      (ticket, now) => ({
        kind: 'begin',
        input: beginInput(this.write, {
          sidecarId: this.#sidecarId,
          requestNumber: this.#requestNumber,
        }),
        ticket,
        now,
        freshIndexId: this.#world.freshIndexId(),
      }),
      this.#host.whenRunning((effect) => {
        this.#cancelBegin = undefined;
        if (effect?.kind === 'beginReply') {
          this.#begun(effect.reply);
          return;
        }
        const pauseMs = RETRY_PAUSES_MS[tries];
        if (pauseMs === undefined) {
          this.#take({ kind: 'begun', outcome: { kind: 'unreachable' } });
        } else {
          this.#world.coverage.hit('Begin repeated');
          this.#host.later(pauseMs, () => {
            if (!this.#isEnded) this.#begin(tries + 1);
          });
        }
      }),
    );
    this.#cancelBegin = call.cancel;
  }

  #begun(reply: BeginReplyEffect): void {
    const world = this.#world;
    world.trace(
      () => `write ${this.write.id} begun: ${reply.kind} ${'seq' in reply ? reply.seq : ''}`,
    );
    let outcome: BeginOutcome;
    if (reply.kind === 'grant') {
      this.#grant = reply;
      outcome = {
        kind: 'granted',
        seq: reply.seq,
        enqueuedAt: reply.enqueuedAt,
        shares: this.#makeShares(reply),
        targetCount: countTargets(reply),
        standsWhenTaken: reply.standsWhenTaken,
      };
      this.#tickAgain();
    } else if (reply.kind === 'refusal') {
      outcome = { kind: 'refused', code: reply.code, message: reply.message };
      world.coverage.hit(`Begin refused: ${reply.code}`);
    } else outcome = reply;
    this.#take({ kind: 'begun', outcome });
  }

  #tickAgain(): void {
    this.#host.later(LOOK_INTERVAL_MS, () => {
      if (this.#isEnded) return;
      this.#take({ kind: 'tick' });
      this.#tickAgain();
    });
  }

  #makeShares(grant: GrantReply): ShareSpec[] {
    this.#shares = cutShares(this.write, grant);
    return [...this.#shares].map(([nodeId, { parts, shards }]) => {
      if (parts.length > 1) this.#world.coverage.hit('send in parts');
      return { nodeId, partBytes: parts.map(() => 100), shards };
    });
  }

  #send(nodeId: string, part: number, patienceMs: number): void {
    const node = this.#world.node(nodeId);
    const answer = (outcome: PartOutcome): void => {
      this.#world.trace(
        () =>
          `seq ${this.#grant?.seq} part ${part} on ${nodeId}: ${outcome.kind}${outcome.kind === 'enqueued' ? ` ${outcome.uid}` : ''}`,
      );
      const isDoubted = this.#isDoubted(nodeId);
      if (isDoubted) this.#world.coverage.hit('view says a target counts no more');
      this.#take({ kind: 'sendAnswered', nodeId, part, outcome, isDoubted });
    };
    if (!this.#host.mayUse(node)) {
      if (node.isUp && patienceMs > 0) {
        // A send that is cut while it waits for the node is never made.
        let isCut = false;
        const cut = (): void => {
          isCut = true;
        };
        this.#calls.set(nodeId, { cut, orphan: () => {} });
        this.#host.later(CONFIRM_LOOK_MS, () => {
          if (this.#isEnded) return;
          this.#calls.delete(nodeId);
          if (isCut) answer({ kind: 'unknown', reason: 'cut' });
          else this.#send(nodeId, part, patienceMs - CONFIRM_LOOK_MS);
        });
        return;
      }
      this.#world.coverage.hit('send refused: node not confirmed or down');
      answer({ kind: 'refused', status: 0, body: NO_BODY });
      return;
    }
    const call = this.#world.network.call<number | undefined>({
      node,
      isWrite: true,
      perform: (isRepeated) => this.#enqueue(node, part, isRepeated),
      done: this.#host.whenRunning((outcome) => {
        this.#calls.delete(nodeId);
        if (outcome.kind === 'reset') answer({ kind: 'unknown', reason: 'reset' });
        else if (outcome.kind === 'refused') answer({ kind: 'refused', status: 0, body: NO_BODY });
        else if (outcome.answer === undefined) {
          answer({ kind: 'refused', status: 507, body: NO_BODY });
        } else answer({ kind: 'enqueued', uid: outcome.answer });
      }),
    });
    this.#calls.set(nodeId, call);
    this.#standStill();
  }

  /** The process may stand still while its sends are under way: the answers wait, and so does its clock. */
  #standStill(): void {
    const { random, rates, coverage, clock } = this.#world;
    if (!random.chance(rates.sidecarPause * 0.02)) return;
    coverage.hit('sidecar paused while sending');
    this.#host.pausedUntilMs = Math.max(
      this.#host.pausedUntilMs,
      clock.nowMs + random.between(100, 9_000),
    );
  }

  #isDoubted(nodeId: string): boolean {
    const seen = this.#host.view.get(this.write.indexUid);
    const shards = this.#shares.get(nodeId)?.shards ?? [];
    const indexId = this.#grant?.indexId ?? '';
    return isDoubtedBy(seen === undefined ? undefined : { id: seen.id, owners: seen.copies }, {
      indexId,
      nodeId,
      shards,
    });
  }

  /** Runs on the node. */
  #enqueue(node: ModelNode, part: number, isRepeated: boolean): number | undefined {
    const { random, rates, coverage } = this.#world;
    const grant = this.#grant as GrantReply;
    const keys = this.#shares.get(node.id)?.parts[part] ?? [];
    const isRefused = random.chance(rates.refusal * 0.08);
    // One fault at a time, as with what nodes lose.
    if (!isRepeated && isRefused && this.#world.unnoticedLosses.size === 0) {
      coverage.hit('node refused a send');
      return undefined;
    }
    const request: TaskRequest = {
      type: taskType(this.write),
      indexUid: this.write.indexUid,
      tag: `${grant.tag}.${part}`,
      seq: grant.seq,
      work: { kind: 'write', write: this.write, seq: grant.seq, keys },
      isLate: isRepeated || isAccountedFor(this.#world, grant.seq, node.id),
    };
    return this.#world.enqueue(node, request).uid;
  }

  #renew(seq: number): void {
    this.#world.control.call(
      (ticket, now) => ({ kind: 'renew', seqs: [seq], ticket, now }),
      this.#host.whenRunning((effect) => {
        const outcome =
          effect?.kind !== 'renewReply'
            ? 'unreachable'
            : effect.lost.includes(seq)
              ? 'lost'
              : 'held';
        if (outcome === 'lost') this.#world.coverage.hit('lease lost');
        this.#take({ kind: 'renewAnswered', outcome });
      }),
    );
  }

  /** Between the answer to a client and the report a process may die, and a node lose what it took. */
  #reportSoon(seq: number, results: readonly PartResult[]): void {
    const { random, rates, clock } = this.#world;
    const isFirst = this.#session.hasAnsweredFirst;
    if (isFirst && random.chance(rates.sidecarCrash * 0.02)) {
      this.#host.later(0, () => this.#host.crash());
      return;
    }
    const how = rates.wipe > rates.rollback ? 'wiped' : 'rolled back';
    if (!isFirst || !random.chance(Math.max(rates.wipe, rates.rollback) * 0.03)) {
      this.#report(seq, results, 0);
      return;
    }
    const node = this.#world.node(random.pick([...this.#shares.keys()]));
    clock.in(1, () => loseData(this.#world, node, how));
    this.#host.later(random.between(2, 400), () => {
      if (!this.#isEnded) this.#report(seq, results, 0);
    });
  }

  #report(seq: number, results: readonly PartResult[], tries: number): void {
    this.#world.control.call(
      (ticket, now) => ({
        kind: 'report',
        seq,
        results: results.map((result) => ({
          ...result,
          outcome:
            result.outcome.kind === 'refused'
              ? { kind: 'refused', status: result.outcome.status, body: '' }
              : result.outcome,
        })),
        isComplete: true,
        ticket,
        now,
      }),
      this.#host.whenRunning((effect) => {
        if (effect?.kind === 'reportReply') {
          const { stands, refusal, missed } = effect.reply;
          if (missed.length > 0) this.#world.coverage.hit('answer says what was missed');
          const outcome: ReportOutcome = {
            kind: 'answered',
            stands,
            refusal: refusal ?? undefined,
            missed,
          };
          this.#take({ kind: 'reportAnswered', outcome });
          return;
        }
        const pauseMs = RETRY_PAUSES_MS[tries];
        if (pauseMs === undefined) {
          this.#take({ kind: 'reportAnswered', outcome: { kind: 'unreachable' } });
        } else {
          this.#world.coverage.hit('Report repeated');
          this.#host.later(pauseMs, () => {
            if (!this.#isEnded) this.#report(seq, results, tries + 1);
          });
        }
      }),
    );
  }

  #reply(reply: SessionReply): void {
    this.#world.coverage.hit(`reply: ${reply.kind}`);
    this.#world.trace(
      () => `write ${this.write.id} (seq ${this.#session.seq}) replied: ${reply.kind}`,
    );
    if (reply.kind === 'accepted') {
      const isFirst = this.#session.hasAnsweredFirst;
      const partsByNode = new Map([...this.#shares].map(([id, { parts }]) => [id, parts.length]));
      if (isFirst) this.#world.coverage.hit('202 before the report was answered');
      checkAccepted(this.#world, { seq: reply.seq, isFirst, partsByNode });
    }
    this.#world.history.reply(this.write, reply.kind === 'accepted' ? reply.seq : null);
    this.#onReply();
  }
}

const NO_BODY = new Uint8Array(0);

function taskType(write: ClientWrite): string {
  if (write.kind === 'documentsEdit') return 'documentEdition';
  return write.kind.startsWith('documentsDelete') ? 'documentDeletion' : 'documentAdditionOrUpdate';
}
