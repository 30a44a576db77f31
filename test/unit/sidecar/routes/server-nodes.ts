/** Three servers that answer as a test has it, one index named `striped` over all of them, and a worker. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

/** Status and body of what a node says to a request. */
export type NodeAnswer = (
  node: number,
  request: { readonly path: string; readonly body: string },
) => readonly [status: number, body: string];

/** The worker to call, and the end of all of it. */
export interface ServerNodes {
  readonly served: ServedApp;
  close(): Promise<void>;
}

const SHARDS = 6;
const NODES = ['n0', 'n1', 'n2'];

/** Starts them; shard s is on node s % 3. */
export async function startServerNodes(answerOf: NodeAnswer): Promise<ServerNodes> {
  const nodes = NODES.map((_, node) =>
    createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const [status, answer] = answerOf(node, { path: request.url ?? '', body });
      response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
    }),
  );
  await Promise.all(
    nodes.map((node) => new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))),
  );
  const urls = nodes.map((node) => `http://127.0.0.1:${(node.address() as AddressInfo).port}`);
  const control = new FakeControl(urls);
  control.indexes = [fakeIndex('striped', SHARDS, NODES, (shard) => shard % 3, {})];
  await control.start();
  const served = await serveApp(control.address);
  await until(() => served.app.isReady());
  return {
    served,
    close: async () => {
      await served.close();
      control.close();
      for (const node of nodes) node.close();
    },
  };
}
