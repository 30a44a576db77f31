/** Calls of sidecars about the topology that go through the machine: leases, and nodes to be looked at. */
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import type {
  ConfirmNodeRequest,
  ConfirmNodeResponse,
  ConfirmRequest,
  ConfirmResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { Effect, MachineEvent, Now } from '../state/index.ts';
import type { CallError } from './services.ts';
import { toPosition } from './view-messages.ts';

const WAITING_MAX = 10_000;

/** What the calls need. */
export interface ClusterCallsOptions {
  readonly submit: (event: MachineEvent) => void;
  readonly now: () => Now;
  /** See LeaderAppOptions. */
  readonly countIndex: (view: Position) => number;
  /** Of the last commit that changed what watchers see. */
  readonly viewPosition: () => Position;
}

/** A call that waits. */
interface Waiting {
  readonly onEffect: (effect: ClusterReply) => void;
  readonly fail: (error: CallError) => void;
}

type ClusterReply = Extract<Effect, { kind: 'confirmReply' | 'confirmNodeReply' }>;

/** Calls that wait for an effect, by ticket. */
export class ClusterCalls {
  readonly #options: ClusterCallsOptions;
  readonly #waiting = new Map<number, Waiting>();
  #ticket = 0;

  constructor(options: ClusterCallsOptions) {
    this.#options = options;
  }

  /** Hands an effect to the call that waits for it. */
  answer(effect: ClusterReply): void {
    const waiting = this.#waiting.get(effect.ticket);
    this.#waiting.delete(effect.ticket);
    waiting?.onEffect(effect);
  }

  /** Ends every call that waits. */
  abort(error: CallError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { fail } of waiting) fail(error);
  }

  /** Handles Confirm. */
  confirm(
    call: ServerUnaryCall<ConfirmRequest, ConfirmResponse>,
    answer: sendUnaryData<ConfirmResponse>,
  ): void {
    const { sidecarId, position } = call.request;
    const { submit, now, countIndex } = this.#options;
    const index = position === undefined ? 0 : countIndex(position);
    const ticket = this.#wait(answer, (effect) => {
      if (effect.kind === 'confirmReply') answer(null, { leaseMs: effect.leaseMs });
    });
    if (ticket === undefined) return;
    submit({ kind: 'confirm', sidecarId, index, ticket, now: now() });
  }

  /** Handles ConfirmNode. */
  confirmNode(
    call: ServerUnaryCall<ConfirmNodeRequest, ConfirmNodeResponse>,
    answer: sendUnaryData<ConfirmNodeResponse>,
  ): void {
    const ticket = this.#wait(answer, (effect) => {
      if (effect.kind !== 'confirmNodeReply') return;
      if (effect.isConfirmed) answer(null, { position: toPosition(this.#options.viewPosition()) });
      else answer({ code: status.UNAVAILABLE, details: 'the node does not answer' });
    });
    if (ticket === undefined) return;
    const { submit, now } = this.#options;
    submit({ kind: 'confirmNode', nodeId: call.request.nodeId, ticket, now: now() });
  }

  #wait<Response>(
    answer: sendUnaryData<Response>,
    onEffect: (effect: ClusterReply) => void,
  ): number | undefined {
    if (this.#waiting.size >= WAITING_MAX) {
      answer({ code: status.RESOURCE_EXHAUSTED, details: 'too many calls wait' });
      return undefined;
    }
    this.#ticket += 1;
    this.#waiting.set(this.#ticket, { onEffect, fail: answer });
    return this.#ticket;
  }
}
