/**
 * Goal: thousands of requests in a row without one refused stream. Envoy resets what it has finished, and
 * Node's HTTP/2 server drops a connection after about a thousand resets; both cures are in the bootstrap.
 * Method: real Envoy and workers, 6,000 GETs and POSTs over kept connections; Envoy's counters are read.
 */
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { startGateway } from './gateway.ts';

const REQUESTS = Number(process.env['MIROIR_TEST_STEADY_REQUESTS'] ?? 6000);
const tests = suite('gateway: steady');

tests.test(
  `${REQUESTS} requests, each answered 200`,
  async () => {
    const gateway = await startGateway({ workers: 2, logLevel: 'warn' });
    const pool = new Pool(gateway.url, { connections: 8, pipelining: 1 });
    try {
      const statuses = new Map<number, number>();
      let left = REQUESTS;
      const client = async () => {
        for (; left > 0; ) {
          left -= 1;
          const isPost = left % 2 === 0;
          const response = await pool.request({
            path: isPost ? '/count' : '/plain',
            method: isPost ? 'POST' : 'GET',
            body: isPost ? 'a small body' : null,
          });
          await response.body.dump();
          statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: 8 }, client));
      assert.equal([...statuses], [[200, REQUESTS]]);
      assert.is(await gateway.stat('cluster.sidecar.http2.tx_reset'), 0, 'streams were reset');
      const prefix = 'http.gateway.ext_proc.miroir';
      assert.ok(
        (await gateway.stat(`${prefix}.streams_started`)) >= REQUESTS,
        'no streams counted',
      );
      for (const counter of ['streams_failed', 'spurious_msgs_received', 'message_timeouts'])
        assert.is(await gateway.stat(`${prefix}.${counter}`), 0, counter);
    } finally {
      await pool.destroy();
      await gateway.close();
    }
  },
  300_000,
);

tests.run();
