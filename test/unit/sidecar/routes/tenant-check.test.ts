/**
 * Goal: a tenant token is judged before the body is looked at: a token that a node refuses never learns
 * what the gateway would say about its body, and no byte of that body is kept.
 * Method: an app over one stand-in node; tokens signed here, good and bad.
 */
import { createHmac } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('tenant tokens before bodies');

let engine: RunningEngine;
let control: FakeControl;
let served: ServedApp;
let key: { uid: string; key: string };

before(async () => {
  engine = await startEngine({ masterKey: MASTER_KEY });
  const created = await onNode('POST', '/keys', {
    actions: ['search'],
    indexes: ['m'],
    expiresAt: null,
  });
  key = (await created.json()) as typeof key;
  control = new FakeControl([engine.url]);
  control.indexes = [fakeIndex('m', 8, ['n0'], () => 0, {})];
  await onNode('POST', '/indexes', { uid: 'm', primaryKey: 'id' });
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  await engine.close();
});

function onNode(method: string, path: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' };
  return fetch(engine.url + path, { method, headers, body: JSON.stringify(body) });
}

function tokenOf(secret: string, searchRules: unknown = ['*']): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ searchRules, apiKeyUid: key.uid })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const ASKED = [
  ['/indexes/m/search', '{{{'],
  ['/indexes/m/search', '{"facets":["*"]}'],
  ['/indexes/m/search', '{"filter":"_miroir_shard = 1"}'],
  ['/indexes/m/facet-search', '[]'],
  ['/indexes/none/search', '{}'],
  ['/multi-search', '{"queries":[]}'],
  ['/multi-search', '{"queries":[{"indexUid":"m","facets":["_miroir_x"]}]}'],
] as const;

test('a token with a wrong signature gets 403 whatever the body', async () => {
  for (const [path, raw] of ASKED) {
    const authorization = `Bearer ${tokenOf('not the key')}`;
    const answer = await served.call('POST', path, { raw, authorization });
    assert.is(answer.status, 403, `${path} ${raw}: ${answer.text}`);
    assert.is(answer.json.code, 'invalid_api_key');
  }
});

test('a token that may not use the index gets 403 whatever the body', async () => {
  const authorization = `Bearer ${tokenOf(key.key, ['other'])}`;
  const answer = await served.call('POST', '/indexes/m/search', { raw: '{{{', authorization });
  assert.is(answer.status, 403, answer.text);
});

test('a good token is told about its body, also while the yes is remembered', async () => {
  const authorization = `Bearer ${tokenOf(key.key)}`;
  for (let times = 0; times < 2; times += 1) {
    const broken = await served.call('POST', '/indexes/m/search', { raw: '{{{', authorization });
    assert.is(broken.json.code, 'malformed_payload', broken.text);
    const none = await served.call('POST', '/multi-search', {
      raw: '{"queries":[]}',
      authorization,
    });
    assert.equal(none.json, { results: [] });
  }
});

run();
