/**
 * The sidecar's side of the lane: Begin, Renew, Report. The sidecar's name and the number of a request
 * are set here, so that a Begin that was cut off is repeated under the same number and control answers
 * it once. Every end that is not an answer becomes `miroir_control_unavailable`.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
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
import {
  channelOptions,
  controlError,
  controlUnavailable,
  isUnreachable,
  type UnaryLimits,
} from './channel.ts';

const BEGIN_DEADLINE_MS = 60_000;
const RENEW_DEADLINE_MS = 2_000;
const GONE_DEADLINE_MS = 2_000;
const REPORT_DEADLINE_MS = 60_000;
/** Pauses between tries; a restart of control of about a second goes unnoticed. */
const RETRY_PAUSES_MS = [50, 150, 300, 500] as const;

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

/** WriteClient over gRPC. */
export class GrpcWriteClient implements WriteClient {
  readonly #client: WriteServiceClient;
  readonly #calls: CallStream;
  readonly #sidecarId: string;
  readonly #lost: () => AbortSignal;
  #requestNumber = 0n;

  /** `lost` gives the signal that fires when control stays away; calls end with it. */
  constructor(address: string, sidecarId: string, lost: () => AbortSignal) {
    this.#sidecarId = sidecarId;
    this.#lost = lost;
    this.#client = new WriteServiceClient(address, credentials.createInsecure(), channelOptions());
    this.#calls = new CallStream(() => this.#client.talk());
  }

  begin(input: BeginInput, signal?: AbortSignal): Promise<BeginResponse> {
    this.#requestNumber += 1n;
    const value = { ...input, sidecarId: this.#sidecarId, requestNumber: this.#requestNumber };
    return this.#callWithRetries(
      async (limits) => {
        const answer = await this.#calls.call({ $case: 'begin', value }, limits);
        assert(answer.$case === 'begin', 'a call is answered in kind');
        return answer.value;
      },
      BEGIN_DEADLINE_MS,
      signal,
    );
  }

  async renew(seqs: readonly bigint[], signal?: AbortSignal): Promise<RenewResponse> {
    try {
      const answer = await this.#calls.call(
        { $case: 'renew', value: { sidecarId: this.#sidecarId, seqs: [...seqs] } },
        { deadlineMs: RENEW_DEADLINE_MS, signal },
      );
      assert(answer.$case === 'renew', 'a call is answered in kind');
      return answer.value;
    } catch (error) {
      throw controlError(error);
    }
  }

  report(input: ReportInput, signal?: AbortSignal): Promise<ReportResponse> {
    const value = { ...input, sidecarId: this.#sidecarId };
    return this.#callWithRetries(
      async (limits) => {
        const answer = await this.#calls.call({ $case: 'report', value }, limits);
        assert(answer.$case === 'report', 'a call is answered in kind');
        return answer.value;
      },
      REPORT_DEADLINE_MS,
      signal,
    );
  }

  close(): void {
    this.#calls.close();
    this.#client.close();
  }

  /** Tries again while control is unreachable, for about a second in all; both calls bear repeating. */
  async #callWithRetries<Response>(
    call: (limits: UnaryLimits) => Promise<Response>,
    deadlineMs: number,
    client: AbortSignal | undefined,
  ): Promise<Response> {
    const lost = this.#lost();
    // Every call under way listens to it.
    setMaxListeners(0, lost);
    // Control that was gone may be back before it is followed again: ask, but do not wait long.
    const isGone = lost.aborted;
    const limits = {
      deadlineMs: isGone ? GONE_DEADLINE_MS : deadlineMs,
      signal: isGone ? client : client === undefined ? lost : AbortSignal.any([client, lost]),
    };
    for (let tries = 0; ; tries += 1) {
      try {
        return await call(limits);
      } catch (error) {
        if (lost.aborted && !isGone) throw controlUnavailable(error);
        const pauseMs = RETRY_PAUSES_MS[tries];
        if (pauseMs === undefined || !isUnreachable(error)) throw controlError(error);
        await delay(pauseMs, undefined, signalOption(limits.signal)).catch(() => {
          throw controlUnavailable(error);
        });
      }
    }
  }
}

function signalOption(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
