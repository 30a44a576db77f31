/**
 * Goal: the judge of the chaos runs sees what it is there for: lost, failed and misplaced writes, order
 * against real time, reads that go back, documents that nobody wrote.
 * Method: histories made by hand, one fault each.
 */
import * as assert from 'uvu/assert';
import { History, type WriteEvent } from '../../chaos/history.ts';
import { judgeReads, judgeWrites, replay } from '../../chaos/judge.ts';
import { canonical, Model } from '../../chaos/model.ts';
import { drawOperation, type Operation, type Verb } from '../../chaos/operation.ts';
import { Rng } from '../../chaos/rng.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('judge of chaos');
const KEY = 'k7';

test('a history without fault has none', () => {
  const { history, faults } = told([
    { verb: 'replace', uid: 0, acknowledged: 0 },
    { verb: 'update', uid: 1, acknowledged: 1 },
    { verb: 'delete', uid: 2 },
  ]);
  assert.equal([faults, judgeWrites(history), judgeReads(history)], [[], [], []]);
});

test('an acknowledged write that is lost, failed, moved or doubled is named', () => {
  const cases: [Told[], RegExp][] = [
    [[{ verb: 'replace', acknowledged: 0 }], /lost/],
    [[{ verb: 'replace', uid: 0, acknowledged: 0, status: 'failed' }], /acknowledged and failed/],
    [[{ verb: 'replace', uid: 1, acknowledged: 0 }], /was acknowledged as 0 and is 1/],
  ];
  for (const [writes, words] of cases) {
    assert.match(judgeWrites(told(writes).history).join('\n'), words);
  }
  const twice = told([{ verb: 'replace', uid: 0 }]);
  const [event] = twice.history.writes.values();
  const again = task(1, event);
  assert.match(replay(twice.history, new Model(), [again]).join(), /took two places/);
});

test('a task that does not end, and uids that do not rise, are named', () => {
  const history = new History();
  const faults = replay(history, new Model(), [
    { uid: 1, status: 'processing', type: 'x', error: null },
    { uid: 1, status: 'succeeded', type: 'x', error: null },
  ]);
  assert.match(faults.join('\n'), /stuck/);
  assert.match(faults.join('\n'), /listed after/);
});

test('a write answered before another began must be before it', () => {
  const { history } = told([
    { verb: 'replace', uid: 5, acknowledged: 5, begunAtMs: 0, answeredAtMs: 1 },
    { verb: 'replace', uid: 4, acknowledged: 4, begunAtMs: 2, answeredAtMs: 3 },
  ]);
  assert.match(judgeWrites(history).join(), /is before it/);
});

test('a read after the end of a later write must not show the earlier one', () => {
  const { history, names } = told([
    { verb: 'replace', uid: 0, acknowledged: 0, finishedAtMs: 5 },
    { verb: 'delete', uid: 1, acknowledged: 1, finishedAtMs: 10 },
  ]);
  const index = [...history.writes.values()][0]?.operation.index ?? '';
  const read = (op: string | null, begunAtMs: number, isLabelled = false): string[] => {
    history.reads.length = 0;
    history.reads.push({ index, id: KEY, begunAtMs, op, isLabelled });
    return judgeReads(history);
  };
  assert.is(read(names[0] ?? '', 20).length, 1, 'resurrected');
  assert.equal(read(null, 20), []);
  assert.equal(read(names[0] ?? '', 7), [], 'the deletion was not known to be done');
  assert.equal(read(names[0] ?? '', 20, true), [], 'the answer said that it may be old');
});

test('the model: failed writes over several documents leave both states possible, others none', () => {
  const model = new Model();
  const several = operation('replaceMany', 'a');
  const [first = ''] = several.keys ?? [];
  model.applyMaybe(several);
  assert.is(model.statesOf(several.index, first).length, 2);
  assert.ok(model.settle(several.index, first, null));
  assert.not.ok(model.settle(several.index, first, { id: first, op: 'other' }));
  const one = operation('replace', 'b');
  model.apply(one);
  assert.ok(model.settle(one.index, KEY, one.apply(KEY, null)));
  assert.not.ok(model.settle(one.index, KEY, null), 'an acknowledged document is missing');
});

test('every verb is drawn, and says what it does to a document', () => {
  const rng = new Rng(7);
  const verbs = new Set<string>();
  for (let at = 0; at < 500; at += 1) {
    const drawn = drawOperation(rng, `o${at}`);
    verbs.add(drawn.verb);
    assert.match(drawn.path, new RegExp(`customMetadata=o${at}(&|$)`));
  }
  assert.is(verbs.size, 11);
  const before = { id: KEY, color: 'red', n: 1 };
  const merged = operation('update', 'c').apply(KEY, before);
  assert.is(merged?.['color'], 'red');
  assert.is(operation('updateExisting', 'd').apply(KEY, null), null);
  assert.is(operation('delete', 'e').apply(KEY, before), null);
});

test('canonical text knows no order of fields', () => {
  assert.is(canonical({ b: [1, { d: 1, c: null }], a: 'x' }), '{"a":"x","b":[1,{"c":null,"d":1}]}');
});

run();

interface Told {
  readonly verb: Verb;
  /** Place of its task; none: it took no place. */
  readonly uid?: number;
  readonly acknowledged?: number;
  readonly status?: string;
  readonly begunAtMs?: number;
  readonly answeredAtMs?: number;
  readonly finishedAtMs?: number;
}

function operation(verb: Verb, name: string): Operation {
  // One seed for all: they concern one index.
  return drawOperation(new Rng(3), name, { verb, key: KEY });
}

function told(writes: readonly Told[]): {
  readonly history: History;
  readonly names: string[];
  readonly faults: string[];
} {
  const history = new History();
  const tasks = writes.flatMap((write, at) => {
    const event = history.begin(operation(write.verb, `w${at}`));
    Object.assign(event, {
      begunAtMs: write.begunAtMs ?? at * 2,
      answeredAtMs: write.answeredAtMs ?? at * 2 + 1,
      taskUid: write.acknowledged,
      finishedAtMs: write.finishedAtMs,
    });
    return write.uid === undefined ? [] : [task(write.uid, event, write.status)];
  });
  const faults = replay(history, new Model(), tasks);
  return { history, names: [...history.writes.keys()], faults };
}

function task(uid: number, event: WriteEvent | undefined, status = 'succeeded') {
  return {
    uid,
    status,
    type: 'documentAdditionOrUpdate',
    error: status === 'succeeded' ? null : { code: 'internal', message: 'm' },
    customMetadata: event?.operation.name ?? '',
  };
}
