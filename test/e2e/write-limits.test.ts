/**
 * Goal: uploads that may not be, or that do not fit, cost little and break nothing: an anonymous one is
 * refused at its headers, one that finds the spool's disk full gets a 503, and searches go on.
 * Method: the whole of `npm start` with its spool on a small file system in memory; raw sockets, so that
 * every byte that left is counted.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const UPLOAD_BYTES = 300_000_000;
const SPOOL_MB = 8;

const e2e = suite('write limits');
const folder = mkdtempSync(join(tmpdir(), 'miroir-limits-'));
const spool = join(folder, 'spool');
let mountFailure: string | undefined;
let cluster: TestCluster;

e2e.before(async () => {
  mkdirSync(spool);
  try {
    const args = ['-t', 'tmpfs', '-o', `size=${SPOOL_MB}m`, 'none', spool];
    execFileSync('mount', args, { stdio: 'ignore' });
  } catch {
    mountFailure = 'mounting a file system in memory is not allowed';
  }
  const config = join(folder, 'config.yaml');
  writeFileSync(config, `writes: {spool_dir: ${spool}, spool_memory: 1MiB}\n`);
  cluster = await startCluster(['--config', config]);
}, 5 * MINUTES);

e2e.after(async () => {
  await cluster?.stop();
  if (mountFailure === undefined) execFileSync('umount', [spool]);
  rmSync(folder, { recursive: true });
}, MINUTES);

for (const [name, header] of [
  ['no key', ''],
  ['a wrong key', 'Authorization: Bearer nobody\r\n'],
] as const) {
  e2e.test(
    `300 MB with ${name} are refused at the headers`,
    async () => {
      const { answer, sentBytes, tookMs } = await upload(header);
      assert.match(answer, header === '' ? /^HTTP\/1\.1 401/ : /^HTTP\/1\.1 403/);
      // What lies in the buffers of two sockets and of Envoy; nothing was asked for beyond them.
      assert.ok(sentBytes < 16_000_000, `${sentBytes} bytes left before the answer`);
      assert.ok(tookMs < 5_000, `${tookMs} ms`);
      console.log(`${name}: ${(sentBytes / 1e6).toFixed(1)} MB left, ${tookMs.toFixed(0)} ms`);
    },
    MINUTES,
  );
}

e2e.test(
  'a body that finds the disk of the spool full is refused, smaller ones and searches go on',
  async () => {
    if (mountFailure !== undefined) {
      console.log(`## skip write limits: full spool: ${mountFailure}`);
      return;
    }
    const small = await cluster.call('POST', '/indexes/room/documents', [{ id: 1, title: 'one' }]);
    await cluster.waitForTask(small.body.taskUid);
    const line = `${JSON.stringify({ id: 2, title: 'x'.repeat(10_000) })}\n`;
    const large = line.repeat((2 * SPOOL_MB * 1024 * 1024) / line.length);
    const headers = { 'content-type': 'application/x-ndjson' };
    const full = await cluster.call('POST', '/indexes/room/documents', large, headers);
    assert.is(full.status, 503, full.text);
    assert.is(full.body.code, 'miroir_storage_full');
    assert.equal(Object.keys(full.body), ['message', 'code', 'type', 'link']);
    assert.ok(Number(full.headers['retry-after']) > 0);
    const found = await cluster.call('POST', '/indexes/room/search', { q: 'one' });
    assert.is(found.body.hits.length, 1);
    const next = await cluster.call('POST', '/indexes/room/documents', [{ id: 3 }]);
    assert.is((await cluster.waitForTask(next.body.taskUid)).status, 'succeeded');
    const missing = await cluster.call('GET', '/indexes/room/documents/2');
    assert.is(missing.status, 404);
  },
  2 * MINUTES,
);

e2e.run();

/** Sends as fast as it is taken until an answer comes. */
function upload(header: string): Promise<{ answer: string; sentBytes: number; tookMs: number }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const socket = connect(Number(new URL(cluster.url).port), '127.0.0.1');
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    let answer = '';
    let left = UPLOAD_BYTES;
    const end = (): void => {
      socket.destroy();
      // What Node still holds has not left.
      const sentBytes = UPLOAD_BYTES - left - socket.writableLength;
      resolve({ answer, sentBytes, tookMs: performance.now() - startedAt });
    };
    const pump = (): void => {
      while (left > 0 && answer === '') {
        left -= chunk.length;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('drain', pump);
    socket.on('data', (bytes) => {
      answer += bytes.toString();
      end();
    });
    socket.on('error', (error) => {
      if (answer === '') reject(error);
    });
    socket.setTimeout(10_000, () => reject(new Error('no answer within 10 s')));
    socket.write(
      `POST /indexes/big/documents HTTP/1.1\r\nHost: x\r\n${header}Content-Type: application/json\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`,
    );
    pump();
  });
}
