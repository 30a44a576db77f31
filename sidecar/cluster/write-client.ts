/**
 * The sidecar's side of the lane: Begin, Renew, Report. The sidecar's name and the number of a request
 * are set here, so that a Begin that was cut off is repeated under the same number and control answers
 * it once. Every end that is not an answer becomes `miroir_control_unavailable`.
 */
import { setMaxListeners } from 'node:events';
import { assert } from '../../core/assert.ts';
import {
  type BeginRequest,
  type BeginResponse,
  type RenewResponse,
  type ReportRequest,
  type ReportResponse,
  WriteServiceClient,
} from '../../proto/gen/miroir/write/v1/write.ts';
import { CallStream } from './call-stream.ts';
import { controlError, controlUnavailable, type UnaryLimits } from './channel.ts';
import { ClientPool } from './client-pool.ts';
import { type ControlEndpoint, PATIENCE_MS } from './control-endpoint.ts';
import { callLeader } from './leader-call.ts';

const BEGIN_DEADLINE_MS = 60_000;
const RENEW_DEADLINE_MS = 2_000;
const GONE_DEADLINE_MS = 2_000;
const REPORT_DEADLINE_MS = 60_000;
/** Pauses between tries at one replica; a restart of a lone one of about a second goes unnoticed. */
const RETRY_PAUSES_MS = [50, 150, 300, 500] as const;

/** Replicas may be named that are not in the configuration. */
const STREAMS_MAX = 16;

/** A Begin without what this client fills in. */
export type BeginInput = Omit<BeginRequest, 'sidecarId' | 'requestNumber'>;
/** A Report without what this client fills in. */
export type ReportInput = Omit<ReportRequest, 'sidecarId'>;

/** What document and other writes use of control. All methods throw MiroirError miroir_control_unavailable. */
export interface WriteClient {
  begin(input: BeginInput, signal?: AbortSignal): Promise<BeginResponse>;
  /** One try of at most 2 s: a lease that cannot be renewed must be given up, not waited for. */
  renew(seqs: readonly bigint[], signal?: AbortSignal): Promise<RenewResponse>;
  report(input: ReportInput, signal?: AbortSignal): Promise<ReportResponse>;
}

type CallBody = Parameters<CallStream['call']>[0];

/** WriteClient over gRPC. */
export class GrpcWriteClient implements WriteClient {
  readonly #endpoint: ControlEndpoint;
  readonly #clients: ClientPool<WriteServiceClient>;
  /** A stream to each replica that was taken for the leader. */
  readonly #streams = new Map<string, CallStream>();
  readonly #sidecarId: string;
  readonly #lost: () => AbortSignal;
  #requestNumber = 0n;

  /** `lost` gives the signal that fires when control stays away; calls end with it. */
  constructor(endpoint: ControlEndpoint, sidecarId: string, lost: () => AbortSignal) {
    this.#endpoint = endpoint;
    this.#sidecarId = sidecarId;
    this.#lost = lost;
    this.#clients = new ClientPool(endpoint, WriteServiceClient);
  }

  async begin(input: BeginInput, signal?: AbortSignal): Promise<BeginResponse> {
    this.#requestNumber += 1n;
    const value = { ...input, sidecarId: this.#sidecarId, requestNumber: this.#requestNumber };
    const answer = await this.#callUntilLost({ $case: 'begin', value }, BEGIN_DEADLINE_MS, signal);
    assert(answer.$case === 'begin', 'a call is answered in kind');
    return answer.value;
  }

  async renew(seqs: readonly bigint[], signal?: AbortSignal): Promise<RenewResponse> {
    const value = { sidecarId: this.#sidecarId, seqs: [...seqs] };
    try {
      const answer = await this.#call(
        { $case: 'renew', value },
        { deadlineMs: RENEW_DEADLINE_MS, signal },
        { patienceMs: RENEW_DEADLINE_MS },
      );
      assert(answer.$case === 'renew', 'a call is answered in kind');
      return answer.value;
    } catch (error) {
      throw controlError(error);
    }
  }

  async report(input: ReportInput, signal?: AbortSignal): Promise<ReportResponse> {
    const value = { ...input, sidecarId: this.#sidecarId };
    const answer = await this.#callUntilLost(
      { $case: 'report', value },
      REPORT_DEADLINE_MS,
      signal,
    );
    assert(answer.$case === 'report', 'a call is answered in kind');
    return answer.value;
  }

  /**
   * Another replica leads: one that led before and does not know may hold calls for ever, with a connection
   * that lives.
   */
  leaderChanged(): void {
    for (const stream of this.#streams.values()) stream.break();
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close();
    this.#clients.close();
  }

  /**
   * Tries again while control is unreachable: a lone replica for about a second in all, several until one of
   * them leads. Begin and Report bear repeating.
   */
  async #callUntilLost(body: CallBody, deadlineMs: number, client: AbortSignal | undefined) {
    const lost = this.#lost();
    // Every call under way listens to it.
    setMaxListeners(0, lost);
    // Control that was gone may be back before it is followed again: ask, but do not wait long.
    const isGone = lost.aborted;
    const limits = {
      deadlineMs: isGone ? GONE_DEADLINE_MS : deadlineMs,
      signal: isGone ? client : client === undefined ? lost : AbortSignal.any([client, lost]),
    };
    try {
      return await this.#call(body, limits, {
        patienceMs: isGone ? GONE_DEADLINE_MS : PATIENCE_MS,
        pausesMs: RETRY_PAUSES_MS,
      });
    } catch (error) {
      throw lost.aborted && !isGone ? controlUnavailable(error) : controlError(error);
    }
  }

  #call(
    body: CallBody,
    limits: UnaryLimits,
    terms: { readonly patienceMs: number; readonly pausesMs?: readonly number[] },
  ) {
    return callLeader(
      this.#endpoint,
      { ...terms, isRepeatable: true, signal: limits.signal },
      async (address) => {
        await this.#clients.connected(address);
        return this.#streamTo(address).call(body, limits);
      },
    );
  }

  #streamTo(address: string): CallStream {
    let stream = this.#streams.get(address);
    if (stream === undefined) {
      stream = new CallStream(() => this.#clients.of(address).talk(this.#endpoint.metadata()));
      this.#streams.set(address, stream);
      const [oldest] = this.#streams;
      if (this.#streams.size > STREAMS_MAX && oldest !== undefined) {
        this.#streams.delete(oldest[0]);
        oldest[1].close();
      }
    }
    return stream;
  }
}
