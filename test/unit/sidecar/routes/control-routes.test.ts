/**
 * Goal: what control answers or does for clients is asked of it rightly: tasks, index changes, settings
 * changes, keys; and a change that a node would refuse never takes a place in the lane.
 * Method: an app over one stand-in node and a control service made by the test, which keeps every Begin.
 */
import * as assert from 'uvu/assert';
import { WriteKind } from '../../../../proto/gen/miroir/write/v1/write.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY, sha256 } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('routes through control');

let engine: RunningEngine;
let control: FakeControl;
let served: ServedApp;
const LIMITED = 'd'.repeat(64);

before(async () => {
  engine = await startEngine({ masterKey: MASTER_KEY });
  control = new FakeControl([engine.url]);
  control.indexes = [fakeIndex('m', 4, ['n0'], () => 0)];
  control.cluster.keys = [
    { hash: sha256(LIMITED), uid: 'u', actions: ['*'], indexes: ['m*'], expiresAt: undefined },
  ];
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
});

after(async () => {
  await served.close();
  control.close();
  await engine.close();
});

async function begun(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ kind: number; uid: string; body: unknown; details: unknown; mayCreate: boolean }> {
  const count = control.begins.length;
  const answer = await served.call(method, path, { body });
  assert.is(answer.status, 202, answer.text);
  assert.is(control.begins.length, count + 1);
  const made = control.begins[count];
  assert.ok(made);
  assert.is(answer.json.taskUid, count);
  assert.is(answer.json.status, 'enqueued');
  const text = made.bodyJson.toString();
  return {
    kind: made.kind,
    uid: made.indexUid,
    body: text === '' ? '' : JSON.parse(text),
    details: JSON.parse(made.detailsJson.toString()),
    mayCreate: made.mayCreateIndex,
  };
}

test('index changes take their place in the lane', async () => {
  assert.equal(await begun('POST', '/indexes', { uid: 'x', primaryKey: 'id' }), {
    kind: WriteKind.INDEX_CREATE,
    uid: 'x',
    body: { uid: 'x', primaryKey: 'id' },
    details: { primaryKey: 'id' },
    mayCreate: true,
  });
  assert.equal(await begun('PATCH', '/indexes/m', { uid: 'y' }), {
    kind: WriteKind.INDEX_UPDATE,
    uid: 'm',
    body: { uid: 'y' },
    details: { primaryKey: null, oldIndexUid: 'm', newIndexUid: 'y' },
    mayCreate: false,
  });
  assert.is((await begun('DELETE', '/indexes/m')).kind, WriteKind.INDEX_DELETE);
  const swap = await begun('POST', '/swap-indexes', [{ indexes: ['a', 'b'] }]);
  assert.is(swap.uid, '');
  assert.equal(swap.body, [{ indexes: ['a', 'b'], rename: false }]);
});

test('settings changes and resets', async () => {
  const whole = await begun('PATCH', '/indexes/m/settings', { stopWords: ['a'], synonyms: null });
  assert.is(whole.kind, WriteKind.SETTINGS_UPDATE);
  assert.equal(whole.body, { stopWords: ['a'], synonyms: null });
  assert.is(whole.mayCreate, true);
  const one = await begun('PUT', '/indexes/m/settings/stop-words', ['b']);
  assert.equal(one.body, { stopWords: ['b'] });
  const reset = await begun('DELETE', '/indexes/m/settings/stop-words');
  assert.equal(reset.body, { stopWords: null });
  assert.is(reset.mayCreate, false);
  const all = await begun('DELETE', '/indexes/m/settings');
  assert.is(Object.keys(all.body as object).length, 20);
});

test('what a node would refuse never reaches control', async () => {
  const count = control.begins.length;
  const refused: [string, string, unknown, string][] = [
    ['POST', '/indexes', { uid: 'a b' }, 'invalid_index_uid'],
    ['POST', '/indexes', { uid: '_miroir_x' }, 'miroir_reserved_field'],
    ['POST', '/indexes', { uid: 'a', primaryKey: '_miroir_shard' }, 'miroir_reserved_field'],
    ['PATCH', '/indexes/m', { createdAt: 1 }, 'immutable_index_created_at'],
    ['DELETE', '/indexes/_miroir_node', undefined, 'miroir_reserved_field'],
    ['POST', '/swap-indexes', [{ indexes: ['a'] }], 'invalid_swap_indexes'],
    ['PATCH', '/indexes/m/settings', { nothing: 1 }, 'bad_request'],
    ['PATCH', '/indexes/m/settings', { stopWords: 1 }, 'invalid_settings_stop_words'],
    ['PUT', '/indexes/m/settings/ranking-rules', ['x'], 'invalid_settings_ranking_rules'],
    [
      'PATCH',
      '/indexes/m/settings',
      { sortableAttributes: ['_miroir_shard'] },
      'miroir_reserved_field',
    ],
  ];
  for (const [method, path, body, code] of refused) {
    const answer = await served.call(method, path, { body });
    assert.is(answer.json?.code, code, `${method} ${path}: ${answer.text}`);
  }
  assert.is(control.begins.length, count);
  const word = await served.call('PUT', '/indexes/m/settings/stop-words', { body: 1 });
  assert.not.match(word.json.message, 'stopWords');
});

test('a key limited to some indexes may make and swap only those', async () => {
  const authorization = `Bearer ${LIMITED}`;
  const create = (uid: string) => served.call('POST', '/indexes', { body: { uid }, authorization });
  assert.is((await create('m2')).status, 202);
  assert.is((await create('n')).json.code, 'invalid_api_key');
  const body = [{ indexes: ['m', 'n'] }];
  const swap = await served.call('POST', '/swap-indexes', { body, authorization });
  assert.is(swap.json.code, 'invalid_api_key');
});

test("control's refusal is the client's answer", async () => {
  const answer = control.answerBegin;
  control.answerBegin = () => ({
    outcome: { $case: 'refusal', value: { code: 'miroir_storage_full', message: 'full' } },
  });
  const got = await served.call('DELETE', '/indexes/m');
  control.answerBegin = answer;
  assert.is(got.status, 503);
  assert.equal([got.json.code, got.json.message], ['miroir_storage_full', 'full']);
});

test('tasks', async () => {
  control.tasks.set(3n, '{"uid":3,"details":{"n":9007199254740993}}');
  const one = await served.call('GET', '/tasks/3');
  assert.is(one.text, '{"uid":3,"details":{"n":9007199254740993}}');
  assert.is((await served.call('GET', '/tasks/%2B3')).status, 200);
  const none = await served.call('GET', '/tasks/4');
  assert.equal([none.status, none.json.code], [404, 'task_not_found']);
  assert.is((await served.call('GET', '/tasks/x')).json.code, 'invalid_task_uids');
  const list = await served.call('GET', '/tasks?limit=5');
  assert.is(
    list.text,
    '{"results":[{"uid":3,"details":{"n":9007199254740993}}],"total":1,"limit":5,"from":3,"next":null}',
  );
  assert.is((await served.call('GET', '/tasks?uids=')).json.total, 0);
  assert.is((await served.call('GET', '/tasks?limit=x')).json.code, 'invalid_task_limit');
});

test('an unknown key is looked for once more through control', async () => {
  const key = 'e'.repeat(64);
  control.onRefresh = () => {
    const found = { hash: sha256(key), uid: 'v', actions: ['*'], indexes: ['*'] };
    control.change({
      cluster: { keys: [...control.cluster.keys, { ...found, expiresAt: undefined }] },
    });
  };
  const answer = await served.call('GET', '/indexes', { authorization: `Bearer ${key}` });
  assert.is(answer.status, 200, answer.text);
  control.onRefresh = () => {};
});

test('keys are read from a node and changed through control', async () => {
  assert.is((await served.call('GET', '/keys')).json.results.length, 4);
  const made = await served.call('POST', '/keys', { body: { actions: ['*'] } });
  assert.equal([made.status, made.json.method], [201, 'POST']);
  assert.is((await served.call('GET', '/keys/nope')).json.code, 'api_key_not_found');
});

test('routes that are not built name themselves', async () => {
  const answer = await served.call('POST', '/dumps');
  assert.is(answer.status, 501);
  assert.is(answer.json.code, 'miroir_not_implemented');
  assert.match(answer.json.message, 'POST /dumps');
  assert.is((await served.call('POST', '/dumps', { authorization: '' })).status, 401);
});

test("Miroir's own routes ask for the admin token", async () => {
  assert.is(
    (await served.call('GET', '/_miroir/topology')).json.code,
    'miroir_admin_token_required',
  );
  assert.is((await served.call('GET', '/_miroir/topology', { authorization: '' })).status, 401);
  const authorization = 'Bearer admin-token';
  const topology = await served.call('GET', '/_miroir/topology', { authorization });
  assert.equal(topology.json.indexes[0].copies, { n0: { 'in-sync': 4 } });
  assert.not.match(topology.text, MASTER_KEY);
  const metrics = await served.call('GET', '/_miroir/metrics', { authorization });
  assert.match(metrics.text, 'miroir_');
  assert.is((await served.call('GET', '/_miroir/nope')).json.code, 'miroir_not_found');
  assert.is((await served.call('GET', '/_miroir/readyz', { authorization: '' })).status, 200);
});

run();
