/**
 * Changes on their way through the machine: each waits for the commit that holds it and its audit entry. A
 * change that was refused before it came to the machine leaves an entry, too.
 */
import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { AdminCommand, AdminReply, AuditInput, MachineEvent, Now } from '../../state/index.ts';
import { type CallContext, type CallsOptions, unary } from './calls.ts';
import { AdminError, leadsNoMore, refusalError } from './errors.ts';

const WAITING_MAX = 1_000;
const REQUEST_CHARS_MAX = 1_000;

/** What changes need. */
export interface ChangesOptions {
  readonly submit: (event: MachineEvent) => void;
  readonly now: () => Now;
}

interface Waiting {
  readonly resolve: (reply: AdminReply) => void;
  readonly reject: (error: Error) => void;
}

/** Errors that have their audit entry already. */
const audited = new WeakSet<AdminError>();

/** Sends changes to the machine. */
export class Changes {
  readonly #options: ChangesOptions;
  readonly #waiting = new Map<number, Waiting>();
  #nextTicket = 1;
  #isClosed = false;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** Makes a change; the number of the job it is about, if any. Throws AdminError. */
  async make(command: AdminCommand, audit: AuditInput): Promise<number | null> {
    const reply = await this.#ask(command, audit);
    if (reply.kind === 'done') return reply.job;
    const error = refusalError(reply.refusal, { target: audit.target });
    audited.add(error);
    throw error;
  }

  /** The commit is there. */
  answer(ticket: number, reply: AdminReply): void {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    waiting?.resolve(reply);
  }

  /** No commit follows any more. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(leadsNoMore());
    this.#waiting.clear();
  }

  #ask(command: AdminCommand, audit: AuditInput): Promise<AdminReply> {
    if (this.#isClosed) return Promise.reject(leadsNoMore());
    if (this.#waiting.size >= WAITING_MAX) {
      const words = 'Too many changes wait. Try again.';
      const options = { status: status.RESOURCE_EXHAUSTED };
      return Promise.reject(new AdminError('miroir_overloaded', words, options));
    }
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ticket, { resolve, reject });
      this.#options.submit({ kind: 'admin', command, audit, ticket, now: this.#options.now() });
    });
  }
}

/** A call that changes something. */
export interface ChangeCall<Request, Response> {
  /** Name of the call, for the audit. */
  readonly action: string;
  /** What it is about: id of a node, a job, a replica. */
  readonly target: (request: Request) => string;
  /** Answers what would be done, and does nothing. Throws AdminError if it would be refused. */
  readonly plan?: (request: Request, context: CallContext) => Promise<Response> | Response;
  /** Does it. `audit` goes into the machine with the change. */
  readonly run: (request: Request, context: CallContext, audit: AuditInput) => Promise<Response>;
}

/** A handler that audits. Dry runs (`dryRun` in the request) are not audited. */
export function changing<Request, Response>(
  options: CallsOptions & { readonly changes: Changes },
  call: ChangeCall<Request, Response>,
): ReturnType<typeof unary<Request, Response>> {
  return unary<Request, Response>(options, async (request, context) => {
    const isDryRun = (request as { readonly dryRun?: boolean }).dryRun === true;
    if (isDryRun && call.plan !== undefined) return call.plan(request, context);
    const audit: AuditInput = {
      actor: context.caller.name,
      peer: context.caller.peer,
      action: call.action,
      target: call.target(request),
      requestJson: requestText(request),
      requestId: context.requestId === '' ? randomUUID() : context.requestId,
    };
    try {
      return await call.run(request, context, audit);
    } catch (error) {
      if (
        error instanceof AdminError &&
        !audited.has(error) &&
        error.status !== status.UNAVAILABLE
      ) {
        await options.changes.make({ kind: 'note', outcome: error.code }, audit);
      }
      throw error;
    }
  });
}

function requestText(request: unknown): string {
  const text = JSON.stringify(request, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return text.slice(0, REQUEST_CHARS_MAX);
}
