/**
 * Goal: what writes do to the catalog, what control sends to nodes for it, and what the task then says.
 * Method: events into the reducer, effects and state looked at; no clock, disk or network.
 */
import * as assert from 'uvu/assert';
import type { BeginInput } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand, replyTo } from './lane-hand.ts';

const NODES = ['n1', 'n2', 'n3'];
const { test, run } = suite('lane and catalog');

test('the first write waits for its index on all nodes, and others with it', () => {
  const hand = new Hand();
  const first = hand.begin(addition('movies', '1'));
  const second = hand.begin(addition('movies', '2'));
  assert.is(first.reply, undefined);
  assert.is(second.reply, undefined);
  const calls = hand.runSteps();
  assert.equal(
    calls.map(({ nodeId, method, path }) => `${nodeId} ${method} ${path}`).sort(),
    ['n1', 'n2', 'n3'].flatMap((id) => [
      `${id} PATCH /indexes/movies/settings`,
      `${id} POST /indexes`,
    ]),
  );
  assert.is(
    calls.find(({ path }) => path === '/indexes')?.body,
    '{"uid":"movies","primaryKey":"id"}',
  );
  assert.is(granted(replyTo(hand.effects, first.ticket)), 0);
  assert.is(granted(replyTo(hand.effects, second.ticket)), 1);
});

test('an index is seen when the write that made it is over, whatever became of the documents', () => {
  const hand = new Hand();
  const { ticket } = hand.begin(addition('movies', '1'));
  assert.is(hand.state.entryOf('movies')?.isVisible, false);
  hand.runSteps();
  hand.endAll();
  const seq = granted(replyTo(hand.effects, ticket));
  hand.report(seq, hand.acks(seq));
  hand.endAll('failed', 'invalid_document_geo_field');
  assert.is(hand.state.summaries[seq]?.status, 'failed');
  assert.is(hand.state.entryOf('movies')?.isVisible, true);
});

test('what one node would fail fails here, without a call', () => {
  const hand = new Hand();
  const cases: [Partial<BeginInput>, string][] = [
    [{ kind: 'documentsDeleteAll', indexUid: 'none', touchesAllShards: true }, 'index_not_found'],
    [{ kind: 'indexDelete', indexUid: 'none' }, 'index_not_found'],
    [{ kind: 'indexUpdate', indexUid: 'none', body: { uid: 'x' } }, 'index_not_found'],
    [{ kind: 'indexSwap', indexUid: '', body: [{ indexes: ['a', 'b'] }] }, 'index_not_found'],
    [{ ...addition('none', '1'), mayCreateIndex: false }, 'index_not_found'],
    [
      { kind: 'settingsUpdate', indexUid: 'none', mayCreateIndex: false, body: {} },
      'index_not_found',
    ],
  ];
  for (const [input, code] of cases) {
    const { reply } = hand.begin(input);
    assert.is(reply?.kind, 'settled', input.kind);
    const seq = reply?.kind === 'settled' ? reply.seq : -1;
    assert.is(hand.state.summaries[seq]?.status, 'failed', `${input.kind} fails with ${code}`);
  }
  assert.not.ok(hand.effects.some((effect) => effect.kind === 'runStep'));
  hand.create('movies');
  hand.begin({ kind: 'indexCreate', indexUid: 'movies', body: { uid: 'movies' } });
  assert.is(hand.state.summaries.at(-1)?.status, 'failed');
});

test('a failure the gateway foresaw still makes the index where one node would', () => {
  const hand = new Hand();
  const failure = { message: 'm', code: 'missing_document_id', type: 'invalid_request', link: '' };
  const { reply } = hand.begin({ ...addition('movies', '1'), failure, failureCreatesIndex: true });
  assert.is(reply?.kind, 'settled');
  assert.is(hand.state.summaries[0]?.status, 'enqueued');
  hand.runSteps();
  hand.endAll();
  assert.is(hand.state.summaries[0]?.status, 'failed');
  const entry = hand.state.entryOf('movies');
  assert.is(entry?.isVisible, true);
  assert.is(entry?.index.primaryKey, null);
});

test('an empty payload makes the index and succeeds', () => {
  const hand = new Hand();
  const { reply } = hand.begin({ indexUid: 'movies' });
  assert.is(reply?.kind, 'settled');
  hand.runSteps();
  hand.endAll();
  assert.is(hand.state.summaries[0]?.status, 'succeeded');
  assert.is(hand.state.entryOf('movies')?.index.primaryKey, null);
});

test('an index deleted and made again is another index, in lane order on the nodes', () => {
  const hand = new Hand();
  hand.create('movies');
  const before = hand.state.entryOf('movies')?.index.id;
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  const { ticket } = hand.begin(addition('movies', '1'));
  const calls = hand.runSteps().filter((call) => call.nodeId === 'n1');
  assert.equal(
    calls.map((call) => call.method),
    ['DELETE', 'DELETE', 'POST', 'PATCH'],
    'what a node may have brought back goes first',
  );
  const seq = granted(replyTo(hand.effects, ticket));
  assert.is(hand.state.entryOf('movies')?.index.id, before, 'readers still see the first');
  hand.report(seq, hand.acks(seq));
  hand.endAll();
  assert.is.not(hand.state.entryOf('movies')?.index.id, before);
});

test('a swap renames the one index on a node that does not hold the other', () => {
  const hand = new Hand(1);
  const owner = (uid: string) => hand.state.entryOf(uid)?.index.nodeIds[0] ?? '';
  hand.create('a');
  let other = 'b';
  for (let at = 0; owner(other) === '' || owner(other) === owner('a'); at += 1) {
    other = `b${at}`;
    hand.create(other);
  }
  const [ownerA, ownerB] = [owner('a'), owner(other)];
  hand.effects = [];
  hand.begin({ kind: 'indexSwap', indexUid: '', body: [{ indexes: ['a', other] }] });
  const calls = hand.runSteps();
  const of = (nodeId: string) =>
    calls.flatMap((call) => (call.nodeId === nodeId ? [`${call.path} ${call.body}`] : []));
  const rename = (...indexes: string[]) =>
    `/swap-indexes ${JSON.stringify([{ indexes, rename: true }])}`;
  assert.equal(of(ownerA), [rename('a', other)]);
  assert.equal(of(ownerB), [rename(other, 'a')]);
  hand.endAll();
  assert.is(owner('a'), ownerB);
  assert.is(owner(other), ownerA);
});

test('a swap makes what is to be made anew on a node first', () => {
  const hand = new Hand('all');
  hand.create('a');
  hand.create('b');
  const index = hand.state.entryOf('b')?.index;
  if (index === undefined) throw new Error('b was made');
  index.needs = { n1: 'rebuild' };
  hand.begin({ kind: 'indexSwap', indexUid: '', body: [{ indexes: ['a', 'b'] }] });
  const calls = hand.runSteps().map(({ nodeId, path }) => `${nodeId} ${path}`);
  const swaps = ['n1', 'n2', 'n3'].map((id) => `${id} /swap-indexes`);
  assert.equal(calls.sort(), ['n1 /indexes', ...swaps]);
});

test('settings in force follow the tasks, failed changes leave no trace', () => {
  const hand = new Hand();
  hand.create('movies');
  const change = (body: object) =>
    hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: body as never });
  change({ stopWords: ['a'], displayedAttributes: ['x'] });
  const index = () => hand.state.entryOf('movies')?.index;
  assert.equal(index()?.settings, {});
  hand.runSteps();
  hand.endAll();
  assert.equal(index()?.settings, { stopWords: ['a'], displayedAttributes: ['x'] });
  assert.is(index()?.settingsVersion, 1);
  change({ stopWords: null, synonyms: 5 });
  hand.runSteps();
  hand.endAll('failed', 'invalid_settings_synonyms');
  assert.equal(index()?.settings, { stopWords: ['a'], displayedAttributes: ['x'] });
  assert.is(index()?.settingsVersion, 1);
  assert.equal(index()?.pending, []);
});

test('settings that fail on one node are taken back on the others, and later writes wait for it', () => {
  const hand = new Hand();
  hand.create('movies');
  const change = (body: object) =>
    hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: body as never });
  change({ stopWords: ['a'], typoTolerance: { enabled: false } });
  hand.runSteps();
  hand.endAll();
  change({ stopWords: ['b'], embedders: { x: {} }, typoTolerance: { disableOnNumbers: true } });
  hand.runSteps();
  hand.endOn('n1', 'failed', 'vector_embedding_error');
  hand.endOn('n2', 'succeeded');
  const { seq } = hand.state.open.get(2)?.intent ?? { seq: -1 };
  assert.is(hand.state.summaries[seq]?.status, 'processing');
  hand.endOn('n3', 'succeeded');
  const waiting = hand.begin({ kind: 'documentsDeleteAll', touchesAllShards: true });
  assert.is(waiting.reply, undefined);
  const calls = hand.runSteps();
  assert.equal(
    calls.map((call) => call.nodeId),
    ['n2', 'n3'],
  );
  assert.equal(JSON.parse(calls[0]?.body ?? ''), {
    stopWords: ['a'],
    embedders: null,
    typoTolerance: { disableOnNumbers: null, enabled: false },
  });
  assert.is(replyTo(hand.effects, waiting.ticket)?.kind, 'grant');
  hand.endAll();
  assert.is(hand.state.summaries[seq]?.status, 'failed');
  assert.equal(hand.state.entryOf('movies')?.index.settings['stopWords'], ['a']);
});

/** Where a change of settings that failed on n1 is taken back, if this is in the nodes' queues behind it. */
function takenBackAt(later: Parameters<Hand['begin']>[0]): string[] {
  const hand = new Hand();
  hand.create('movies');
  hand.create('books');
  hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: { embedders: { x: {} } } });
  hand.runSteps();
  const uids = NODES.map((id) => hand.nextUid(id) - 1);
  hand.begin(later);
  hand.runSteps();
  for (const [at, id] of NODES.entries()) {
    hand.endTasks(id, [uids[at] ?? -1], { status: at === 0 ? 'failed' : 'succeeded' });
  }
  const calls = hand.runSteps();
  hand.endAll();
  assert.is(hand.state.open.size, 0);
  return calls.map(({ nodeId, path }) => `${nodeId} ${path}`);
}

test('they are taken back under the name that the index has by then, and not if it is gone', () => {
  const indexUid = 'movies';
  const at = (uid: string) => ['n2', 'n3'].map((id) => `${id} /indexes/${uid}/settings`);
  assert.equal(takenBackAt({ kind: 'settingsUpdate', indexUid: 'books', body: {} }), at('movies'));
  const body = [{ indexes: ['movies', 'books'] }] as never;
  assert.equal(takenBackAt({ kind: 'indexSwap', indexUid: '', body }), at('books'));
  assert.equal(takenBackAt({ kind: 'indexUpdate', indexUid, body: { uid: 'films' } }), at('films'));
  assert.equal(takenBackAt({ kind: 'indexDelete', indexUid }), []);
});

test('another primary key waits until all before it was applied, and is refused over documents', () => {
  const hand = new Hand();
  hand.create('movies');
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  hand.report(seq, hand.acks(seq));
  hand.begin({
    kind: 'indexUpdate',
    indexUid: 'movies',
    body: { primaryKey: 'other', uid: 'films' },
  });
  const isCounting = () => hand.effects.some((effect) => effect.kind === 'countDocuments');
  assert.is(isCounting(), false);
  hand.endAll();
  assert.is(isCounting(), true);
  hand.apply({ kind: 'counted', seq: seq + 1, documentCount: 1, now: hand.now });
  assert.is(hand.state.summaries[seq + 1]?.status, 'failed');
  assert.ok(hand.state.head.has('movies'), 'the rename that came with it is taken back');
  assert.not.ok(hand.state.head.has('films'));
});

test('a node that is down refuses what needs it without taking a place', () => {
  const hand = new Hand();
  hand.create('movies');
  const places = hand.state.nextSeq;
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: false, now: hand.now });
  const { reply } = hand.begin({ kind: 'documentsDeleteAll', touchesAllShards: true });
  assert.is(reply?.kind === 'refusal' ? reply.code : '', 'miroir_shard_unavailable');
  const fresh = hand.begin({ kind: 'indexCreate', indexUid: 'new', body: {} });
  assert.is(fresh.reply?.kind, 'refusal');
  assert.is(hand.state.nextSeq, places);
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: true, now: hand.now });
  assert.is(
    hand.begin({ kind: 'documentsDeleteAll', touchesAllShards: true }).reply?.kind,
    'grant',
  );
});

test('tasks that share a batch of their first node share ours', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const first = granted(hand.begin(addition('movies', '1')).reply);
  const second = granted(hand.begin(addition('movies', '2')).reply);
  for (const seq of [first, second]) hand.report(seq, hand.acks(seq));
  const nodeId = hand.state.entryOf('movies')?.index.nodeIds[0] ?? '';
  const tasks = [...(hand.state.outstanding.get(nodeId)?.keys() ?? [])].map((uid) => ({
    uid,
    status: 'succeeded' as const,
    batchUid: 9,
    startedAt: null,
    finishedAt: null,
    details: null,
    error: null,
  }));
  hand.read(nodeId, tasks);
  const batches = [first, second].map((seq) => hand.state.summaries[seq]?.batchUid);
  assert.is(batches[0], batches[1]);
  assert.is(hand.write('movies', '3') > 0, true);
  assert.is(hand.state.summaries.at(-1)?.batchUid, (batches[0] ?? 0) + 1);
});

run();
