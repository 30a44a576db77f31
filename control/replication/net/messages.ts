/** Messages between replicas as they travel. What does not follow the protocol throws BadPeerMessage. */
import type {
  ExchangeRequest,
  Place,
  Seen,
} from '../../../proto/gen/miroir/replication/v1/replication.ts';
import type { Entry, LogPosition, ReplicaMessage, SeenPosition } from '../core/types.ts';
import { bufferOf, entryOf } from '../entries.ts';

/** What the other side sent is no message of a replica. */
export class BadPeerMessage extends Error {
  override name = 'BadPeerMessage';
}

type Wire = NonNullable<ExchangeRequest['message']>;
/** What is said besides `hello` and `beat`. */
export type WireMessage = Exclude<Wire, { $case: 'hello' } | { $case: 'beat' }>;
type Message<Kind> = Extract<ReplicaMessage, { kind: Kind }>;

/** To be sent. */
export function toWire(message: ReplicaMessage): WireMessage {
  switch (message.kind) {
    case 'append':
      return appendToWire(message);
    case 'ack': {
      const { epoch, storeId, index, chain, committed, round, sentMs } = message;
      const value = {
        epoch: BigInt(epoch),
        storeId,
        index: BigInt(index),
        chain: Buffer.from(chain, 'hex'),
        committed: toSeen(committed),
        round: BigInt(round),
        sentMs,
      };
      return { $case: 'ack', value };
    }
    case 'mismatch': {
      const { epoch, storeId, index, committed, round, sentMs } = message;
      const value = {
        epoch: BigInt(epoch),
        storeId,
        index: BigInt(index),
        committed: toSeen(committed),
        round: BigInt(round),
        sentMs,
      };
      return { $case: 'mismatch', value };
    }
    case 'refuse': {
      const { fence, committed } = message;
      return {
        $case: 'refuse',
        value: { fence: BigInt(fence), committed: toSeen(committed) },
      };
    }
    case 'ask':
      return { $case: 'ask', value: { askNo: BigInt(message.askNo) } };
    case 'tell': {
      const { askNo, storeId, fence, last, committed } = message;
      const value = {
        askNo: BigInt(askNo),
        storeId,
        fence: BigInt(fence),
        last: toPlace(last),
        committed: toSeen(committed),
      };
      return { $case: 'tell', value };
    }
    case 'released':
      return { $case: 'released', value: { epoch: BigInt(message.epoch) } };
  }
}

/** What was received. */
export function fromWire(wire: WireMessage): ReplicaMessage {
  const { value } = wire;
  switch (wire.$case) {
    case 'append':
      return appendFromWire(wire);
    case 'ack': {
      const { epoch, storeId, index, chain, committed, round, sentMs } = wire.value;
      return {
        kind: 'ack',
        epoch: whole(epoch),
        storeId,
        index: whole(index),
        chain: chain.toString('hex'),
        committed: fromSeen(committed),
        round: whole(round),
        sentMs,
      };
    }
    case 'mismatch': {
      const { epoch, storeId, index, committed, round, sentMs } = wire.value;
      return {
        kind: 'mismatch',
        epoch: whole(epoch),
        storeId,
        index: whole(index),
        committed: fromSeen(committed),
        round: whole(round),
        sentMs,
      };
    }
    case 'refuse': {
      const { fence, committed } = wire.value;
      return { kind: 'refuse', fence: whole(fence), committed: fromSeen(committed) };
    }
    case 'ask':
      return { kind: 'ask', askNo: whole(wire.value.askNo) };
    case 'tell': {
      const { askNo, storeId, fence, last, committed } = wire.value;
      return {
        kind: 'tell',
        askNo: whole(askNo),
        storeId,
        fence: whole(fence),
        last: fromPlace(last),
        committed: fromSeen(committed),
      };
    }
    case 'released':
      return { kind: 'released', epoch: whole(wire.value.epoch) };
    default:
      throw new BadPeerMessage(`unknown message ${JSON.stringify(value)}`);
  }
}

function appendToWire(message: Message<'append'>): WireMessage {
  const { epoch, clusterId, previous, entries, commitIndex, round, echoMs } = message;
  const value = {
    epoch: BigInt(epoch),
    clusterId,
    ...(previous === null ? {} : { previousIndex: BigInt(previous.index) }),
    previousChain: Buffer.from(previous?.chain ?? '', 'hex'),
    entries: entries.map(({ bytes }) => bufferOf(bytes)),
    firstIndex: BigInt(entries[0]?.index ?? 0),
    commitIndex: BigInt(commitIndex),
    round: BigInt(round),
    ...(echoMs < 0 ? {} : { echoMs }),
  };
  return { $case: 'append', value };
}

function appendFromWire({ value }: Extract<WireMessage, { $case: 'append' }>): ReplicaMessage {
  const { previousIndex, previousChain, firstIndex } = value;
  const previous =
    previousIndex === undefined
      ? null
      : { index: whole(previousIndex), chain: previousChain.toString('hex') };
  const first = whole(firstIndex);
  if (value.entries.length > 0 && previous?.index !== first - 1) {
    throw new BadPeerMessage('entries follow the one that is named');
  }
  const entries = value.entries.map((bytes, place): Entry => {
    if (bytes.length < ENTRY_BYTES_MIN) throw new BadPeerMessage('an entry is too short');
    return entryOf(first + place, bytes);
  });
  return {
    kind: 'append',
    epoch: whole(value.epoch),
    clusterId: value.clusterId,
    previous,
    entries,
    commitIndex: whole(value.commitIndex),
    round: whole(value.round),
    echoMs: value.echoMs ?? -1,
  };
}

const ENTRY_BYTES_MIN = 28;

function toPlace({ epoch, index }: LogPosition): Place {
  return { epoch: BigInt(epoch), index: BigInt(index) };
}

function fromPlace(place: Place | undefined): LogPosition {
  if (place === undefined) throw new BadPeerMessage('a place is missing');
  return { epoch: whole(place.epoch), index: whole(place.index) };
}

function toSeen({ clusterId, epoch, index }: SeenPosition): Seen {
  return { clusterId, epoch: BigInt(epoch), index: BigInt(index) };
}

function fromSeen(seen: Seen | undefined): SeenPosition {
  if (seen === undefined) throw new BadPeerMessage('a position is missing');
  return { clusterId: seen.clusterId, epoch: whole(seen.epoch), index: whole(seen.index) };
}

function whole(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new BadPeerMessage(`${value} is no number of ours`);
  return number;
}
