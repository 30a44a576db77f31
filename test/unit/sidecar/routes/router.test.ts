/**
 * Goal: paths and methods are found as a node finds them, and the table holds every route of 1.50.
 * Method: the answers of a real node to odd paths, written down; the count and rows of its own table.
 */
import * as assert from 'uvu/assert';
import { decodeSegment, Router } from '../../../../sidecar/routes/router.ts';
import { ROUTES } from '../../../../sidecar/routes/table.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('router');
const router = new Router(ROUTES);

function find(method: string, target: string): string {
  const found = router.find(method, target);
  if (found.kind === 'unknown-path') return '404';
  if (found.kind === 'other-method') return `405 ${found.allow}`;
  return `${found.route.template} ${JSON.stringify(found.params)} ${found.query}`.trim();
}

test('paths a node answers', () => {
  assert.is(find('GET', '/'), '/ {}');
  assert.is(find('GET', '?x=1'), '/ {} x=1');
  assert.is(find('GET', '/health/'), '/health {}');
  assert.is(find('GET', '//health//'), '/health {}');
  assert.is(find('GET', '/indexes//documents'), '/indexes/{index_uid} {"index_uid":"documents"}');
  assert.is(find('GET', '/indexes/%6d'), '/indexes/{index_uid} {"index_uid":"m"}');
  assert.is(find('GET', '/indexes/a%2Fb'), '/indexes/{index_uid} {"index_uid":"a/b"}');
  assert.is(find('GET', '/indexes/a%2541'), '/indexes/{index_uid} {"index_uid":"a%41"}');
  assert.is(find('GET', '/indexes/%ff'), '/indexes/{index_uid} {"index_uid":"\u{fffd}"}');
  assert.is(find('GET', '/indexes/a+b'), '/indexes/{index_uid} {"index_uid":"a+b"}');
  assert.is(
    find('POST', '/indexes/m/%73earch?q=/a'),
    '/indexes/{index_uid}/search {"index_uid":"m"} q=/a',
  );
  assert.is(
    find('GET', '/indexes/m/documents/fetch%2F'),
    '/indexes/{index_uid}/documents/{document_id} {"index_uid":"m","document_id":"fetch/"}',
  );
});

test('paths a node does not know', () => {
  for (const path of [
    '/nope',
    '/nope/',
    '/health/x',
    '/indexes/m/nothing',
    '/indexes/m/../m',
    '/indexes/m/search/x',
    '/indexes/m/documents/1/2',
    '/indexes/m/settings/nothing',
    '/tasks/1/2',
    '/keys/a/b',
    '/batches/1/2',
    '/logs',
  ]) {
    assert.is(find('GET', path), '404', path);
  }
});

test("other methods list the known ones in a node's order", () => {
  const expected: [string, string][] = [
    ['/health', 'GET'],
    ['/keys', 'GET, POST'],
    ['/keys/a', 'GET, PATCH, DELETE'],
    ['/indexes/m/documents', 'GET, POST, PUT, DELETE'],
    ['/indexes/m/documents/fetch', 'POST'],
    ['/indexes/m/documents/1', 'GET, DELETE'],
    ['/indexes/m/settings', 'GET, PATCH, DELETE'],
    ['/indexes/m/settings/stop-words', 'GET, PUT, DELETE'],
    ['/indexes/m/settings/chat', 'GET, PATCH, DELETE'],
    ['/tasks', 'GET, DELETE'],
    ['/tasks/cancel', 'POST'],
    ['/dynamic-search-rules', 'POST, DELETE'],
    ['/logs/stream', 'POST, DELETE'],
    ['/network', 'GET, PATCH'],
    ['/multi-search', 'POST'],
  ];
  for (const [path, allow] of expected) {
    assert.is(find('FOO', path), `405 ${allow}`, path);
    assert.is(find('HEAD', path), `405 ${allow}`, path);
  }
});

test('percent signs that encode nothing stay', () => {
  assert.is(decodeSegment('100%'), '100%');
  assert.is(decodeSegment('%zz%2'), '%zz%2');
  assert.is(decodeSegment('%C3%A9'), 'é');
});

test('the table is whole: every route of 1.50 once', () => {
  const rows = ROUTES.filter(({ template }) => !template.startsWith('/_miroir/'));
  const names = rows.map(({ method, template }) => `${method} ${template}`);
  assert.is(new Set(names).size, names.length, 'no row twice');
  // 22 settings with three methods each and the whole with three, then the families of a node's table.
  assert.is(names.filter((name) => name.includes('/settings')).length, 22 * 3 + 3 + 3);
  assert.is(names.length, 141);
  for (const { template, action } of rows) {
    assert.is(action === 'none', template === '/' || template === '/health', template);
    assert.is.not(action, 'admin');
  }
});

run();
