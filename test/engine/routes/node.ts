/** Routes of the node itself: health, version, keys, experimental features. */
import { decodeObject, flag, orNull, queryCount } from '../decode.ts';
import { FEATURE_NAMES } from '../features.ts';
import { keyView } from '../keys.ts';
import type { Answer, Call, Route } from '../router.ts';

const VERSION = {
  commitSha: '5cb2f2e94befc717bbea60fec4a31ee64d2f60fd',
  commitDate: '2026-07-23T14:39:41.000000000Z',
  pkgVersion: '1.50.0',
};

const open = undefined;

/** Routes with an action of undefined need no key. */
export const nodeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/',
    action: open,
    handler: () => ({ status: 200, body: { status: 'Meilisearch is running' } }),
  },
  {
    method: 'GET',
    path: '/health',
    action: open,
    handler: () => ({ status: 200, body: { status: 'available' } }),
  },
  {
    method: 'GET',
    path: '/version',
    action: 'version',
    handler: () => ({ status: 200, body: VERSION }),
  },
  { method: 'GET', path: '/keys', action: 'keys.get', handler: listKeys },
  {
    method: 'POST',
    path: '/keys',
    action: 'keys.create',
    handler: (call) => ({ status: 201, body: keyView(call.engine.keys.create(call.json())) }),
  },
  {
    method: 'GET',
    path: '/keys/{key}',
    action: 'keys.get',
    handler: (call) => ({ status: 200, body: keyView(call.engine.keys.find(call.param('key'))) }),
  },
  {
    method: 'PATCH',
    path: '/keys/{key}',
    action: 'keys.update',
    handler: (call) => ({
      status: 200,
      body: keyView(call.engine.keys.change(call.param('key'), call.json())),
    }),
  },
  {
    method: 'DELETE',
    path: '/keys/{key}',
    action: 'keys.delete',
    handler: (call) => {
      call.engine.keys.delete(call.param('key'));
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: '/experimental-features',
    action: 'experimental.get',
    handler: (call) => ({ status: 200, body: call.engine.features.view() }),
  },
  {
    method: 'PATCH',
    path: '/experimental-features',
    action: 'experimental.update',
    handler: changeFeatures,
  },
];

function listKeys(call: Call): Answer {
  const codes = { offset: 'invalid_api_key_offset', limit: 'invalid_api_key_limit' };
  const query = call.query(codes);
  const offset = queryCount(query, 'offset', codes.offset) ?? 0;
  const limit = queryCount(query, 'limit', codes.limit) ?? 20;
  const all = call.engine.keys.all();
  return {
    status: 200,
    body: {
      results: all.slice(offset, offset + limit).map(keyView),
      offset,
      limit,
      total: all.length,
    },
  };
}

function changeFeatures(call: Call): Answer {
  const fields = Object.fromEntries(FEATURE_NAMES.map((name) => [name, { decode: orNull(flag) }]));
  const given = decodeObject(call.json(), { path: '', code: 'bad_request' }, fields);
  for (const [name, value] of given) {
    if (typeof value === 'boolean') call.engine.features.set(name, value);
  }
  return { status: 200, body: call.engine.features.view() };
}
