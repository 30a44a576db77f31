/**
 * Control, which may be several replicas of which one leads. Each call finds the leader by itself:
 *
 *   try the addresses in turn -> a replica that does not lead names the leader -> go there
 *   -> nobody leads: wait a little and ask again, within the call's time
 *
 * A change is tried again only if it was surely not carried out.
 */
import {
  type ChannelCredentials,
  type ClientReadableStream,
  type MethodDefinition,
  status,
} from '@grpc/grpc-js';
import { ConfigError } from '../../../core/config/error.ts';
import { channelCredentials } from '../../../core/tls/credentials.ts';
import type { Target, TlsFiles } from '../context/find.ts';
import { CliError, EXIT, UsageError } from '../errors.ts';
import type { Io } from '../io.ts';
import { spanOf } from '../output/words.ts';
import { type Attempt, type CallLimits, failureOf, Replica } from './attempt.ts';

const CONNECT_MS = 2_000;
const ELECTION_PAUSE_MS = 250;
const REPLICAS_MAX = 32;
const NO_TLS = { ca_file: '', cert_file: '', key_file: '' };

/** What a call does: asking again is harmless for a read. */
export type CallKind = 'read' | 'change';

type Failed = Exclude<Attempt<never>, { kind: 'ok' }>;

/** Calls to a cluster's control. */
export class ControlClient {
  readonly #target: Target;
  readonly #io: Io;
  readonly #timeoutMs: number;
  readonly #credentials: ChannelCredentials;
  readonly #replicas = new Map<string, Replica>();
  /** Who answered last; asked first. */
  #preferred: string | undefined;

  constructor(target: Target, io: Io, timeoutMs: number) {
    this.#target = target;
    this.#io = io;
    this.#timeoutMs = timeoutMs;
    this.#credentials = credentialsOf(target.tls);
  }

  /** Where the cluster was found, in words. */
  get origin(): string {
    return this.#target.origin;
  }

  /** One call to whoever leads. Throws CliError. `timeoutMs` is for calls that take long by nature. */
  async call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    kind: CallKind,
    timeoutMs = this.#timeoutMs,
  ): Promise<Response> {
    const endMs = this.#io.steadyMs() + timeoutMs;
    const failures = new Map<string, Failed>();
    for (;;) {
      const attempt = await this.#round(method, request, { kind, endMs, failures });
      if (attempt?.kind === 'ok') return attempt.response;
      const { signal } = this.#io;
      if (signal.aborted) throw new CliError('interrupted');
      if (attempt !== undefined) throw this.#finalError(attempt, timeoutMs);
      const isElecting = [...failures.values()].some((failed) => failed.kind === 'not-leader');
      if (!isElecting || this.#io.steadyMs() + ELECTION_PAUSE_MS >= endMs)
        throw this.#unreachable(failures, isElecting);
      await this.#io.sleep(ELECTION_PAUSE_MS);
    }
  }

  /** One change at the one replica that was named, whether it leads or not. Throws CliError. */
  async callOnly<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const [address, ...others] = this.#target.addresses;
    if (address === undefined || others.length > 0)
      throw new UsageError('this is for one replica: name it with --control HOST:PORT');
    const limits = this.#limits(this.#io.steadyMs() + this.#timeoutMs);
    const attempt = await this.#replica(address).call(method, request, limits);
    if (attempt.kind === 'ok') return attempt.response;
    if (attempt.kind === 'unreachable')
      throw this.#unreachable(new Map([[address, attempt]]), false);
    throw this.#finalError(attempt, this.#timeoutMs);
  }

  /**
   * Reads a stream of whoever answers first; ends with the stream. Throws CliError, also if nothing comes
   * for as long as a call may take.
   */
  async *stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): AsyncGenerator<Response> {
    const failures = new Map<string, Failed>();
    const endMs = this.#io.steadyMs() + this.#timeoutMs;
    const queue = this.#queue();
    for (let address = queue.shift(); address !== undefined; address = queue.shift()) {
      const replica = this.#replica(address);
      const opened = await replica.open(method, request, this.#limits(endMs));
      if (opened.stream === undefined) {
        failures.set(address, { kind: 'unreachable', reason: opened.reason });
        continue;
      }
      const { signal } = this.#io;
      try {
        yield* messagesOf(opened.stream, { signal, idleMs: this.#timeoutMs });
        return;
      } catch (error) {
        if (signal.aborted) throw new CliError('interrupted');
        replica.doubt();
        if (error instanceof CliError) throw error;
        const failed = failureOf(error as Parameters<typeof failureOf>[0]);
        if (failed.kind === 'refused') throw this.#refusal(failed.code, failed.details);
        if (failed.kind !== 'not-leader')
          throw new CliError(`the connection to control broke: ${wordsOf(failed)}`);
        failures.set(address, failed);
        follow(queue, failed.leader, failures);
      }
    }
    throw this.#unreachable(failures, false);
  }

  /** Closes every channel. */
  close(): void {
    for (const replica of this.#replicas.values()) replica.close();
  }

  /** Every address once, and each leader that one of them named. Undefined if nobody carried it out. */
  async #round<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    round: {
      readonly kind: CallKind;
      readonly endMs: number;
      readonly failures: Map<string, Failed>;
    },
  ): Promise<Attempt<Response> | undefined> {
    const { failures, endMs, kind } = round;
    failures.clear();
    const queue = this.#queue();
    for (let address = queue.shift(); address !== undefined; address = queue.shift()) {
      // A read leaves time for those still to be asked; a change that was sent waits for its answer.
      const limits = this.#limits(endMs, kind === 'read' ? queue.length + 1 : 1);
      if (limits.timeoutMs <= 0) return undefined;
      const attempt = await this.#replica(address).call(method, request, limits);
      if (attempt.kind === 'ok') this.#preferred = address;
      if (attempt.kind === 'ok' || attempt.kind === 'refused') return attempt;
      if (attempt.kind === 'unknown' && (kind === 'change' || this.#io.signal.aborted))
        return attempt;
      failures.set(address, attempt);
      if (attempt.kind === 'not-leader') follow(queue, attempt.leader, failures);
    }
    return undefined;
  }

  #queue(): string[] {
    const known = [...this.#target.addresses];
    return this.#preferred === undefined ? known : [...new Set([this.#preferred, ...known])];
  }

  #replica(address: string): Replica {
    const known = this.#replicas.get(address);
    if (known !== undefined) return known;
    if (this.#replicas.size >= REPLICAS_MAX) throw new CliError('control names too many leaders');
    const replica = new Replica(address, this.#credentials);
    this.#replicas.set(address, replica);
    return replica;
  }

  #limits(endMs: number, shareCount = 1): CallLimits {
    const leftMs = Math.max(0, endMs - this.#io.steadyMs()) / shareCount;
    return {
      connectMs: Math.min(CONNECT_MS, leftMs),
      timeoutMs: leftMs,
      token: this.#target.token,
      signal: this.#io.signal,
    };
  }

  #unreachable(failures: ReadonlyMap<string, Failed>, isElecting: boolean): CliError {
    const { origin, doubt } = this.#target;
    const each = [...failures].map(([address, failed]) => `${address}: ${wordsOf(failed)}`);
    const what = isElecting ? 'no replica of control leads' : 'control cannot be reached';
    const why = each.length === 0 ? 'no time was left' : each.join('; ');
    return new CliError(`${what}: ${why} (addresses from ${origin}${doubt ? `; ${doubt}` : ''})`);
  }

  #finalError(failed: Failed, timeoutMs: number): CliError {
    if (failed.kind === 'refused') return this.#refusal(failed.code, failed.details);
    if (failed.kind === 'unknown')
      return new CliError(
        `${wordsOf(failed)} (waited up to ${spanOf(timeoutMs)}): it is not known whether it was done; look before you try again`,
      );
    return new CliError(wordsOf(failed));
  }

  #refusal(code: number, details: string): CliError {
    const { token, origin } = this.#target;
    // Whatever control says, what was sent as a secret is not shown.
    const text = token === undefined ? details : details.replaceAll(token, '***');
    switch (code) {
      case status.UNAUTHENTICATED:
        return token === undefined
          ? new CliError(
              'control asks for the admin token: give --token-file FILE or MIROIR_ADMIN_TOKEN',
            )
          : new CliError(`control does not accept this token: ${text} (cluster from ${origin})`);
      case status.UNIMPLEMENTED:
        return new CliError('this control does not offer that: is it of another version?');
      case status.INVALID_ARGUMENT:
        return new CliError(text, { exitCode: EXIT.usage });
      default:
        return new CliError(text === '' ? `control answered with error ${code}` : text);
    }
  }
}

async function* messagesOf<Message>(
  stream: ClientReadableStream<Message>,
  { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
): AsyncGenerator<Message> {
  const cancel = (): void => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Message>;
  let isSilent = false;
  try {
    for (;;) {
      // Only waiting counts: a slow reader is no silence.
      const timer = setTimeout(() => {
        isSilent = true;
        stream.cancel();
      }, idleMs);
      const next = await iterator.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (isSilent) throw new CliError(`control fell silent for ${spanOf(idleMs)}`);
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

/** The leader that was named is asked next, once in a round. */
function follow(queue: string[], leader: string, failures: ReadonlyMap<string, Failed>): void {
  if (leader === '' || failures.has(leader)) return;
  const at = queue.indexOf(leader);
  if (at !== -1) queue.splice(at, 1);
  queue.unshift(leader);
}

function wordsOf(failed: Failed): string {
  if (failed.kind === 'refused') return failed.details;
  if (failed.kind !== 'not-leader') return failed.reason;
  return failed.leader === '' ? 'it does not lead, and knows nobody who does' : 'it does not lead';
}

function credentialsOf(tls: TlsFiles | undefined): ChannelCredentials {
  if (tls === undefined) return channelCredentials(NO_TLS);
  try {
    return channelCredentials(tls);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(`TLS: ${error.message}`);
    throw error;
  }
}
