/**
 * Goal: the control program as its users meet it: nodes adopted, writes ordered, tasks as one node shows
 * them, keys equal everywhere.
 * Method: the real process over gRPC, three stand-in nodes, a small sidecar.
 */
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { WatchResponse } from '../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { type Grant, WriteKind } from '../../../proto/gen/miroir/write/v1/write.ts';
import { suite } from '../../kit/suite.ts';
import { ControlCluster, until } from './control-cluster.ts';
import { MASTER_KEY, unary } from './control-kit.ts';

const { test, before, after, run } = suite('control process');
const cluster = new ControlCluster();
before(() => cluster.start());
after(() => cluster.stop());

test('nodes are adopted and hold equal keys', async () => {
  const lists = await Promise.all(
    Object.keys(cluster.nodeUrls()).map(async (id) => {
      const marker = (await cluster.sidecar.node(
        id,
        'GET',
        '/indexes/_miroir_node/documents/marker',
      )) as {
        node: string;
      };
      assert.is(marker.node, id);
      const { results } = (await cluster.sidecar.node(id, 'GET', '/keys')) as {
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
  const uid = await cluster.sidecar.write('movies', documents);
  assert.is(uid, 0);
  const task = await cluster.sidecar.finished(uid);
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
  for (const id of Object.keys(cluster.nodeUrls())) {
    const settings = (await cluster.sidecar.node(id, 'GET', '/indexes/movies/settings')) as {
      rankingRules: string[];
      sortableAttributes: string[];
    };
    assert.is(settings.rankingRules.at(-1), '_miroir_version:asc');
    assert.equal(settings.sortableAttributes, ['_miroir_version']);
    const stats = (await cluster.sidecar.node(id, 'GET', '/indexes/movies/stats')) as {
      numberOfDocuments: number;
    };
    total += stats.numberOfDocuments;
  }
  assert.is(total, 40);
});

test('a watcher sees one whole view, then what changes, then heartbeats', async () => {
  const events: WatchResponse[] = [];
  const stream = cluster.sidecar.cluster.watch({ sidecarId: 'w', seen: { epoch: 0n, index: 0n } });
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
  const uid = await cluster.sidecar.operation(
    WriteKind.SETTINGS_UPDATE,
    'movies',
    { stopWords: ['the'], displayedAttributes: ['id'] },
    {},
  );
  const task = await cluster.sidecar.finished(uid);
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
    cluster.sidecar.beginDocuments('race', [{ id: 1 }], { primaryKey: 'id' }),
    cluster.sidecar.beginDocuments('race', [{ id: 2 }], { primaryKey: 'otherId' }),
  ]);
  assert.is(left.outcome?.$case, 'grant');
  assert.equal(right.outcome, { $case: 'otherPrimaryKey', value: 'id' });
  if (left.outcome?.$case === 'grant') {
    const results = await cluster.sidecar.send(left.outcome.value, 'race', [{ id: 1 }]);
    assert.is((await cluster.sidecar.report(left.outcome.value.seq, results)).stands, true);
  }
  const explicit = await cluster.sidecar.beginDocuments('race', [{ id: 2 }], {
    primaryKey: 'otherId',
    primaryKeyExplicit: true,
  });
  assert.is(explicit.outcome?.$case, 'settled');
  const seq = explicit.outcome?.$case === 'settled' ? Number(explicit.outcome.value.seq) : -1;
  const task = await cluster.sidecar.finished(seq);
  assert.is(task.error.code, 'index_primary_key_already_exists');
  assert.is(task.error.message, 'Index already has a primary key: `id`.');
});

test('the same request takes one place, whatever happens to its answer', async () => {
  const first = await cluster.sidecar.beginDocuments('movies', [{ id: 1 }]);
  cluster.sidecar.requestNumber -= 1n;
  const second = await cluster.sidecar.beginDocuments('movies', [{ id: 1 }]);
  if (first.outcome?.$case !== 'grant' || second.outcome?.$case !== 'grant')
    throw new Error('no grant');
  // What the first answer promised is not promised twice: nobody knows what was sent in between.
  const { standsWhenTaken, ...permission } = second.outcome.value;
  assert.is(standsWhenTaken, false);
  assert.equal(permission, without(first.outcome.value));
  const results = await cluster.sidecar.send(first.outcome.value, 'movies', [{ id: 1 }]);
  const report = await cluster.sidecar.report(first.outcome.value.seq, results);
  assert.is(report.stands, true);
});

function without({
  standsWhenTaken: _promise,
  ...permission
}: Grant): Omit<Grant, 'standsWhenTaken'> {
  return permission;
}

test('conflicting writes wait for one another, others do not', async () => {
  const slow = await cluster.sidecar.beginDocuments('movies', [{ id: 5 }]);
  if (slow.outcome?.$case !== 'grant') throw new Error('no grant');
  let isGranted = false;
  const waiting = cluster.sidecar.beginDocuments('movies', [{ id: 5 }]).then((answer) => {
    isGranted = true;
    return answer;
  });
  await cluster.sidecar.write('movies', [{ id: 6 }]);
  assert.is(isGranted, false);
  const results = await cluster.sidecar.send(slow.outcome.value, 'movies', [{ id: 5 }]);
  await cluster.sidecar.report(slow.outcome.value.seq, results);
  const { outcome } = await waiting;
  if (outcome?.$case !== 'grant') throw new Error('no grant');
  const second = await cluster.sidecar.send(outcome.value, 'movies', [{ id: 5 }]);
  assert.is((await cluster.sidecar.report(outcome.value.seq, second)).stands, true);
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
    cluster.sidecar.keys.call(call, answer),
  );
  assert.is(made.status, 201);
  const { uid, key } = JSON.parse(made.body.toString()) as { uid: string; key: string };
  for (const id of Object.keys(cluster.nodeUrls())) {
    const held = (await cluster.sidecar.node(id, 'GET', `/keys/${uid}`)) as { key: string };
    assert.is(held.key, key);
  }
  const faulty = await unary<{ status: number }>((answer) =>
    cluster.sidecar.keys.call({ ...call, body: Buffer.from('{}') }, answer),
  );
  assert.is(faulty.status, 400);
});

test('health is served as grpc.health.v1', async () => {
  const { service } = await import('grpc-health-check');
  const Client = makeGenericClientConstructor(service as never, 'Health');
  const client = new Client(cluster.control.address, credentials.createInsecure());
  const answer = await unary<{ status: string }>((take) => {
    const check = client['check'] as (request: object, take: unknown) => unknown;
    return check.call(client, { service: '' }, take);
  });
  assert.is(answer.status, 'SERVING');
  client.close();
});

run();
