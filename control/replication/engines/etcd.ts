/**
 * The record as one key in etcd (>= 3.4), through the JSON gateway that each member has on its client port:
 *
 *   read  range, linearizable, which is the default
 *   cas   txn: if the key still has this mod_revision AND these bytes, put; one atomic step of etcd
 *   watch a stream of changes, taken as a hint
 *
 * The bytes are compared too because revisions begin anew when an etcd is restored from a backup. A version is
 * therefore the revision and the bytes. A txn is sent to one member, once: another is tried only if no connection
 * could be made. If its answer is lost, or is an error, it may have been done or may still be: unknown.
 */
import { NodeClient } from '../../../core/meilisearch/client.ts';
import type { NodeOutcome } from '../../../core/meilisearch/outcome.ts';
import type { CertificateFiles } from '../../../core/tls/certificate-files.ts';
import type { Engine, EngineCasOutcome, EngineReadOutcome, EngineRecord } from '../engine.ts';
import { listenForHints } from './hints.ts';
import { decodeRecord, encodeRecord } from './record.ts';

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS = 4;
const UNAUTHORIZED = 401;

/** How etcd is reached. */
export interface EtcdEngineOptions {
  /** Client URLs of its members, at least one. */
  readonly endpoints: readonly string[];
  readonly key: string;
  /** Longest that a `read` or `cas` takes in all; below the period in which the record must be renewed. */
  readonly callTimeoutMs: number;
  /** Asked at each login; absent: etcd asks for none. */
  readonly login?: (() => { readonly name: string; readonly password: string }) | undefined;
  readonly certificates?: CertificateFiles | undefined;
}

/** An answer of etcd, or why there is none that counts. */
type Answer =
  | { readonly kind: 'answer'; readonly value: Plain }
  | { readonly kind: 'failed'; readonly reason: string };
type Plain = Readonly<Record<string, unknown>>;

interface Call {
  readonly path: string;
  readonly body: Plain;
  readonly signal: AbortSignal;
  /** Whether doing it twice is harmless. */
  readonly isRead: boolean;
}

/** The driver. */
export class EtcdEngine implements Engine {
  readonly #options: EtcdEngineOptions;
  readonly #clients: readonly NodeClient[];
  readonly #key: string;
  readonly #listening = new Set<() => void>();
  /** Place of the member that is asked first: the last that answered. */
  #preferred = 0;
  #token: string | undefined;

  constructor(options: EtcdEngineOptions) {
    this.#options = options;
    this.#key = base64(options.key);
    const { certificates, callTimeoutMs: connectTimeoutMs } = options;
    this.#clients = options.endpoints.map(
      (url) =>
        new NodeClient(url.replace(/\/$/, ''), {
          connections: CONNECTIONS,
          connectTimeoutMs,
          certificates,
        }),
    );
  }

  async read(signal: AbortSignal): Promise<EngineReadOutcome> {
    const body = { key: this.#key };
    const answer = await this.#call({ path: '/v3/kv/range', body, signal, isRead: true });
    if (answer.kind === 'failed') return answer;
    const [found] = (answer.value['kvs'] ?? []) as { mod_revision?: unknown; value?: unknown }[];
    if (found === undefined) return { kind: 'absent' };
    const { mod_revision: revision, value = '' } = found;
    if (typeof revision !== 'string' || typeof value !== 'string')
      return { kind: 'failed', reason: 'this is not an answer of etcd' };
    const record = decodeRecord(Buffer.from(value, 'base64').toString());
    if (typeof record === 'string') return { kind: 'failed', reason: record };
    return { kind: 'record', version: `${revision} ${value}`, record };
  }

  async cas(
    version: string | null,
    record: EngineRecord,
    signal: AbortSignal,
  ): Promise<EngineCasOutcome> {
    const [revision = '0', expected] = version?.split(' ') ?? [];
    const key = this.#key;
    const value = base64(encodeRecord(record));
    const compare = [
      { key, target: 'MOD', result: 'EQUAL', mod_revision: revision },
      ...(expected === undefined
        ? []
        : [{ key, target: 'VALUE', result: 'EQUAL', value: expected }]),
    ];
    const body = { compare, success: [{ request_put: { key, value } }] };
    const answer = await this.#call({ path: '/v3/kv/txn', body, signal, isRead: false });
    if (answer.kind === 'failed') return { kind: 'unknown', reason: answer.reason };
    const { succeeded = false, header } = answer.value as {
      readonly succeeded?: boolean;
      readonly header?: { readonly revision?: string };
    };
    if (header?.revision === undefined)
      return { kind: 'unknown', reason: 'this is not an answer of etcd' };
    return succeeded
      ? { kind: 'ok', version: `${header.revision} ${value}` }
      : { kind: 'conflict' };
  }

  watch(onHint: () => void): () => void {
    const stop = listenForHints(() => {
      const at = this.#preferred;
      return {
        client: this.#clients[at] as NodeClient,
        call: {
          method: 'POST',
          path: '/v3/watch',
          headers: this.#headers(),
          body: JSON.stringify({ create_request: { key: this.#key } }),
        },
      };
    }, onHint);
    this.#listening.add(stop);
    return () => {
      this.#listening.delete(stop);
      stop();
    };
  }

  async close(): Promise<void> {
    for (const stop of this.#listening) stop();
    this.#listening.clear();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** Asks the members one after the other, as far as that is harmless, within the time of one call. */
  async #call(call: Call): Promise<Answer> {
    const endMs = performance.now() + this.#options.callTimeoutMs;
    const count = this.#clients.length;
    let reason = 'no member of etcd was asked in time';
    for (let tries = 0; tries < count; tries += 1) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || call.signal.aborted) break;
      // A silent member may not use up the time of the others.
      const limitMs = call.isRead ? leftMs / Math.min(2, count - tries) : leftMs;
      const at = this.#preferred;
      const outcome = await this.#ask(at, call, limitMs);
      if (outcome.kind === 'answered' && outcome.status === 200) return parse(outcome.body);
      reason = failureOf(outcome);
      if (this.#preferred === at) this.#preferred = (at + 1) % count;
      if (!call.isRead && outcome.kind !== 'refused') break;
    }
    return { kind: 'failed', reason };
  }

  /** One call to one member, logged in if etcd asks for that. */
  async #ask(at: number, call: Call, limitMs: number): Promise<NodeOutcome> {
    const endMs = performance.now() + limitMs;
    const isFresh = this.#token === undefined;
    if (this.#options.login !== undefined && isFresh) {
      const problem = await this.#logIn(at, call.signal, limitMs);
      // Nothing was asked yet.
      if (problem !== undefined) return { kind: 'refused', reason: problem };
    }
    const outcome = await this.#send(at, call, endMs - performance.now());
    const isRejected = outcome.kind === 'answered' && outcome.status === UNAUTHORIZED;
    if (!isRejected || this.#options.login === undefined) return outcome;
    this.#token = undefined;
    // The token was too old: nothing was done, so the same may be asked with a new one.
    return isFresh ? outcome : this.#ask(at, call, endMs - performance.now());
  }

  async #logIn(at: number, signal: AbortSignal, limitMs: number): Promise<string | undefined> {
    let body: Plain;
    try {
      body = { ...this.#options.login?.() };
    } catch (error) {
      return `login to etcd: ${(error as Error).message}`;
    }
    const call = { path: '/v3/auth/authenticate', body, signal, isRead: true };
    const outcome = await this.#send(at, call, limitMs);
    if (outcome.kind !== 'answered' || outcome.status !== 200)
      return `login to etcd: ${failureOf(outcome)}`;
    const answer = parse(outcome.body);
    const token = answer.kind === 'answer' ? answer.value['token'] : undefined;
    if (typeof token !== 'string') return 'login to etcd: no token in its answer';
    this.#token = token;
    return undefined;
  }

  #send(at: number, call: Call, limitMs: number): Promise<NodeOutcome> {
    if (limitMs <= 0) return Promise.resolve({ kind: 'timeout', afterMs: 0 });
    return (this.#clients[at] as NodeClient).call({
      method: 'POST',
      path: call.path,
      headers: this.#headers(),
      body: JSON.stringify(call.body),
      deadlineMs: Math.ceil(limitMs),
      answerBytesMax: ANSWER_BYTES_MAX,
      signal: call.signal,
    });
  }

  #headers(): Record<string, string> {
    const type = { 'content-type': 'application/json' };
    return this.#token === undefined ? type : { ...type, authorization: this.#token };
  }
}

function parse(body: Uint8Array): Answer {
  try {
    return { kind: 'answer', value: JSON.parse(Buffer.from(body).toString()) as Plain };
  } catch {
    return { kind: 'failed', reason: 'this is not an answer of etcd' };
  }
}

/** Words for a log: etcd's own error names no secret. */
function failureOf(outcome: NodeOutcome): string {
  if (outcome.kind === 'answered') {
    const answer = parse(outcome.body);
    const words = answer.kind === 'answer' ? String(answer.value['message'] ?? '') : '';
    return `etcd answered ${outcome.status} ${words}`.trim().slice(0, 300);
  }
  if (outcome.kind === 'timeout') return `etcd did not answer in ${Math.round(outcome.afterMs)} ms`;
  return 'reason' in outcome ? `etcd: ${outcome.reason}` : `etcd: ${outcome.kind}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
