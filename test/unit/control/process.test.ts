/**
 * Goal: the control program as its users meet it: nodes adopted, writes ordered and durable, tasks as one
 * node shows them, faults of nodes and of control itself.
 * Method: the real process over gRPC, three stand-in nodes with faults on demand, a small sidecar.
 */
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { WatchResponse } from '../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { WriteKind } from '../../../proto/gen/miroir/write/v1/write.ts';
import { type RunningEngine, startEngine } from '../../engine/index.ts';
import { suite } from '../../kit/suite.ts';
import {
  type ControlFolder,
  type ControlProcess,
  controlFolder,
  MASTER_KEY,
  startProcess,
  TestSidecar,
  unary,
} from './control-kit.ts';

const { test, before, after, run } = suite('control process');

const engines: RunningEngine[] = [];
let folder: ControlFolder;
let control: ControlProcess;
let sidecar: TestSidecar;

const nodeUrls = (): Record<string, string> =>
  Object.fromEntries(engines.map((engine, at) => [`n${at + 1}`, engine.url]));
const nodeList = () => Object.entries(nodeUrls()).map(([id, url]) => ({ id, url }));

async function restart(signal: NodeJS.Signals): Promise<number | string> {
  const end = await control.stop(signal);
  sidecar.close();
  control = await startProcess(folder);
  assert.ok(control.address, control.stderr());
  sidecar = new TestSidecar(control.address, nodeUrls());
  return end;
}

before(async () => {
  for (let at = 0; at < 3; at += 1) engines.push(await startEngine({ masterKey: MASTER_KEY }));
  folder = controlFolder();
  folder.writeConfig(nodeList());
  control = await startProcess(folder);
  assert.ok(control.address, control.stderr());
  sidecar = new TestSidecar(control.address, nodeUrls());
});

after(async () => {
  sidecar?.close();
  await control?.stop('SIGKILL');
  await Promise.all(engines.map((engine) => engine.close()));
  folder?.remove();
});

test('nodes are adopted and hold equal keys', async () => {
  const lists = await Promise.all(
    Object.keys(nodeUrls()).map(async (id) => {
      const marker = (await sidecar.node(id, 'GET', '/indexes/_miroir_node/documents/marker')) as {
        node: string;
      };
      assert.is(marker.node, id);
      const { results } = (await sidecar.node(id, 'GET', '/keys')) as {
        results: { uid: string; key: string; name: string }[];
      };
      return results.map((key) => `${key.name} ${key.uid} ${key.key}`);
    }),
  );
  assert.equal(lists[1], lists[0]);
  assert.equal(lists[2], lists[0]);
  assert.is(lists[0]?.length, 5);
});

test('the first write makes the index on its nodes, and the task counts all of them', async () => {
  const documents = Array.from({ length: 40 }, (_, id) => ({ id, title: `t${id}` }));
  const uid = await sidecar.write('movies', documents);
  assert.is(uid, 0);
  const task = await sidecar.finished(uid);
  assert.equal(Object.keys(task), [
    'uid',
    'batchUid',
    'indexUid',
    'status',
    'type',
    'canceledBy',
    'details',
    'error',
    'duration',
    'enqueuedAt',
    'startedAt',
    'finishedAt',
  ]);
  assert.equal(task.details, { receivedDocuments: 40, indexedDocuments: 40 });
  assert.is(task.status, 'succeeded');
  let total = 0;
  for (const id of Object.keys(nodeUrls())) {
    const settings = (await sidecar.node(id, 'GET', '/indexes/movies/settings')) as {
      rankingRules: string[];
      sortableAttributes: string[];
    };
    assert.is(settings.rankingRules.at(-1), '_miroir_version:asc');
    assert.equal(settings.sortableAttributes, ['_miroir_version']);
    const stats = (await sidecar.node(id, 'GET', '/indexes/movies/stats')) as {
      numberOfDocuments: number;
    };
    total += stats.numberOfDocuments;
  }
  assert.is(total, 40);
});

test('a watcher sees one whole view, then what changes, then heartbeats', async () => {
  const events: WatchResponse[] = [];
  const stream = sidecar.cluster.watch({ sidecarId: 'w', seen: { epoch: 0n, index: 0n } });
  stream.on('data', (event: WatchResponse) => events.push(event));
  stream.on('error', () => {});
  await until(() => events.length > 0);
  const [first] = events;
  assert.is(first?.event?.$case, 'view');
  const view = first?.event?.$case === 'view' ? first.event.value : undefined;
  assert.equal(
    view?.indexes.map((index) => index.uid),
    ['movies'],
  );
  assert.is(view?.cluster?.keys.length, 4, 'the internal key is not in the table');
  const uid = await sidecar.operation(
    WriteKind.SETTINGS_UPDATE,
    'movies',
    { stopWords: ['the'], displayedAttributes: ['id'] },
    {},
  );
  const task = await sidecar.finished(uid);
  assert.equal(task.details, { displayedAttributes: ['id'], stopWords: ['the'] });
  const settings = () =>
    events.flatMap(({ event }) =>
      event?.$case === 'delta'
        ? event.value.indexes.map((item) => item.settingsJson.toString())
        : [],
    );
  await until(() => settings().includes('{"stopWords":["the"],"displayedAttributes":["id"]}'));
  await until(() => events.some(({ event }) => event?.$case === 'heartbeat'));
  const positions = events.map((event) => event.position?.index ?? 0n);
  assert.equal(
    positions,
    [...positions].sort((a, b) => (a < b ? -1 : 1)),
  );
  stream.cancel();
});

test('two first writes that infer different primary keys: the second is told', async () => {
  const [left, right] = await Promise.all([
    sidecar.beginDocuments('race', [{ id: 1 }], { primaryKey: 'id' }),
    sidecar.beginDocuments('race', [{ id: 2 }], { primaryKey: 'otherId' }),
  ]);
  assert.is(left.outcome?.$case, 'grant');
  assert.equal(right.outcome, { $case: 'otherPrimaryKey', value: 'id' });
  if (left.outcome?.$case === 'grant') {
    const results = await sidecar.send(left.outcome.value, 'race', [{ id: 1 }]);
    assert.is((await sidecar.report(left.outcome.value.seq, results)).stands, true);
  }
  const explicit = await sidecar.beginDocuments('race', [{ id: 2 }], {
    primaryKey: 'otherId',
    primaryKeyExplicit: true,
  });
  assert.is(explicit.outcome?.$case, 'settled');
  const seq = explicit.outcome?.$case === 'settled' ? Number(explicit.outcome.value.seq) : -1;
  const task = await sidecar.finished(seq);
  assert.is(task.error.code, 'index_primary_key_already_exists');
  assert.is(task.error.message, 'Index already has a primary key: `id`.');
});

test('the same request takes one place, whatever happens to its answer', async () => {
  const first = await sidecar.beginDocuments('movies', [{ id: 1 }]);
  sidecar.requestNumber -= 1n;
  const second = await sidecar.beginDocuments('movies', [{ id: 1 }]);
  assert.equal(second, first);
  assert.is(first.outcome?.$case, 'grant');
  if (first.outcome?.$case !== 'grant') return;
  const results = await sidecar.send(first.outcome.value, 'movies', [{ id: 1 }]);
  const report = await sidecar.report(first.outcome.value.seq, results);
  assert.is(report.stands, true);
});

test('conflicting writes wait for one another, others do not', async () => {
  const slow = await sidecar.beginDocuments('movies', [{ id: 5 }]);
  if (slow.outcome?.$case !== 'grant') throw new Error('no grant');
  let isGranted = false;
  const waiting = sidecar.beginDocuments('movies', [{ id: 5 }]).then((answer) => {
    isGranted = true;
    return answer;
  });
  await sidecar.write('movies', [{ id: 6 }]);
  assert.is(isGranted, false);
  const results = await sidecar.send(slow.outcome.value, 'movies', [{ id: 5 }]);
  await sidecar.report(slow.outcome.value.seq, results);
  const { outcome } = await waiting;
  if (outcome?.$case !== 'grant') throw new Error('no grant');
  const second = await sidecar.send(outcome.value, 'movies', [{ id: 5 }]);
  assert.is((await sidecar.report(outcome.value.seq, second)).stands, true);
});

test('a sidecar that falls silent: what it sent counts if it is whole, else the write is given up', async () => {
  const sent = await sidecar.beginDocuments('movies', [{ id: 7 }, { id: 8 }]);
  const unsent = await sidecar.beginDocuments('movies', [{ id: 9 }]);
  if (sent.outcome?.$case !== 'grant' || unsent.outcome?.$case !== 'grant') {
    throw new Error('no grant');
  }
  const { seq: sentSeq } = sent.outcome.value;
  const { seq: unsentSeq } = unsent.outcome.value;
  const results = await sidecar.send(sent.outcome.value, 'movies', [{ id: 7 }, { id: 8 }]);
  const whole = await sidecar.finished(Number(sentSeq));
  assert.is(whole.status, 'succeeded');
  const givenUp = await sidecar.finished(Number(unsentSeq));
  assert.is(givenUp.status, 'failed');
  assert.is(givenUp.error.code, 'miroir_write_abandoned');
  assert.is(givenUp.details.indexedDocuments, 0);
  assert.equal((await sidecar.renew([unsentSeq])).lostSeqs, [unsentSeq]);
  const late = await sidecar.report(unsentSeq, results);
  assert.is(late.stands, false);
  assert.is(late.refusal?.code, 'miroir_write_abandoned');
});

test('a send whose answer was lost is looked up before the report is answered', async () => {
  const begun = await sidecar.beginDocuments('movies', [{ id: 20 }]);
  if (begun.outcome?.$case !== 'grant') throw new Error('no grant');
  const [result] = await sidecar.send(begun.outcome.value, 'movies', [{ id: 20 }]);
  if (result === undefined) throw new Error('nothing was sent');
  const lost = { ...result, outcome: { $case: 'unknown' as const, value: 'reset' } };
  const report = await sidecar.report(begun.outcome.value.seq, [lost]);
  assert.is(report.stands, true);
});

test('a node that refuses its part fails the write with its reason', async () => {
  const begun = await sidecar.beginDocuments('movies', [{ id: 21 }]);
  if (begun.outcome?.$case !== 'grant') throw new Error('no grant');
  const [nodeId] = begun.outcome.value.nodeIds;
  const place = { nodeId: nodeId ?? '', part: 0, partCount: 1 };
  const seq = Number(begun.outcome.value.seq);
  const refused = { $case: 'refused' as const, value: { status: 503, body: Buffer.from('') } };
  const targets = ['n1', 'n2', 'n3'].map((id) => ({ ...place, nodeId: id, outcome: refused }));
  const report = await sidecar.report(BigInt(seq), targets);
  assert.is(report.stands, false);
  assert.is(report.refusal?.code, 'miroir_no_quorum');
  assert.is((await sidecar.finished(seq)).status, 'failed');
});

test('a swap is done once on every node, though all answers are lost', async () => {
  const created = await sidecar.operation(
    WriteKind.INDEX_CREATE,
    'books',
    { uid: 'books' },
    { primaryKey: null },
  );
  await sidecar.finished(created);
  for (const engine of engines) engine.switches.isLosingAnswers = true;
  const swap = await sidecar.operation(
    WriteKind.INDEX_SWAP,
    '',
    [{ indexes: ['movies', 'books'] }],
    {},
  );
  const task = await sidecar.finished(swap);
  for (const engine of engines) engine.switches.isLosingAnswers = false;
  assert.is(task.status, 'succeeded');
  assert.equal(task.details, { swaps: [{ indexes: ['movies', 'books'], rename: false }] });
  for (const id of Object.keys(nodeUrls())) {
    const list = (await sidecar.node(id, 'GET', '/tasks?types=indexSwap')) as { total: number };
    assert.is(list.total, 1, `${id} swapped once`);
    const stats = (await sidecar.node(id, 'GET', '/indexes/movies/stats')) as {
      numberOfDocuments: number;
    };
    assert.is(stats.numberOfDocuments, 0);
  }
  assert.is((await sidecar.task(0)).indexUid, 'books', 'earlier tasks follow their index');
});

test('another primary key only while there are no documents, on any node', async () => {
  const refused = await sidecar.operation(
    WriteKind.INDEX_UPDATE,
    'books',
    { primaryKey: 'other' },
    { primaryKey: 'other' },
  );
  const failed = await sidecar.finished(refused);
  assert.is(failed.error.message, 'Index `books`: Index already has a primary key: `id`.');
  const allowed = await sidecar.operation(
    WriteKind.INDEX_UPDATE,
    'movies',
    { primaryKey: 'other' },
    { primaryKey: 'other' },
  );
  assert.is((await sidecar.finished(allowed)).status, 'succeeded');
});

test('control killed while nodes are away takes up its calls again', async () => {
  for (const engine of engines) engine.switches.isRefusing = true;
  const create = await sidecar.operation(
    WriteKind.INDEX_CREATE,
    'late',
    { uid: 'late' },
    { primaryKey: null },
  );
  const change = await sidecar.operation(
    WriteKind.SETTINGS_UPDATE,
    'late',
    { stopWords: ['a'] },
    {},
  );
  await restartWhile('SIGKILL', () => {
    for (const engine of engines) engine.switches.isRefusing = false;
  });
  assert.is((await sidecar.finished(create)).status, 'succeeded');
  assert.is((await sidecar.finished(change)).status, 'succeeded');
  assert.is((await sidecar.task(0)).status, 'succeeded', 'old tasks are still there');
  const next = await sidecar.write('late', [{ id: 1 }]);
  assert.is(next, change + 1, 'places go on without a gap');
});

test('SIGTERM ends it cleanly, and everything is there after', async () => {
  assert.is(await restart('SIGTERM'), 0);
  const uid = await sidecar.write('late', [{ id: 2 }]);
  assert.is((await sidecar.finished(uid)).status, 'succeeded');
});

test('a key made through control is on all nodes and in the table at once', async () => {
  const call = {
    method: 'POST',
    uidOrKey: '',
    query: '',
    body: Buffer.from('{"name":"k","actions":["search"],"indexes":["*"],"expiresAt":null}'),
    authorization: `Bearer ${MASTER_KEY}`,
    contentType: 'application/json',
  };
  const made = await unary<{ status: number; body: Buffer }>((answer) =>
    sidecar.keys.call(call, answer),
  );
  assert.is(made.status, 201);
  const { uid, key } = JSON.parse(made.body.toString()) as { uid: string; key: string };
  for (const id of Object.keys(nodeUrls())) {
    const held = (await sidecar.node(id, 'GET', `/keys/${uid}`)) as { key: string };
    assert.is(held.key, key);
  }
  const faulty = await unary<{ status: number }>((answer) =>
    sidecar.keys.call({ ...call, body: Buffer.from('{}') }, answer),
  );
  assert.is(faulty.status, 400);
});

test('a node that goes away is noticed, and writes that need it are refused without a place', async () => {
  const [first] = engines;
  if (first === undefined) return;
  first.switches.isRefusing = true;
  await until(async () => {
    const { outcome } = await sidecar.begin({
      kind: WriteKind.DOCUMENTS_DELETE_ALL,
      indexUid: 'late',
      touchesAllShards: true,
    });
    if (outcome?.$case === 'grant') await sidecar.report(outcome.value.seq, []);
    return outcome?.$case === 'refusal' && outcome.value.code === 'miroir_shard_unavailable';
  });
  first.switches.isRefusing = false;
  await until(async () => {
    const { outcome } = await sidecar.beginDocuments('late', [{ id: 3 }, { id: 4 }, { id: 5 }]);
    if (outcome?.$case === 'grant') await sidecar.report(outcome.value.seq, []);
    return outcome?.$case === 'grant';
  });
});

test('a second control on the same folder ends with one line', async () => {
  const second = await startProcess(folder);
  assert.is(second.address, '');
  assert.is(await second.stop(), 1);
  assert.match(second.stderr(), /in use by another control process/);
  assert.is(second.stderr().trim().split('\n').length, 1);
});

test('nodes of another cluster are refused with one line', async () => {
  const stranger = controlFolder();
  stranger.writeConfig(nodeList());
  const refused = await startProcess(stranger);
  assert.is(refused.address, '');
  assert.is(await refused.stop(), 1);
  assert.match(refused.stderr(), /belongs to another Miroir cluster/);
  stranger.remove();
});

test('health is served as grpc.health.v1', async () => {
  const { service } = await import('grpc-health-check');
  const Client = makeGenericClientConstructor(service as never, 'Health');
  const client = new Client(control.address, credentials.createInsecure());
  const answer = await unary<{ status: string }>((take) => {
    const check = client['check'] as (request: object, take: unknown) => unknown;
    return check.call(client, { service: '' }, take);
  });
  assert.is(answer.status, 'SERVING');
  client.close();
});

async function restartWhile(signal: NodeJS.Signals, change: () => void): Promise<void> {
  await control.stop(signal);
  change();
  sidecar.close();
  control = await startProcess(folder);
  assert.ok(control.address, control.stderr());
  sidecar = new TestSidecar(control.address, nodeUrls());
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not come to be');
}

run();
