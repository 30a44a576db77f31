/**
 * Which services are served now. The gRPC server listens for as long as the process lives; who answers
 * changes: the leader serves everything, a follower the view alone. A call that nobody here takes is refused
 * untouched, with the trailing metadata `miroir-leader` (host:port, empty if it is not known), so that its
 * caller may make it there whatever it is.
 */
import {
  Metadata,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

const LEADER_KEY = 'miroir-leader';
/** Metadata of a call: the highest position its caller has seen, `epoch.index`. */
const SEEN_KEY = 'miroir-seen';

/** Handlers by service. A method that has none is refused. */
export type Services = ReadonlyMap<ServiceDefinition, UntypedServiceImplementation>;

/** What an ended call gets. */
export interface CallError {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** Ends calls that a leader which leads no more may have taken: their callers have to find out. */
export const LEADS_NO_MORE: CallError = {
  code: status.UNAVAILABLE,
  details: 'this replica of control does not lead any more',
};

/** This replica does not lead: the call was not looked at. */
export function notLeading(leaderAddress: string): CallError {
  const metadata = new Metadata();
  metadata.set(LEADER_KEY, leaderAddress);
  return { code: status.UNAVAILABLE, details: 'this replica of control does not lead', metadata };
}

/** Who serves now. */
export interface Serving {
  readonly current: () => Services;
  readonly leaderAddress: () => string;
  /** A caller has seen this position. False if whoever serves here must not answer it. */
  readonly hasSeen: (epoch: number, index: number) => boolean;
}

/** Handlers of a service that pass each call on to whoever serves it at that moment. */
export function switched(
  definition: ServiceDefinition,
  { current, leaderAddress, hasSeen }: Serving,
): UntypedServiceImplementation {
  const handlers: UntypedServiceImplementation = {};
  for (const [name, { requestStream, responseStream }] of Object.entries(definition)) {
    // biome-ignore lint/suspicious/noExplicitAny: calls of four kinds pass through
    handlers[name] = (call: any, answer?: (error: CallError) => void) => {
      const isKnown = isSeen(call.metadata, hasSeen);
      const handler = current().get(definition)?.[name] as
        | ((call: unknown, answer?: unknown) => void)
        | undefined;
      if (handler !== undefined && isKnown) handler(call, answer);
      else if (responseStream) endStream(call, requestStream, notLeading(leaderAddress()));
      else answer?.(notLeading(leaderAddress()));
    };
  }
  return handlers;
}

function isSeen(metadata: Metadata, hasSeen: Serving['hasSeen']): boolean {
  const [seen] = metadata.get(SEEN_KEY);
  if (seen === undefined) return true;
  const [epoch, index] = seen.toString().split('.').map(Number);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(index)) return true;
  return hasSeen(Number(epoch), Number(index));
}

function endStream(
  call: { emit(event: 'error', error: CallError): void; resume(): void },
  hasRequests: boolean,
  error: CallError,
): void {
  // What the peer still sends is read and forgotten, or its end is never seen.
  if (hasRequests) call.resume();
  call.emit('error', error);
}
