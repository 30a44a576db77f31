/**
 * Drives the session of one write (session.ts) on real parts: control over its client, nodes over their
 * pools, the clock of the process. It decides nothing; what a session asks for is done, and what came of
 * it is told to the session.
 */
import { assert, assertNever } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import { failpoint, failpointSoon } from '../../core/failpoint.ts';
import type { IndexUid, NodeId } from '../../core/types.ts';
import type {
  BeginResponse,
  Grant,
  ReportResponse,
  SendResult,
} from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { isDoubtedBy } from './answer-first.ts';
import { askBegin, type WriteIntent } from './begin.ts';
import type { WriteContext } from './context.ts';
import { renewLease } from './renewals.ts';
import { failureKind, type NodeShare, sendBody } from './send.ts';
import { newSession, type Session, step } from './session.ts';
import { LOOK_INTERVAL_MS } from './session-lease.ts';
import { sessionReply, type TaskWords } from './session-reply.ts';
import type {
  BeginOutcome,
  PartOutcome,
  PartResult,
  ReportOutcome,
  SessionEffect,
  SessionEvent,
} from './session-types.ts';
import { countTargets } from './targets.ts';

/** One write as its verb describes it. */
export interface WriteJob extends TaskWords {
  /** What control is told. Throws if the client must see an error in place of a task. */
  readonly intent: () => WriteIntent;
  /** What each node is sent; no share is empty. */
  readonly shares: (grant: Grant) => readonly NodeShare[];
  /** Judges the body with another primary key; absent where a write has none. */
  readonly splitAgain?: (primaryKey: string) => Promise<void>;
  /** Fires when the client is gone; a write that was begun goes on. */
  readonly clientGone?: AbortSignal;
}

type Untimed<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;

/** Runs one write to its reply. No send is under way when it resolves. Throws what the client must see. */
export function runWrite(context: WriteContext, job: WriteJob): Promise<GatewayReply> {
  return new Promise((resolve, reject) => {
    new Driver({ context, job, resolve, reject }).start();
  });
}

interface DriverOptions {
  readonly context: WriteContext;
  readonly job: WriteJob;
  readonly resolve: (reply: GatewayReply) => void;
  readonly reject: (error: unknown) => void;
}

class Driver {
  readonly #options: DriverOptions;
  readonly #session: Session;
  readonly #shares = new Map<string, NodeShare>();
  readonly #cuts = new Map<string, AbortController>();
  #tag = '';
  #indexId = '';
  #stopClock: () => void = () => {};
  /** Ends the count among those that are answered and not over. */
  #endReport: () => void = () => {};
  /** Why control could not be asked. */
  #cause: unknown;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#session = newSession({ copyTimeoutMs: options.context.config.writes.copy_timeout_ms });
  }

  start(): void {
    this.#take({ kind: 'start' });
  }

  #take(event: Untimed<SessionEvent>): void {
    try {
      const nowMs = this.#options.context.clock.nowMs();
      const effects = step(this.#session, { ...event, nowMs } as SessionEvent);
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The client must see an error, or something is broken: nothing more is sent. */
  #fail(error: unknown): void {
    this.#stop();
    for (const cut of this.#cuts.values()) cut.abort('the write failed');
    if (this.#session.hasReplied) {
      const { logger } = this.#options.context;
      logger.error({ seq: this.#session.seq, err: error }, 'a write failed after its answer');
    }
    this.#options.reject(error);
  }

  #stop(): void {
    this.#stopClock();
    this.#endReport();
    this.#endReport = () => {};
  }

  /** Takes in what an effect came to. */
  #follow(event: Promise<Untimed<SessionEvent>>): void {
    event.then(
      (happened) => this.#take(happened),
      (error: unknown) => this.#fail(error),
    );
  }

  #perform(effect: SessionEffect): void {
    const { context, job, resolve, reject } = this.#options;
    switch (effect.kind) {
      case 'begin':
        this.#follow(this.#begin());
        break;
      case 'splitAgain':
        this.#follow(this.#splitAgain(effect.primaryKey));
        break;
      case 'send':
        this.#follow(this.#send(effect.nodeId, effect.part));
        failpointSoon('sidecar.after-all-sends');
        break;
      case 'cut':
        this.#cuts.get(effect.nodeId)?.abort(effect.reason);
        break;
      case 'renew':
        this.#follow(this.#renew(effect.seq));
        break;
      case 'report':
        this.#follow(this.#report(effect.results));
        break;
      case 'reply':
        if (this.#session.phase !== 'ended') this.#endReport = context.openReports.open();
        resolve(sessionReply(context, job, effect.reply, this.#cause));
        break;
      case 'end':
        this.#stop();
        // Of no effect unless there was no reply.
        reject(new MiroirError('bad_request', 'The client went away before the write was begun.'));
        break;
      default:
        assertNever(effect);
    }
  }

  async #splitAgain(primaryKey: string): Promise<Untimed<SessionEvent>> {
    const { splitAgain } = this.#options.job;
    assert(splitAgain !== undefined, 'only documents have a primary key to differ in');
    await splitAgain(primaryKey);
    if (this.#options.job.clientGone?.aborted === true) this.#take({ kind: 'clientGone' });
    return { kind: 'splitAgain' };
  }

  async #renew(seq: number): Promise<Untimed<SessionEvent>> {
    const outcome = await renewLease(this.#options.context.writes, seq);
    if (outcome !== 'held') this.#warn(outcome, 'the lease of a write was not renewed');
    return { kind: 'renewAnswered', outcome };
  }

  async #begin(): Promise<Untimed<SessionEvent>> {
    const { context, job } = this.#options;
    const intent = job.intent();
    try {
      failpoint('sidecar.before-begin');
      const answer = await askBegin(context, intent);
      failpoint('sidecar.after-begin');
      return { kind: 'begun', outcome: this.#begun(answer) };
    } catch (error) {
      this.#cause = unreachable(error);
      return { kind: 'begun', outcome: { kind: 'unreachable' } };
    }
  }

  #begun(outcome: NonNullable<BeginResponse['outcome']>): BeginOutcome {
    switch (outcome.$case) {
      case 'grant':
        return this.#granted(outcome.value);
      case 'settled': {
        const { seq, enqueuedAt } = outcome.value;
        return { kind: 'settled', seq: Number(seq), enqueuedAt };
      }
      case 'otherPrimaryKey':
        return { kind: 'otherPrimaryKey', primaryKey: outcome.value };
      case 'refusal':
        return { kind: 'refused', ...outcome.value };
      default:
        return assertNever(outcome);
    }
  }

  #granted(grant: Grant): BeginOutcome {
    const { context, job } = this.#options;
    this.#tag = grant.tag;
    this.#indexId = grant.indexId;
    const shares = job.shares(grant);
    for (const share of shares) this.#shares.set(share.nodeId, share);
    this.#stopClock = context.clock.every(LOOK_INTERVAL_MS, () => this.#take({ kind: 'tick' }));
    return {
      kind: 'granted',
      seq: Number(grant.seq),
      enqueuedAt: grant.enqueuedAt,
      shares: shares.map(({ nodeId, bodies, shards }) => ({
        nodeId,
        partBytes: bodies.map(({ bodyBytes }) => bodyBytes),
        shards,
      })),
      targetCount: countTargets(grant),
      standsWhenTaken: grant.standsWhenTaken && context.openReports.hasRoom,
    };
  }

  async #send(nodeId: string, part: number): Promise<Untimed<SessionEvent>> {
    const body = this.#shares.get(nodeId)?.bodies[part];
    assert(body !== undefined, 'a session sends what it was given');
    const cut = new AbortController();
    this.#cuts.set(nodeId, cut);
    const outcome = await sendBody(this.#options.context, {
      nodeId: nodeId as NodeId,
      body,
      customMetadata: `${this.#tag}.${part}`,
      signal: cut.signal,
    });
    failpoint('sidecar.after-first-send');
    this.#noteFailure(nodeId as NodeId, outcome);
    return { kind: 'sendAnswered', nodeId, part, outcome, isDoubted: this.#isDoubted(nodeId) };
  }

  #isDoubted(nodeId: string): boolean {
    const { context } = this.#options;
    const shards = this.#shares.get(nodeId)?.shards ?? [];
    const entry = context.findIndex(context.indexUid as IndexUid);
    return isDoubtedBy(entry, { indexId: this.#indexId, nodeId, shards });
  }

  async #report(results: readonly PartResult[]): Promise<Untimed<SessionEvent>> {
    const { context } = this.#options;
    failpoint('sidecar.before-report');
    try {
      const answer = await context.writes.report({
        seq: BigInt(this.#session.seq),
        results: results.map(toSendResult),
        complete: true,
      });
      failpoint('sidecar.after-report');
      if (!answer.stands) this.#noteAnsweredFirst('refused', answer.refusal?.message);
      return { kind: 'reportAnswered', outcome: toReportOutcome(answer) };
    } catch (error) {
      this.#cause = unreachable(error);
      this.#noteAnsweredFirst('unreachable', String(this.#cause));
      return { kind: 'reportAnswered', outcome: { kind: 'unreachable' } };
    }
  }

  /** Control finds out by itself what became of such a write, and its task tells; operators hear of it here. */
  #noteAnsweredFirst(outcome: 'refused' | 'unreachable', reason: string | undefined): void {
    if (!this.#session.hasAnsweredFirst) return;
    this.#options.context.reportFailed(outcome);
    this.#warn(reason ?? outcome, 'control did not confirm a write that was acknowledged');
  }

  /** The copy misses the write; what a client did wrong is no failure of the node. */
  #noteFailure(nodeId: NodeId, outcome: PartOutcome): void {
    const kind = failureKind(outcome);
    if (kind === undefined) return;
    const { context } = this.#options;
    const reason = outcome.kind === 'unknown' ? outcome.reason : undefined;
    context.nodeFailed(nodeId, kind);
    const words = 'a node did not take its part of a write';
    context.logger.warn({ seq: this.#session.seq, node: nodeId, kind, reason }, words);
  }

  #warn(reason: string, words: string): void {
    this.#options.context.logger.warn({ seq: this.#session.seq, reason }, words);
  }
}

/** An expected end of a call to control. Anything else is a bug and passed on. */
function unreachable(error: unknown): MiroirError {
  if (error instanceof MiroirError) return error;
  throw error;
}

function toSendResult({ nodeId, part, partCount, outcome }: PartResult): SendResult {
  return { nodeId, part, partCount, outcome: toOutcome(outcome) };
}

function toOutcome(outcome: PartResult['outcome']): SendResult['outcome'] {
  switch (outcome.kind) {
    case 'enqueued':
      return { $case: 'enqueuedUid', value: BigInt(outcome.uid) };
    case 'refused':
      return {
        $case: 'refused',
        value: { status: outcome.status, body: Buffer.from(outcome.body) },
      };
    case 'unknown':
      return { $case: 'unknown', value: outcome.reason };
    default:
      return assertNever(outcome);
  }
}

function toReportOutcome({ stands, refusal, missed }: ReportResponse): ReportOutcome {
  return { kind: 'answered', stands, refusal, missed };
}
