/** WriteService: turns calls into events of the machine and effects into answers. */
import { type sendUnaryData, status } from '@grpc/grpc-js';
import type {
  BeginRequest,
  BeginResponse,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  ReportResponse,
  WriteServiceServer,
} from '../../proto/gen/miroir/write/v1/write.ts';
import type { Effect, MachineEvent, Now } from '../state/index.ts';
import { type Call, type CallHandlers, CallStreams } from './call-streams.ts';
import type { CallError } from './services.ts';
import { BadMessage, toBeginInput, toBeginResponse, toSendReports } from './write-messages.ts';

const WAITING_MAX = 20_000;
const STORAGE_FULL = {
  code: 'miroir_storage_full',
  message: 'The control service has no room left on its disk, so nothing was written.',
};

/** What the service needs. */
export interface WriteServiceOptions {
  /** Hands an event to the machine. */
  readonly submit: (event: MachineEvent) => void;
  readonly now: () => Now;
  /** 32 lowercase hexadecimal characters, never the same twice. */
  readonly freshIndexId: () => string;
  /** The disk of the state has too little room left for anything new. */
  readonly isStorageFull: () => boolean;
}

/** A call that waits. */
interface Waiting {
  readonly onEffect: (effect: Effect) => void;
  readonly fail: (error: CallError) => void;
}

/** Calls that wait for an effect, by ticket. */
export class WriteService {
  readonly #options: WriteServiceOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #calls: CallHandlers = {
    begin: (call, answer) => this.#begin(call, answer),
    renew: (call, answer) => this.#renew(call, answer),
    report: (call, answer) => this.#report(call, answer),
  };
  readonly #streams = new CallStreams(this.#calls);
  #ticket = 0;

  constructor(options: WriteServiceOptions) {
    this.#options = options;
  }

  /** Handlers for the gRPC server. */
  get handlers(): WriteServiceServer {
    const talk: WriteServiceServer['talk'] = (stream) => this.#streams.serve(stream);
    return { ...this.#calls, talk } as WriteServiceServer;
  }

  /** Ends the streams once their calls are answered; new calls are not taken. */
  close(): void {
    this.#streams.close();
  }

  /** Hands an effect to the call that waits for it, if it still does. */
  answer(effect: Extract<Effect, { ticket: number }>): void {
    const waiting = this.#waiting.get(effect.ticket);
    this.#waiting.delete(effect.ticket);
    waiting?.onEffect(effect);
  }

  /** Ends every call that waits, and the streams. */
  abort(error: CallError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { fail } of waiting) fail(error);
    this.#streams.abort(error);
  }

  #begin(call: Call<BeginRequest>, answer: sendUnaryData<BeginResponse>): void {
    if (this.#options.isStorageFull()) {
      answer(null, { outcome: { $case: 'refusal', value: STORAGE_FULL } });
      return;
    }
    this.#submit(
      answer,
      (ticket) => ({
        kind: 'begin',
        input: toBeginInput(call.request),
        ticket,
        now: this.#options.now(),
        freshIndexId: this.#options.freshIndexId(),
      }),
      (effect) => {
        if (effect.kind === 'beginReply') answer(null, toBeginResponse(effect.reply));
      },
      (ticket) => {
        call.on('cancelled', () => {
          if (!this.#waiting.delete(ticket)) return;
          this.#options.submit({ kind: 'cancelBegin', ticket, now: this.#options.now() });
        });
      },
    );
  }

  #renew(call: Call<RenewRequest>, answer: sendUnaryData<RenewResponse>): void {
    this.#submit(
      answer,
      (ticket) => ({
        kind: 'renew',
        seqs: call.request.seqs.map(Number),
        ticket,
        now: this.#options.now(),
      }),
      (effect) => {
        if (effect.kind === 'renewReply') answer(null, { lostSeqs: effect.lost.map(BigInt) });
      },
    );
  }

  #report(call: Call<ReportRequest>, answer: sendUnaryData<ReportResponse>): void {
    this.#submit(
      answer,
      (ticket) => ({
        kind: 'report',
        seq: Number(call.request.seq),
        results: toSendReports(call.request),
        isComplete: call.request.complete,
        ticket,
        now: this.#options.now(),
      }),
      (effect) => {
        if (effect.kind !== 'reportReply') return;
        const { stands, refusal, missed } = effect.reply;
        answer(null, {
          stands,
          missed: [...missed],
          ...(refusal === null ? {} : { refusal }),
        });
      },
    );
  }

  #submit<Response>(
    answer: sendUnaryData<Response>,
    makeEvent: (ticket: number) => MachineEvent,
    onEffect: (effect: Effect) => void,
    onWaiting: (ticket: number) => void = () => {},
  ): void {
    if (this.#waiting.size >= WAITING_MAX) {
      answer({ code: status.RESOURCE_EXHAUSTED, details: 'too many calls wait' });
      return;
    }
    this.#ticket += 1;
    const ticket = this.#ticket;
    try {
      const event = makeEvent(ticket);
      this.#waiting.set(ticket, { onEffect, fail: answer });
      onWaiting(ticket);
      this.#options.submit(event);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      answer({ code: status.INVALID_ARGUMENT, details: error.message });
    }
  }
}
