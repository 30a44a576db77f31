/**
 * Goal: faults of sidecars, nodes and control itself end as they should: one outcome, nothing done twice.
 * Method: the real process over gRPC, three stand-in nodes with faults on demand, a small sidecar.
 */
import * as assert from 'uvu/assert';
import { WriteKind } from '../../../proto/gen/miroir/write/v1/write.ts';
import { suite } from '../../kit/suite.ts';
import { ControlCluster, until } from './control-cluster.ts';
import { controlFolder, startProcess } from './control-kit.ts';

const { test, before, after, run } = suite('control faults');
const cluster = new ControlCluster();
before(async () => {
  await cluster.start();
  const documents = Array.from({ length: 40 }, (_, id) => ({ id }));
  await cluster.sidecar.finished(await cluster.sidecar.write('movies', documents));
});
after(() => cluster.stop());

test('a sidecar that falls silent: what it sent counts if it is whole, else the write is given up', async () => {
  const sent = await cluster.sidecar.beginDocuments('movies', [{ id: 7 }, { id: 8 }]);
  const unsent = await cluster.sidecar.beginDocuments('movies', [{ id: 9 }]);
  if (sent.outcome?.$case !== 'grant' || unsent.outcome?.$case !== 'grant') {
    throw new Error('no grant');
  }
  const { seq: sentSeq } = sent.outcome.value;
  const { seq: unsentSeq } = unsent.outcome.value;
  const results = await cluster.sidecar.send(sent.outcome.value, 'movies', [{ id: 7 }, { id: 8 }]);
  const whole = await cluster.sidecar.finished(Number(sentSeq));
  assert.is(whole.status, 'succeeded');
  const givenUp = await cluster.sidecar.finished(Number(unsentSeq));
  assert.is(givenUp.status, 'failed');
  assert.is(givenUp.error.code, 'miroir_write_abandoned');
  assert.is(givenUp.details.indexedDocuments, 0);
  assert.equal((await cluster.sidecar.renew([unsentSeq])).lostSeqs, [unsentSeq]);
  const late = await cluster.sidecar.report(unsentSeq, results);
  assert.is(late.stands, false);
  assert.is(late.refusal?.code, 'miroir_write_abandoned');
});

test('a send whose answer was lost is looked up before the report is answered', async () => {
  const begun = await cluster.sidecar.beginDocuments('movies', [{ id: 20 }]);
  if (begun.outcome?.$case !== 'grant') throw new Error('no grant');
  const [result] = await cluster.sidecar.send(begun.outcome.value, 'movies', [{ id: 20 }]);
  if (result === undefined) throw new Error('nothing was sent');
  const lost = { ...result, outcome: { $case: 'unknown' as const, value: 'reset' } };
  const report = await cluster.sidecar.report(begun.outcome.value.seq, [lost]);
  assert.is(report.stands, true);
});

test('a node that refuses its part fails the write with its reason', async () => {
  const begun = await cluster.sidecar.beginDocuments('movies', [{ id: 21 }]);
  if (begun.outcome?.$case !== 'grant') throw new Error('no grant');
  const [nodeId] = begun.outcome.value.nodeIds;
  const place = { nodeId: nodeId ?? '', part: 0, partCount: 1 };
  const seq = Number(begun.outcome.value.seq);
  const refused = { $case: 'refused' as const, value: { status: 503, body: Buffer.from('') } };
  const targets = ['n1', 'n2', 'n3'].map((id) => ({ ...place, nodeId: id, outcome: refused }));
  const report = await cluster.sidecar.report(BigInt(seq), targets);
  assert.is(report.stands, false);
  assert.is(report.refusal?.code, 'miroir_no_quorum');
  assert.is((await cluster.sidecar.finished(seq)).status, 'failed');
});

test('a swap is done once on every node, though all answers are lost', async () => {
  const created = await cluster.sidecar.operation(
    WriteKind.INDEX_CREATE,
    'books',
    { uid: 'books' },
    { primaryKey: null },
  );
  await cluster.sidecar.finished(created);
  for (const engine of cluster.engines) engine.switches.isLosingAnswers = true;
  const swap = await cluster.sidecar.operation(
    WriteKind.INDEX_SWAP,
    '',
    [{ indexes: ['movies', 'books'] }],
    {},
  );
  const task = await cluster.sidecar.finished(swap);
  for (const engine of cluster.engines) engine.switches.isLosingAnswers = false;
  assert.is(task.status, 'succeeded');
  assert.equal(task.details, { swaps: [{ indexes: ['movies', 'books'], rename: false }] });
  for (const id of Object.keys(cluster.nodeUrls())) {
    const list = (await cluster.sidecar.node(id, 'GET', '/tasks?types=indexSwap')) as {
      total: number;
    };
    assert.is(list.total, 1, `${id} swapped once`);
    const stats = (await cluster.sidecar.node(id, 'GET', '/indexes/movies/stats')) as {
      numberOfDocuments: number;
    };
    assert.is(stats.numberOfDocuments, 0);
  }
  assert.is((await cluster.sidecar.task(0)).indexUid, 'books', 'earlier tasks follow their index');
});

test('another primary key only while there are no documents, on any node', async () => {
  const refused = await cluster.sidecar.operation(
    WriteKind.INDEX_UPDATE,
    'books',
    { primaryKey: 'other' },
    { primaryKey: 'other' },
  );
  const failed = await cluster.sidecar.finished(refused);
  assert.is(failed.error.message, 'Index `books`: Index already has a primary key: `id`.');
  const allowed = await cluster.sidecar.operation(
    WriteKind.INDEX_UPDATE,
    'movies',
    { primaryKey: 'other' },
    { primaryKey: 'other' },
  );
  assert.is((await cluster.sidecar.finished(allowed)).status, 'succeeded');
});

test('control killed while nodes are away takes up its calls again', async () => {
  for (const engine of cluster.engines) engine.switches.isRefusing = true;
  const create = await cluster.sidecar.operation(
    WriteKind.INDEX_CREATE,
    'late',
    { uid: 'late' },
    { primaryKey: null },
  );
  const change = await cluster.sidecar.operation(
    WriteKind.SETTINGS_UPDATE,
    'late',
    { stopWords: ['a'] },
    {},
  );
  await cluster.restart('SIGKILL', () => {
    for (const engine of cluster.engines) engine.switches.isRefusing = false;
  });
  assert.is((await cluster.sidecar.finished(create)).status, 'succeeded');
  assert.is((await cluster.sidecar.finished(change)).status, 'succeeded');
  assert.is((await cluster.sidecar.task(0)).status, 'succeeded', 'old tasks are still there');
  const next = await cluster.sidecar.write('late', [{ id: 1 }]);
  assert.is(next, change + 1, 'places go on without a gap');
});

test('SIGTERM ends it cleanly, and everything is there after', async () => {
  assert.is(await cluster.restart('SIGTERM'), 0);
  const uid = await cluster.sidecar.write('late', [{ id: 2 }]);
  assert.is((await cluster.sidecar.finished(uid)).status, 'succeeded');
});

test('a node that goes away is noticed, and writes that need it are refused without a place', async () => {
  const [first] = cluster.engines;
  if (first === undefined) return;
  first.switches.isRefusing = true;
  await until(async () => {
    const { outcome } = await cluster.sidecar.begin({
      kind: WriteKind.DOCUMENTS_DELETE_ALL,
      indexUid: 'late',
      touchesAllShards: true,
    });
    if (outcome?.$case === 'grant') await cluster.sidecar.report(outcome.value.seq, []);
    return outcome?.$case === 'refusal' && outcome.value.code === 'miroir_shard_unavailable';
  });
  first.switches.isRefusing = false;
  await until(async () => {
    const { outcome } = await cluster.sidecar.beginDocuments('late', [
      { id: 3 },
      { id: 4 },
      { id: 5 },
    ]);
    if (outcome?.$case === 'grant') await cluster.sidecar.report(outcome.value.seq, []);
    return outcome?.$case === 'grant';
  });
});

test('a second control on the same folder ends with one line', async () => {
  const second = await startProcess(cluster.folder);
  assert.is(second.address, '');
  assert.is(await second.stop(), 1);
  assert.match(second.stderr(), /in use by another control process/);
  assert.is(second.stderr().trim().split('\n').length, 1);
});

test('nodes of another cluster are refused with one line', async () => {
  const stranger = controlFolder();
  stranger.writeConfig(cluster.nodeList());
  const refused = await startProcess(stranger);
  assert.is(refused.address, '');
  assert.is(await refused.stop(), 1);
  assert.match(refused.stderr(), /belongs to another Miroir cluster/);
  stranger.remove();
});

run();
