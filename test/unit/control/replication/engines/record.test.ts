/**
 * Goal: a record reads as it was written, one of a newer program reads too, a damaged one never does.
 * Method: each field is taken away or given another type.
 */
import * as assert from 'uvu/assert';
import { decodeRecord, encodeRecord } from '../../../../../control/replication/engines/record.ts';
import { suite } from '../../../../kit/suite.ts';
import { recordOf } from './contract.ts';

const { test, run } = suite('engine: record');

const read = (value: unknown) => decodeRecord(JSON.stringify(value));

test('as written', () => {
  assert.equal(decodeRecord(encodeRecord(recordOf('n'))), recordOf('n'));
  const empty = recordOf('n', { isr: [], members: [], leader: '', leaderAddress: '', epoch: 0 });
  assert.equal(decodeRecord(encodeRecord(empty)), empty);
});

test('what a newer program adds is dropped', () => {
  const newer = { ...recordOf('n'), quorum: 3, members: [{ ...MEMBER, zone: 'a' }] };
  assert.equal(read(newer), recordOf('n', { members: [MEMBER] }));
});

const MEMBER = { id: 'a', address: 'a:1', role: 'voter' } as const;

test('every field is needed and has its type', () => {
  for (const name of Object.keys(recordOf('n'))) {
    for (const bad of [undefined, null, true, {}, name === 'nonce' ? 7 : 'x7', -1, 1.5, [7]]) {
      const isText = ['clusterId', 'leader', 'leaderAddress', 'nonce'].includes(name);
      if (isText && typeof bad === 'string') continue;
      const record = read({ ...recordOf('n'), [name]: bad });
      assert.type(record, 'string', `${name} ${JSON.stringify(bad)}`);
    }
  }
  for (const members of [[{ ...MEMBER, role: 'king' }], [{ ...MEMBER, id: 1 }], [null]]) {
    assert.type(read({ ...recordOf('n'), members }), 'string');
  }
  assert.type(read({ ...recordOf('n'), isr: [{ id: 'a' }] }), 'string');
});

test('an empty list of the in-sync set is a record', () => {
  assert.equal(read(recordOf('n', { isr: [] })), recordOf('n', { isr: [] }));
});

run();
