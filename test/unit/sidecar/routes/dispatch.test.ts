/**
 * Goal: what a node does not even read as a request is none here either.
 * Method: the dispatcher with one route that would answer anything.
 */
import * as assert from 'uvu/assert';
import type { GatewayRequest } from '../../../../sidecar/http/exchange.ts';
import type { Route, Services } from '../../../../sidecar/routes/context.ts';
import { makeDispatcher } from '../../../../sidecar/routes/dispatch.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('dispatch');

test('a path and query longer than a node reads are answered by an empty 400', async () => {
  const route: Route = { method: 'GET', template: '/health', action: 'none' };
  const dispatch = makeDispatcher([route], {} as Services);
  const ask = (target: string) =>
    dispatch({ method: 'GET', target, headers: new Map() } as unknown as GatewayRequest);
  const long = await ask(`/nowhere?${'x'.repeat(65_534 - 8)}`);
  assert.is(long.status, 400);
  assert.equal([...(long.body as Iterable<Uint8Array>)], []);
  const shorter = await ask(`/nowhere?${'x'.repeat(65_534 - 9)}`);
  assert.is(shorter.status, 404);
});

run();
