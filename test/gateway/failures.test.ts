/**
 * Goal: whatever dies, a client gets an answer at once, and never one that the sidecar did not give.
 * Method: real Envoy, supervisor and workers, killed, stopped, misconfigured or replaced by a server that
 * ends its streams without an answer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../core/config/index.ts';
import { extprocSocket, httpSocket } from '../../core/sockets.ts';
import { bootstrap } from '../../envoy/bootstrap.ts';
import { suite } from '../kit/suite.ts';
import { type Gateway, startEnvoy, startGateway } from './gateway.ts';
import { type Answer, call, callHttp2, eventually, open } from './wire.ts';

const tests = suite('gateway: failures');
const open_: Gateway[] = [];
const STOP_LIMIT_MS = 5000;

async function started(options: Parameters<typeof startGateway>[0]): Promise<Gateway> {
  const gateway = await startGateway(options);
  open_.push(gateway);
  return gateway;
}
tests.after(async () => {
  await Promise.all(open_.map((gateway) => gateway.close()));
});

function isUnavailable(answer: Answer): void {
  assert.is(answer.status, 503);
  assert.is(answer.headers['content-type'], 'application/json');
  assert.is(answer.json.code, 'miroir_gateway_unavailable');
  assert.is(answer.headers['retry-after'], '1');
}

tests.test(
  'a killed worker is passed over and replaced; a stopped one is passed over',
  async () => {
    const gateway = await started({ workers: 2 });
    const [first = 0, second = 0] = gateway.workerPids;
    const failures = await underLoad(gateway, 3000, () => process.kill(first, 'SIGKILL'));
    // Four clients, each of which may meet it twice while the system closes its sockets. An answer already
    // begun is cut off.
    assert.ok(failures.length <= 8, `${failures.length} of the requests failed`);
    for (const answer of failures) isUnavailable(answer);
    const pids = async () => (await call(`${gateway.url}/seen`)).json.pid as number;
    const seen = new Set<number>();
    assert.ok(
      await eventually(async () => seen.add(await pids()).size === 2, STOP_LIMIT_MS),
      'no new worker serves',
    );
    assert.not.ok(seen.has(first));
    process.kill(second, 'SIGSTOP');
    try {
      // What the worker was at ends with 503 after some seconds; nothing new is sent to it.
      for (const answer of await underLoad(gateway, 2000, () => undefined)) isUnavailable(answer);
      const after = await underLoad(gateway, 1000, () => undefined);
      assert.is(after.length, 0, 'requests went to a stopped worker');
    } finally {
      process.kill(second, 'SIGCONT');
    }
  },
  60_000,
);

tests.test(
  'a killed sidecar means 503 at once, on every path, and nothing else',
  async () => {
    const gateway = await started({ workers: 2 });
    gateway.sidecar.kill('SIGKILL');
    for (const pid of gateway.workerPids) process.kill(pid, 'SIGKILL');
    await sleep(100);
    for (let round = 0; round < 20; round += 1) {
      const startedAt = performance.now();
      isUnavailable(await call(`${gateway.url}/plain`));
      isUnavailable(
        await call(`${gateway.url}/count`, { body: Buffer.alloc(3_000_000) }).catch(refused),
      );
      isUnavailable(await callHttp2(gateway.url, { ':path': '/plain' }));
      assert.ok(performance.now() - startedAt < 2000, 'it took long');
      await sleep(100);
    }
  },
  60_000,
);

tests.test(
  'a sidecar that ends streams without an answer: 503, and no worker is reached',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-gw-'));
    const reached: string[] = [];
    const worker = createServer((socket) => {
      reached.push('connection');
      socket.destroy();
    }).listen(httpSocket(folder, 0));
    const { server, mode } = await endingServer(extprocSocket(folder, 0));
    const file = join(folder, 'miroir.json');
    writeFileSync(file, JSON.stringify({ listen: { port: 0, socket_dir: folder, workers: 1 } }));
    const envoy = await startEnvoy(folder, bootstrap(loadConfig({ file })));
    try {
      for (const how of ['at headers', 'after body', 'with error', 'continue'] as const) {
        mode.how = how;
        for (const body of [undefined, 'small', Buffer.alloc(500_000)]) {
          // To go on and then to end without the body is the one thing that would hang; nothing does it.
          if (how === 'continue' && body !== undefined) continue;
          const answer = await call(`${envoy.url}/plain`, {
            ...(body !== undefined && { body }),
            headers: { 'x-miroir-cluster': 'worker-0' },
          });
          isUnavailable(answer);
        }
      }
      assert.equal(reached, []);
    } finally {
      await envoy.stop();
      server.forceShutdown();
      worker.close();
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);

tests.test(
  'an Envoy that is configured otherwise is noticed and refused',
  async () => {
    const gateway = await started({
      mutate: (config) => {
        const text = JSON.stringify(config)
          .replace('"request_body_mode":"FULL_DUPLEX_STREAMED"', '"request_body_mode":"NONE"')
          .replace('"request_trailer_mode":"SEND"', '"request_trailer_mode":"SKIP"');
        Object.assign(config, JSON.parse(text));
      },
    });
    isUnavailable(await call(`${gateway.url}/plain`));
    assert.ok(await eventually(() => /request_body_mode is 0/.test(gateway.log())));
  },
  60_000,
);

tests.test(
  'a client that leaves fires the signal of its request',
  async () => {
    const gateway = await started({});
    const aborted = async () => (await call(`${gateway.url}/seen`)).json.aborted as number;
    const socket = await open(gateway.port);
    socket.write('GET /hang HTTP/1.1\r\nhost: x\r\n\r\n');
    await sleep(200);
    assert.is(await aborted(), 0);
    socket.destroy();
    assert.ok(await eventually(async () => (await aborted()) === 1, 1000), 'HTTP/1.1');
    const { connect } = await import('node:http2');
    const session = connect(gateway.url);
    const stream = session.request({ ':path': '/hang', ':method': 'POST' });
    stream.on('error', () => undefined);
    stream.end('a whole body');
    await sleep(200);
    stream.close(8);
    assert.ok(await eventually(async () => (await aborted()) === 2, 1000), 'HTTP/2');
    session.destroy();
    assert.ok(await eventually(() => (gateway.log().match(/"status":499/g) ?? []).length === 2));
  },
  60_000,
);

tests.test(
  'SIGTERM lets requests finish, then everything is gone',
  async () => {
    const gateway = await started({ workers: 2 });
    const held = Promise.all(Array.from({ length: 4 }, () => call(`${gateway.url}/hold?ms=1500`)));
    await sleep(300);
    const ended = once(gateway.sidecar, 'exit');
    gateway.sidecar.kill('SIGTERM');
    for (const answer of await held) assert.is(answer.status, 200);
    assert.equal(await ended, [0, null]);
    for (const pid of gateway.workerPids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
    isUnavailable(await call(`${gateway.url}/plain`));
  },
  60_000,
);

tests.test(
  'metrics of all workers are added up; readiness is told',
  async () => {
    const gateway = await started({ workers: 2 });
    for (let count = 0; count < 40; count += 1) await call(`${gateway.url}/plain`);
    const base = `http://127.0.0.1:${gateway.metricsPort}`;
    const { text } = await call(`${base}/metrics`);
    const total = /^miroir_requests_total\{[^}]*path_template="\/scripted"[^}]*\} (\d+)$/m.exec(
      text,
    );
    assert.is(total?.[1], '40');
    assert.match(text, /miroir_requests_in_flight 0/);
    assert.is((await call(`${base}/readyz`)).status, 200);
    assert.is((await call(`${base}/livez`)).status, 200);
    assert.is((await call(`${base}/other`)).status, 404);
  },
  60_000,
);

tests.test(
  'a worker that is not ready gets requests only if none is',
  async () => {
    const gateway = await started({ workers: 2 });
    for (const socket of [extprocSocket(gateway.folder, 0), httpSocket(gateway.folder, 1)])
      assert.is(statSync(socket).mode & 0o777, 0o700, 'others could pose as Envoy');
    const { pid } = (await call(`${gateway.url}/seen`)).json;
    for (let isOff = false; !isOff; ) {
      const here = (await call(`${gateway.url}/seen`)).json.pid === pid;
      if (here) isOff = (await call(`${gateway.url}/ready?is=false`)).status === 200;
    }
    await sleep(2500);
    const pids = new Set<number>();
    for (let count = 0; count < 20; count += 1)
      pids.add((await call(`${gateway.url}/seen`)).json.pid);
    assert.is(pids.size, 1);
    await call(`${gateway.url}/ready?is=false`);
    await sleep(2500);
    const base = `http://127.0.0.1:${gateway.metricsPort}`;
    assert.is((await call(`${base}/readyz`)).status, 503);
    assert.is((await call(`${gateway.url}/plain`)).status, 200, 'it could say so itself');
  },
  60_000,
);

tests.test('a bad configuration is one line and exit 1', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-gw-'));
  const file = join(folder, 'miroir.json');
  for (const [text, expected] of [
    ['{"listen":{"prot":7700}}', /prot/],
    [JSON.stringify({ listen: { socket_dir: '/proc/none' } }), /socket_dir/],
  ] as const) {
    writeFileSync(file, text);
    const program = fileURLToPath(new URL('./scripted-main.js', import.meta.url));
    const child = spawn(process.execPath, [program, '--config', file]);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const [code] = await once(child, 'exit');
    assert.is(code, 1);
    assert.match(errors, expected);
    assert.is(errors.trim().split('\n').length, 1, errors);
  }
  assert.not.ok(existsSync('/proc/none'));
  rmSync(folder, { recursive: true });
});

/** Requests from four clients for `forMs`; gives the answers that were not 200. */
async function underLoad(gateway: Gateway, forMs: number, at: () => void): Promise<Answer[]> {
  const failures: Answer[] = [];
  const endAt = performance.now() + forMs;
  const client = async () => {
    while (performance.now() < endAt) {
      const startedAt = performance.now();
      const answer = await call(`${gateway.url}/plain`).catch((error: Error) => {
        if (/does not match content-length/.test(error.message)) return undefined;
        throw error;
      });
      if (answer !== undefined && answer.status !== 200) failures.push(answer);
      assert.ok(performance.now() - startedAt < 12_000, 'a request hung');
    }
  };
  const clients = Array.from({ length: 4 }, client);
  await sleep(forMs / 6);
  at();
  const ends = await Promise.allSettled(clients);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return failures;
}

/** Early refusals of an upload may cut the connection; the answer is what counts where there is one. */
function refused(error: unknown): never {
  throw new Error(`no answer to an upload: ${String(error)}`);
}

/** A gRPC server that is healthy and never answers a stream. */
async function endingServer(path: string) {
  const mode: { how: 'at headers' | 'after body' | 'with error' | 'continue' } = {
    how: 'at headers',
  };
  const server = new Server();
  const asIs = (bytes: Buffer) => bytes;
  new HealthImplementation({ '': 'SERVING' }).addToServer(server);
  server.addService(
    {
      process: {
        path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
        requestStream: true,
        responseStream: true,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    {
      process: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('error', () => undefined);
        call.on('data', () => {
          if (mode.how === 'with error') call.emit('error', { code: 13, details: 'broken' });
          // ProcessingResponse{request_headers{}}: go on as if nothing had to be done.
          if (mode.how === 'continue') call.write(Buffer.from([0x0a, 0x00]));
          if (mode.how !== 'after body') call.end();
          else setTimeout(() => call.end(), 50);
        });
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return { server, mode };
}

tests.run();
