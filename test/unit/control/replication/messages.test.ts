/**
 * Goal: what one replica says is what the other hears, and what no replica says is refused.
 * Method: every kind of message over the wire's bytes and back.
 */
import * as assert from 'uvu/assert';
import type { ReplicaMessage } from '../../../../control/replication/core/index.ts';
import { entryOf, hexOf } from '../../../../control/replication/entries.ts';
import { BadPeerMessage, fromWire, toWire } from '../../../../control/replication/net/messages.ts';
import { encodeEntry } from '../../../../control/store/index.ts';
import { ExchangeRequest } from '../../../../proto/gen/miroir/replication/v1/replication.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('messages between replicas');

const chain = '00112233445566778899aabbccddeeff';
const committed = { clusterId: 'c1.2', epoch: 3, index: 9 };

test('each message arrives as it was sent', () => {
  const { bytes } = encodeEntry(7n, Buffer.from(chain, 'hex'), [
    { key: 'k', value: Buffer.from('v') },
  ]);
  const entries = [entryOf(11, bytes), entryOf(12, bytes)];
  const round = 4;
  const append = { kind: 'append', epoch: 7, clusterId: 'c1.2', commitIndex: 9, round } as const;
  const messages: ReplicaMessage[] = [
    { ...append, previous: { index: 10, chain }, entries, echoMs: 12.5 },
    { ...append, previous: null, entries: [], echoMs: -1 },
    { kind: 'ack', epoch: 7, storeId: 's', index: 12, chain, committed, round, sentMs: 0.25 },
    { kind: 'mismatch', epoch: 7, storeId: 's', index: 0, committed, round: 0, sentMs: 1 },
    { kind: 'refuse', fence: 2 ** 40, committed },
    { kind: 'ask', askNo: 5 },
    { kind: 'tell', askNo: 5, storeId: 's', fence: 8, last: { epoch: 7, index: 12 }, committed },
    { kind: 'released', epoch: 7 },
  ];
  for (const message of messages) {
    const wire = ExchangeRequest.encode({ message: toWire(message) }).finish();
    const heard = ExchangeRequest.decode(wire).message as Parameters<typeof fromWire>[0];
    assert.equal(fromWire(heard), message);
  }
  assert.is(entries[0]?.epoch, 7);
  assert.is(entries[0]?.chain, hexOf(bytes.subarray(8, 24)));
});

test('entries that do not follow what is named, too short ones and huge numbers are refused', () => {
  const value = {
    epoch: 1n,
    clusterId: 'c',
    previousIndex: 4n,
    previousChain: Buffer.alloc(16),
    entries: [Buffer.alloc(28)],
    firstIndex: 5n,
    commitIndex: 0n,
    round: 0n,
  };
  const read = (changes: object) => fromWire({ $case: 'append', value: { ...value, ...changes } });
  assert.is(read({}).kind, 'append');
  const isBad = (error: unknown) => error instanceof BadPeerMessage;
  assert.throws(() => read({ firstIndex: 6n }), isBad);
  assert.throws(() => read({ previousIndex: undefined }), isBad);
  assert.throws(() => read({ entries: [Buffer.alloc(27)] }), isBad);
  assert.throws(() => read({ epoch: 2n ** 60n }), isBad);
  assert.throws(
    () => fromWire({ $case: 'refuse', value: { fence: 1n, committed: undefined } }),
    isBad,
  );
});

run();
