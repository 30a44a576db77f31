/**
 * Goal: a filter that nodes refuse is refused in the client's own words, although nodes are asked with a
 * filter that says the same otherwise.
 * Method: three servers; the first has never seen the field compared with `!=`, so it has no use for the
 * rest of the client's filter and takes it, as a node does. The others refuse it, quoting it.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('refusals');

const NODES = ['n0', 'n1', 'n2'];
const FILTER = 'seen != 1 AND _geoRadius(1, 2, 3)';

let nodes: Server[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  nodes = NODES.map((_, node) =>
    createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const [status, answer] = answerOf(node, request.url ?? '', body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
    }),
  );
  await Promise.all(
    nodes.map((node) => new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))),
  );
  const urls = nodes.map((node) => `http://127.0.0.1:${(node.address() as AddressInfo).port}`);
  control = new FakeControl(urls);
  control.indexes = [fakeIndex('striped', 6, NODES, (shard) => shard % 3, {})];
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  for (const node of nodes) node.close();
});

function answerOf(node: number, path: string, body: string): [status: number, body: string] {
  if (path.endsWith('/documents/fetch')) {
    return [200, `{"results":[],"offset":0,"limit":0,"total":${node === 0 ? 0 : 5}}`];
  }
  const { filter } = JSON.parse(body || '{}') as { filter?: unknown };
  if (node === 0 && filter === FILTER) return [200, '{"hits":[],"estimatedTotalHits":0}'];
  const message = `Attribute \`_geo/_geojson\` is not filterable.\n${JSON.stringify(filter)}`;
  const code = 'invalid_search_filter';
  return [400, JSON.stringify({ message, code, type: 'invalid_request', link: '' })];
}

test('a filter is quoted as it was sent, by whichever node refuses it', async () => {
  const { status, json } = await served.call('POST', '/indexes/striped/search', {
    body: { filter: FILTER },
  });
  assert.is(status, 400);
  assert.is(json.message, `Attribute \`_geo/_geojson\` is not filterable.\n"${FILTER}"`);
});

run();
