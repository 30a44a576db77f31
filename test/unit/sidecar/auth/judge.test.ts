/**
 * Goal: a key gets exactly what a node would give it, in a node's words, by the headers alone.
 * Method: a matrix of headers, keys, actions and indexes against a view made by hand; the expected
 * texts are those of a real node.
 */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { MiroirError } from '../../../../core/errors.ts';
import type { ClusterView, KeyEntry } from '../../../../core/topology.ts';
import { type Access, mayCreateIndex, mayUseIndex } from '../../../../sidecar/auth/access.ts';
import { type Action, holdsAction } from '../../../../sidecar/auth/actions.ts';
import { type Claim, judge } from '../../../../sidecar/auth/judge.ts';
import { keyRefresher } from '../../../../sidecar/auth/key-refresh.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('auth');

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const MASTER = 'masterKey-masterKey';
const KEY = 'a'.repeat(64);

function view(keys: readonly Partial<KeyEntry>[] = []): ClusterView {
  const entries = keys.map((key): KeyEntry => {
    const hashHex = key.hashHex ?? sha256(KEY);
    return { uid: 'u', actions: ['*'], indexes: ['*'], expiresAt: null, ...key, hashHex };
  });
  return {
    position: { epoch: 1n, index: 1n },
    clusterId: 'c',
    nodes: new Map(),
    indexes: new Map(),
    keys: new Map(entries.map((entry) => [entry.hashHex, entry])),
    masterKeyHashHex: sha256(MASTER),
    internalKey: 'i',
    versionJson: '',
    experimentalFeaturesJson: '',
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function ask(
  claim: Partial<Claim>,
  held: ClusterView,
  refreshed: ClusterView = held,
): Promise<Access | string> {
  const whole: Claim = {
    authorization: `Bearer ${KEY}`,
    action: 'search',
    indexUid: 'm',
    ...claim,
  };
  try {
    return await judge(whole, { view: held, nowMs: NOW_MS, refreshKeys: async () => refreshed });
  } catch (error) {
    const { code, message } = error as MiroirError;
    return `${code}: ${message}`;
  }
}

const MISSING =
  'missing_authorization_header: The Authorization header is missing. It must use the bearer authorization method.';
const INVALID = 'invalid_api_key: The provided API key is invalid.';

test('forms of the header', async () => {
  const forms: [string | undefined, string | undefined][] = [
    [undefined, MISSING],
    [MASTER, MISSING],
    [`bearer ${MASTER}`, MISSING],
    ['Basic bTpt', MISSING],
    ['', MISSING],
    [`Bearer  ${MASTER}`, INVALID],
    ['Bearer', INVALID],
    ['Bearer ', INVALID],
    ['Bearer wrong', INVALID],
    [`Bearer ${MASTER}x`, INVALID],
    [`Bearer ${MASTER}`, undefined],
  ];
  for (const [authorization, expected] of forms) {
    const got = await ask({ authorization, action: 'indexes.get' }, view());
    assert.is(typeof got === 'string' ? got : undefined, expected, String(authorization));
  }
});

test('the master key passes everything and sees every index', async () => {
  const access = await ask({ authorization: `Bearer ${MASTER}`, action: 'keys.get' }, view());
  assert.ok(
    typeof access !== 'string' && mayUseIndex(access, 'any') && mayCreateIndex(access, 'x'),
  );
});

test('actions and their wildcards', () => {
  const matrix: [string[], Action, boolean][] = [
    [['*'], 'keys.delete', true],
    [['*'], 'documents.*', true],
    [['*.get'], 'search', true],
    [['*.get'], 'settings.get', true],
    [['*.get'], 'fields.post', true],
    [['*.get'], 'keys.get', false],
    [['*.get'], 'documents.add', false],
    [['*.get'], 'chatCompletions', false],
    [['documents.*'], 'documents.add', true],
    [['documents.*'], 'documents.*', false],
    [['documents.*'], 'indexes.get', false],
    [['indexes.*'], 'indexes.swap', true],
    [['tasks.*'], 'tasks.compact', true],
    [['chats.*'], 'chatsSettings.get', false],
    [['search'], 'search', true],
    [['search'], 'documents.get', false],
    [[], 'search', false],
  ];
  for (const [held, action, expected] of matrix) {
    assert.is(holdsAction(held, action), expected, `${held} -> ${action}`);
  }
});

test('a key limited to indexes', async () => {
  const held = view([{ actions: ['search', 'stats.get', 'version'], indexes: ['zed*', 'm'] }]);
  assert.is(typeof (await ask({}, held)), 'object');
  assert.is(typeof (await ask({ indexUid: 'zed-1' }, held)), 'object');
  assert.is(
    await ask({ indexUid: 'p' }, held),
    'invalid_api_key: The API key cannot acces the index `p`, authorized indexes are ["m", "zed*"].',
  );
  // The index is judged before the action.
  assert.is(
    await ask({ indexUid: 'p', action: 'documents.add' }, held),
    'invalid_api_key: The API key cannot acces the index `p`, authorized indexes are ["m", "zed*"].',
  );
  assert.is(typeof (await ask({ action: 'stats.get', indexUid: undefined }, held)), 'object');
  assert.is(await ask({ action: 'version', indexUid: undefined }, held), INVALID);
});

test('rights to create follow indexes.create and the patterns', async () => {
  const held = view([{ actions: ['documents.add', 'indexes.create'], indexes: ['m*'] }]);
  const access = await ask({ action: 'documents.add' }, held);
  assert.ok(typeof access !== 'string');
  if (typeof access === 'string') return;
  assert.is(mayCreateIndex(access, 'm2'), true);
  assert.is(mayCreateIndex(access, 'n'), false);
});

test('a key is good until the moment it expires', async () => {
  const at = (expiresAt: string): ClusterView => view([{ expiresAt }]);
  assert.is(typeof (await ask({}, at('2026-06-01T00:00:00.001Z'))), 'object');
  assert.is(await ask({}, at('2026-06-01T00:00:00Z')), INVALID);
  assert.is(await ask({}, at('2025-01-01T00:00:00Z')), INVALID);
});

test('hex digits of a key count in any case, other tokens do not', async () => {
  const held = view([{}]);
  assert.is(typeof (await ask({ authorization: `Bearer ${KEY.toUpperCase()}` }, held)), 'object');
  const upper = MASTER.toUpperCase();
  assert.is(await ask({ authorization: `Bearer ${upper}` }, held), INVALID);
});

test('an unknown key is looked for once more', async () => {
  assert.is(typeof (await ask({}, view(), view([{}]))), 'object');
  assert.is(await ask({}, view(), view()), INVALID);
});

test('a tenant token is left to the nodes, for searches only', async () => {
  const authorization = 'Bearer aaa.bbb.ccc';
  const access = await ask({ authorization }, view());
  assert.ok(typeof access !== 'string' && access.isJudgedByNode);
  assert.is(await ask({ authorization, action: 'documents.get' }, view()), INVALID);
});

test('keys are refreshed at most once a second, and all who wait share it', async () => {
  let nowMs = 0;
  let calls = 0;
  const refresh = keyRefresher({
    refresh: async () => {
      calls += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    view: () => view(),
    nowMs: () => nowMs,
  });
  await Promise.all([refresh(), refresh(), refresh()]);
  assert.is(calls, 1);
  nowMs = 999;
  await refresh();
  assert.is(calls, 1);
  nowMs = 1_000;
  await refresh();
  assert.is(calls, 2);
});

run();
