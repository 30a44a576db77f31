/**
 * Begin, Renew and Report of one process over one stream to control (`Talk`). The stream is opened by the
 * first call and again by the first after it broke; a break fails every call that waits, as the loss of
 * its connection would have failed a call by itself.
 */
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { TalkRequest, TalkResponse } from '../../proto/gen/miroir/write/v1/write.ts';
import type { UnaryLimits } from './channel.ts';

type TalkStream = ClientDuplexStream<TalkRequest, TalkResponse>;
type CallBody = Exclude<NonNullable<TalkRequest['call']>, { $case: 'cancel' }>;
type Answer = Exclude<NonNullable<TalkResponse['answer']>, { $case: 'failure' }>;

/** Calls that may wait for their answers at once. */
const WAITING_MAX = 8_192;
const ID_MAX = 2 ** 32;

interface Waiting {
  readonly resolve: (answer: TalkResponse['answer']) => void;
  readonly reject: (error: unknown) => void;
}

/** The calls of one process. */
export class CallStream {
  readonly #open: () => TalkStream;
  readonly #waiting = new Map<number, Waiting>();
  #stream: TalkStream | undefined;
  #id = 0;

  constructor(open: () => TalkStream) {
    this.#open = open;
  }

  /** Makes one call; rejects with what a call by itself would: a ServiceError. An abort cancels it. */
  call(body: CallBody, limits: UnaryLimits): Promise<Answer> {
    const { signal, deadlineMs } = limits;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#waiting.size >= WAITING_MAX) {
      return Promise.reject(failure(status.RESOURCE_EXHAUSTED, 'too many calls wait'));
    }
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(id);
      };
      const giveUp = (error: unknown): void => {
        end();
        this.#stream?.write({ id, call: { $case: 'cancel', value: {} } });
        reject(error);
      };
      const onAbort = (): void => giveUp(failure(status.CANCELLED, 'given up'));
      const timer = setTimeout(
        () => giveUp(failure(status.DEADLINE_EXCEEDED, `no answer within ${deadlineMs} ms`)),
        deadlineMs,
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, {
        resolve: (answer) => {
          end();
          if (answer === undefined || answer.$case !== body.$case) reject(failureOf(answer));
          else resolve(answer);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      this.#connected().write({ id, call: body });
    });
  }

  close(): void {
    this.#end(failure(status.CANCELLED, 'closed'));
  }

  /** Breaks the stream: whoever waits for it asks again. */
  break(): void {
    this.#end(failure(status.UNAVAILABLE, 'another replica leads'));
  }

  #end(error: ServiceError): void {
    this.#stream?.end();
    this.#stream = undefined;
    this.#failAll(error);
  }

  #nextId(): number {
    do this.#id = (this.#id + 1) % ID_MAX;
    while (this.#waiting.has(this.#id));
    return this.#id;
  }

  #connected(): TalkStream {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.#open();
    this.#stream = stream;
    stream.on('data', ({ id, answer }: TalkResponse) => this.#waiting.get(id)?.resolve(answer));
    const broken = (error: ServiceError): void => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      this.#failAll(error);
    };
    stream.on('error', (error: ServiceError) => broken(brokenStream(error)));
    stream.on('end', () => broken(failure(status.UNAVAILABLE, 'control ended the stream')));
    return stream;
  }

  #failAll(error: unknown): void {
    for (const waiting of [...this.#waiting.values()]) waiting.reject(error);
  }
}

/** However a stream broke, control could not be reached; unless it does not know such streams. */
function brokenStream(error: ServiceError): ServiceError {
  if (error.code === status.UNIMPLEMENTED) return error;
  // Who refuses it may name the leader in its metadata.
  const { details, metadata } = error;
  return Object.assign(failure(status.UNAVAILABLE, details), { metadata });
}

function failureOf(answer: TalkResponse['answer']): ServiceError {
  if (answer?.$case !== 'failure') return failure(status.INTERNAL, 'an answer of another kind');
  return failure(answer.value.code, answer.value.details);
}

function failure(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details }) as ServiceError;
}
