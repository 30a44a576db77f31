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
  // Or whoever takes over waits for it in vain.
  const released = recordOf('n', { leader: '', leaderAddress: '', resigned: 'a' });
  assert.equal(decodeRecord(encodeRecord(released)), released);
});

test('who handed over is part of it', () => {
  const record = recordOf('n', { leader: '', resigned: 'b' });
  assert.equal(decodeRecord(encodeRecord(record)), record);
  assert.type(read({ ...record, resigned: 7 }), 'string');
});

test('what a newer program adds is kept', () => {
  const newer = { ...recordOf('n'), quorum: 3, members: [{ ...MEMBER, zone: 'a' }] };
  assert.equal(read(newer), newer);
});

const MEMBER = { id: 'a', address: 'a:1', role: 'voter' } as const;

test('every field is needed and has its type', () => {
  const { resigned: _, ...needed } = recordOf('n');
  for (const name of Object.keys(needed)) {
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
