/**
 * Answers too large for ext_proc: Envoy buffers what it is sent there, however slow the client. Such an
 * answer waits here under a random name that works once; Envoy is told to fetch it from the worker's own
 * HTTP listener, where ordinary flow control holds from the client down to its source.
 */
import { randomBytes } from 'node:crypto';
import type { Ending } from './access-record.ts';
import { discardReply } from './answer.ts';
import type { GatewayReply } from './exchange.ts';

/** One waiting answer. */
export interface LargeReply {
  readonly reply: GatewayReply;
  /** Ends the work behind the answer; called if it is not fetched or the client leaves. */
  readonly abandon: () => void;
  /** Called once at the end, whatever it was. */
  readonly ended: (ending: Ending) => void;
}

const FETCH_TIMEOUT_MS = 10_000;
const WAITING_MAX = 256;
const NAME_BYTES = 18;

/** The answers of one worker that wait to be fetched. */
export class LargeReplies {
  private readonly waiting = new Map<string, { large: LargeReply; timer: NodeJS.Timeout }>();

  /** Keeps an answer for a short while; undefined if too many wait already. */
  put(large: LargeReply): string | undefined {
    if (this.waiting.size >= WAITING_MAX) return undefined;
    const name = randomBytes(NAME_BYTES).toString('base64url');
    const timer = setTimeout(() => this.drop(name), FETCH_TIMEOUT_MS);
    timer.unref();
    this.waiting.set(name, { large, timer });
    return name;
  }

  /** Hands an answer out, once. */
  take(name: string): LargeReply | undefined {
    const entry = this.waiting.get(name);
    if (entry === undefined) return undefined;
    clearTimeout(entry.timer);
    this.waiting.delete(name);
    return entry.large;
  }

  /** The client left before its answer was fetched. */
  drop(name: string): void {
    const large = this.take(name);
    if (large === undefined) return;
    large.abandon();
    void discardReply(large.reply);
    large.ended('client-gone');
  }
}
