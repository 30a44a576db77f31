/**
 * Goal: however a client speaks HTTP, the sidecar sees one clear request, and what is not HTTP gets an
 * error in Meilisearch's shape.
 * Method: raw sockets and an HTTP/2 client against a real Envoy; the scripted app echoes what it saw.
 */
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { call, callHttp2, raw } from './wire.ts';

const tests = suite('gateway: protocols');
let gateway: Gateway;

tests.before(async () => {
  gateway = await startGateway();
}, 240_000);
tests.after(() => gateway.close());

const chunked = (trailers: string) =>
  `POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n${trailers}\r\n`;

tests.test('HTTP/1.0 is answered, with and without keep-alive', async () => {
  const plain = await raw(gateway.port, 'GET /echo HTTP/1.0\r\n\r\n');
  assert.equal(plain.statuses, ['HTTP/1.0 200 OK']);
  assert.ok(plain.isClosed);
  const one = 'GET /plain HTTP/1.0\r\nconnection: keep-alive\r\n\r\n';
  const kept = await raw(gateway.port, one + one);
  assert.is(kept.statuses.length, 2);
  assert.not.ok(kept.isClosed);
  const large = await raw(gateway.port, 'GET /bytes?n=40000000 HTTP/1.0\r\n\r\n', {
    waitMs: 15_000,
  });
  assert.is(large.body.length, 40_000_000);
});

tests.test('HTTP/2 without TLS is answered', async () => {
  const get = await callHttp2(gateway.url, { ':path': '/echo?a=1' });
  assert.is(get.status, 200);
  assert.is(get.json.target, '/echo?a=1');
  assert.is(get.json.hasBody, false);
  const post = await callHttp2(
    gateway.url,
    { ':path': '/count', ':method': 'POST' },
    { body: Buffer.alloc(5_000_000) },
  );
  assert.is(post.json.bytes, 5_000_000);
  const head = await callHttp2(gateway.url, { ':path': '/bytes?n=77', ':method': 'HEAD' });
  assert.is(head.headers['content-length'], '77');
  assert.is(head.bytes.length, 0);
  const large = await callHttp2(gateway.url, { ':path': '/bytes?n=40000000' });
  assert.is(large.bytes.length, 40_000_000);
});

tests.test('trailers end a body and are dropped', async () => {
  const http2 = await callHttp2(
    gateway.url,
    { ':path': '/echo', ':method': 'POST' },
    { body: Buffer.from('hello'), trailers: { 'x-miroir-cluster': 'worker-0', 'x-checksum': '1' } },
  );
  assert.is(http2.json.body, 'hello');
  assert.is(http2.json.headers['x-checksum'], undefined);
  const http1 = await raw(gateway.port, chunked('x-checksum: 1\r\n'));
  assert.is(JSON.parse(http1.body).body, 'hello world');
  const large = await callHttp2(
    gateway.url,
    { ':path': '/stream?n=1000000', ':method': 'POST' },
    { body: Buffer.from('hello'), trailers: { 'x-checksum': '1' } },
  );
  assert.is(large.bytes.length, 1_000_000);
});

tests.test('chunks are joined; a body may come in small steps', async () => {
  assert.is(JSON.parse((await raw(gateway.port, chunked(''))).body).body, 'hello world');
  const slow = await raw(gateway.port, [
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n',
    'ab',
    'cd',
    'ef',
  ]);
  assert.is(JSON.parse(slow.body).body, 'abcdef');
});

tests.test('a client that expects 100-continue gets it', async () => {
  const { text } = await raw(gateway.port, [
    'POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n',
    'hi',
  ]);
  assert.match(text, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
});

tests.test('requests may be sent ahead on one connection', async () => {
  const one = (n: number) => `GET /echo?${n} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const { text } = await raw(gateway.port, one(1) + one(2) + one(3));
  assert.equal(text.match(/\/echo\?\d/g), ['/echo?1', '/echo?2', '/echo?3']);
});

tests.test('an upgrade is ignored, as a node ignores it', async () => {
  for (const protocol of ['websocket', 'h2c']) {
    const { statuses } = await raw(
      gateway.port,
      `GET /plain HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABk\r\nupgrade: ${protocol}\r\n\r\n`,
    );
    assert.equal(statuses, ['HTTP/1.1 200 OK']);
  }
});

tests.test('the request id is kept byte for byte, or made', async () => {
  for (const id of ['my id/1', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'x'.repeat(200)]) {
    const answer = await call(`${gateway.url}/echo`, { headers: { 'x-request-id': id } });
    assert.is(answer.json.requestId, id);
    assert.is(answer.headers['x-request-id'], id);
  }
  const made = await call(`${gateway.url}/echo`);
  assert.match(made.json.requestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.is(made.headers['x-request-id'], made.json.requestId);
});

tests.test('what would steer Envoy, the sidecar or a node is taken from clients', async () => {
  const { json } = await call(`${gateway.url}/echo`, {
    headers: {
      'X-Miroir-Cluster': 'worker-0',
      'x-miroir-host': '127.0.0.1:1',
      'X-Envoy-Retry-On': '5xx',
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-envoy-original-path': '/x',
      'Meili-Proxy-Search': 'true',
      'meili-proxy-origin-task-uid': '1',
      'Meili-Include-Metadata': 'true',
      'X-Miroir-Session': 'kept',
      'X-Miroir-Partial': 'error',
      x_miroir_cluster: 'worker-0',
    },
  });
  const names = Object.keys(json.headers);
  const steering = names.filter((name) =>
    /^(x-envoy-(?!external)|meili-proxy|x-miroir-(c|h)|x_)/.test(name),
  );
  assert.equal(steering, []);
  assert.is(json.headers['x-miroir-session'], 'kept');
  assert.is(json.headers['x-miroir-partial'], 'error');
  assert.is(json.headers['meili-include-metadata'], 'true');
  assert.is(json.headers['accept-encoding'], undefined);
});

tests.test('a client cannot reach a worker’s own listener', async () => {
  for (const name of [
    'x-miroir-cluster',
    'X-MIROIR-CLUSTER',
    'x-miroir-cluster ',
    ' x-miroir-cluster',
  ]) {
    const { text } = await raw(
      gateway.port,
      `GET /echo HTTP/1.1\r\nhost: x\r\n${name}: worker-0\r\nconnection: x-miroir-cluster\r\n\r\n`,
    );
    assert.match(text, /"method":"GET"|^HTTP\/1.1 400/);
    assert.not.match(text, /worker-0/);
  }
});

tests.test('paths are taken as a node takes them', async () => {
  const cases: [sent: string, seen: string][] = [
    ['/echo/a%2Fb', '/echo/a%2Fb'],
    ['//echo', '/echo'],
    ['/echo//', '/echo/'],
    ['/echo/../x', '/echo/../x'],
    ['/./echo', '/./echo'],
    ['/%65cho', '/%65cho'],
    ['/echo?a=b//c&d=%zz', '/echo?a=b//c&d=%zz'],
    ['/echo?q=1#part', '/echo?q=1'],
    ['http://elsewhere/echo', '/echo'],
    ['/echo\\x', '/echo\\x'],
  ];
  for (const [sent, seen] of cases) {
    const { body } = await raw(gateway.port, `GET ${sent} HTTP/1.1\r\nhost: x\r\n\r\n`, {
      waitMs: 150,
    });
    const answer = JSON.parse(body);
    assert.is(answer.target ?? answer.message, answer.target ? seen : `no route ${seen}`, sent);
  }
});

tests.test('what is not HTTP is refused in Meilisearch’s shape', async () => {
  const ambiguous = 'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
  const cases: [name: string, bytes: string, status: number][] = [
    ['length and chunks', `POST /echo HTTP/1.1\r\nhost: x\r\n${ambiguous}`, 400],
    [
      'two lengths',
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde',
      400,
    ],
    ['negative length', 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400],
    ['signed length', 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: +4\r\n\r\nabcd', 400],
    [
      'unknown transfer coding',
      'POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'twice chunked',
      'POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'bad chunk',
      'POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n',
      400,
    ],
    ['blank in a name', 'GET /echo HTTP/1.1\r\nhost: x\r\nx foo: 1\r\n\r\n', 400],
    ['zero byte', 'GET /echo HTTP/1.1\r\nhost: x\r\nx-a: 1\u00002\r\n\r\n', 400],
    ['no host', 'GET /echo HTTP/1.1\r\n\r\n', 400],
    ['TLS', '\u0016\u0003\u0001\u0000\u00f4\r\n\r\n', 400],
    ['non-ASCII path', 'GET /\u00c3\u00a9 HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['too many headers', `GET /echo HTTP/1.1\r\nhost: x\r\n${'a: 1\r\n'.repeat(200)}\r\n`, 431],
    [
      'too large headers',
      `GET /echo HTTP/1.1\r\nhost: x\r\na: ${'1'.repeat(200_000)}\r\n\r\n`,
      431,
    ],
  ];
  for (const [name, bytes, status] of cases) {
    const answer = await raw(gateway.port, bytes, { waitMs: 1500 });
    assert.match(answer.statuses[0] ?? 'nothing', new RegExp(`^HTTP/1.1 ${status} `), name);
    assert.is(answer.statuses.length, 1, name);
    const error = JSON.parse(answer.body);
    assert.equal(Object.keys(error), ['message', 'code', 'type', 'link'], name);
    assert.is(error.code, 'bad_request', name);
    assert.match(answer.text, /access-control-allow-origin: \*/, name);
  }
});

tests.test('cross-origin requests are answered as a node answers them', async () => {
  const origin = { origin: 'http://example.com' };
  const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
  const simple = await call(`${gateway.url}/early`, { headers: origin });
  assert.is(simple.headers['access-control-allow-origin'], '*');
  assert.is(simple.headers['vary'], vary);
  const local = await call(`${gateway.url}/plain`);
  assert.is(local.headers['access-control-allow-origin'], undefined);
  assert.is(local.headers['vary'], vary);
  const preflight = await call(`${gateway.url}/not/a/route`, {
    method: 'OPTIONS',
    headers: {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization',
    },
  });
  assert.is(preflight.status, 200);
  assert.is(preflight.bytes.length, 0);
  assert.is(preflight.headers['content-length'], '0');
  assert.is(preflight.headers['access-control-max-age'], '86400');
  assert.is(preflight.headers['access-control-allow-headers'], 'content-type,authorization');
  assert.match(preflight.headers['access-control-allow-methods'] as string, /PATCH/);
  const unknown = await call(`${gateway.url}/plain`, {
    method: 'OPTIONS',
    headers: { ...origin, 'access-control-request-method': 'FOO' },
  });
  assert.is(unknown.status, 400);
  assert.is(unknown.text, 'Requested method is not allowed');
});

tests.run();
