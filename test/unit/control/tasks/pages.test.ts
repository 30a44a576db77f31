/**
 * Goal: tasks come back from pages as they come back from their records, also when some have no page yet.
 */
import * as assert from 'uvu/assert';
import { takeChanges } from '../../../../control/machine/encode.ts';
import { loadState } from '../../../../control/machine/index.ts';
import { type ClusterRecord, State, type TaskRecord } from '../../../../control/state/index.ts';
import { addTask, groupFor, updateTask } from '../../../../control/tasks/index.ts';
import { suite } from '../../../kit/suite.ts';
import { Disk } from '../../../sim/disk.ts';

const { test, run } = suite('pages of tasks');

const PLACEMENT = {
  shardCount: 1,
  spread: 1,
  replicationFactor: 1,
  minCopies: 1,
  quorum: 'in_sync',
} as const;
const CLUSTER = { id: 'c', createdAt: '', nodes: [], keys: [] } as never as ClusterRecord;

/** A machine of tasks alone, and its disk. */
class Machine {
  readonly disk = new Disk();
  state = new State(CLUSTER, PLACEMENT);
  /** Pages that the last commit wrote. */
  written = 0;

  add(count: number): void {
    for (let at = 0; at < count; at += 1) {
      const uid = this.state.summaries.length;
      addTask(this.state, {
        uid,
        batchUid: null,
        group: uid % 5 === 0 ? null : groupFor(this.state, `index-${uid % 3}`, uid),
        status: 'enqueued',
        type: uid % 4 === 0 ? 'indexSwap' : 'documentAdditionOrUpdate',
        canceledBy: null,
        details: null,
        newNameGroup: null,
        swapGroups: uid % 4 === 0 ? [{ groups: [0, 1], rename: false }] : [],
        error: null,
        enqueuedAt: '2026-11-23T19:39:03.51601509Z',
        startedAt: null,
        finishedAt: null,
        customMetadata: null,
      });
      this.state.open.set(uid, {} as never);
    }
    this.commit();
  }

  finish(uids: readonly number[]): void {
    for (const uid of uids) {
      const task = this.state.tasks.get(uid) as TaskRecord;
      task.status = (['succeeded', 'failed', 'canceled'] as const)[uid % 3] as TaskRecord['status'];
      task.batchUid = Math.floor(uid / 2);
      task.canceledBy = uid % 3 === 2 ? uid + 1 : null;
      task.startedAt = uid % 7 === 0 ? null : '2026-11-23T19:39:04.1Z';
      task.finishedAt = '2026-11-23T19:39:05.25Z';
      if (uid % 11 === 0) {
        task.error = { code: 'miroir_write_abandoned', message: '', type: '', link: '' } as never;
        this.state.givenUp.add(uid);
      }
      updateTask(this.state, task);
      this.state.open.delete(uid);
    }
    this.commit();
  }

  commit(): void {
    // Intents are no part of this.
    this.state.touchedIntents.clear();
    const changes = takeChanges(this.state);
    this.written = changes.filter(({ key }) => key.startsWith('p/')).length;
    this.disk.commit(changes, 1);
  }

  loaded(disk: Pick<Disk, 'get' | 'range'> = this.disk): State {
    const now = { wallNs: 0n, steadyMs: 0 };
    return loadState(disk, CLUSTER, { placement: PLACEMENT, now });
  }
}

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first }, (_, at) => first + at);

function same(machine: Machine): void {
  const { disk } = machine;
  const loaded = machine.loaded();
  const fromRecords = machine.loaded({
    get: (key) => disk.get(key),
    range: (prefix) => disk.range(prefix === 'p/' ? 'none' : prefix),
  });
  assert.equal(loaded.summaries, machine.state.summaries);
  assert.equal(fromRecords.summaries, machine.state.summaries);
  assert.equal([...loaded.givenUp], [...fromRecords.givenUp]);
  assert.is(loaded.nextBatchUid, fromRecords.nextBatchUid);
  assert.is(loaded.nextSeq, machine.state.summaries.length);
}

test('a page is written when the last of its tasks is final, and only then', () => {
  const machine = new Machine();
  machine.add(100);
  machine.finish(numbers(0, 31));
  assert.is(machine.written, 0);
  same(machine);
  machine.finish([31, ...numbers(40, 70)]);
  assert.is(machine.written, 1);
  same(machine);
  machine.finish(numbers(70, 100));
  assert.is(
    machine.written,
    1,
    'the third page; the second has open tasks, the fourth is not full',
  );
  same(machine);
  assert.equal(machine.loaded().missingPages.size, 0);
  machine.finish(numbers(32, 40));
  assert.is(machine.written, 1);
  same(machine);
});

test('a task that changes after all changes its page', () => {
  const machine = new Machine();
  machine.add(64);
  machine.finish(numbers(0, 64));
  const late = JSON.parse(String(machine.disk.get('t/000000000005'))) as TaskRecord;
  late.finishedAt = '2026-11-24T00:00:00Z';
  machine.state.tasks.set(5, late);
  updateTask(machine.state, late);
  machine.commit();
  assert.is(machine.written, 1);
  same(machine);
});

test('data without pages gets them, some with each commit', () => {
  const machine = new Machine();
  machine.add(5_000);
  machine.finish(numbers(0, 4_990));
  const { disk } = machine;
  for (const { key } of [...disk.range('p/')]) disk.commit([{ key, value: undefined }], 1);
  machine.state = machine.loaded();
  assert.is(machine.state.missingPages.size, Math.floor(4_990 / 32));
  const written: number[] = [];
  while (machine.state.missingPages.size > 0) {
    machine.commit();
    written.push(machine.written);
    same(machine);
  }
  assert.equal(written, [64, 64, 27]);
});

run();
