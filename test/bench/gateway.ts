/**
 * What the way through Envoy and the sidecar costs when the route does nothing: a plain HTTP server and
 * the gateway answer the same few bytes, in turns, to the same keep-alive client; medians are compared.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { startGateway } from '../gateway/gateway.ts';
import { type Benchmark, median } from './figure.ts';

const ROUNDS = 5;
const REQUESTS = 1000;
const BODY = JSON.stringify({ q: 'a search', limit: 20 });

interface Measured {
  readonly addedMs: number;
  readonly gatewayMs: number;
  readonly directMs: number;
  readonly cpuMs: number;
  readonly workerRate: number;
}

let measured: Promise<Measured> | undefined;
const once_ = () => {
  measured ??= measure();
  return measured;
};

/** Processor time of a worker for a call that does nothing, in milliseconds. */
export async function emptyCallCpuMs(): Promise<number> {
  return (await once_()).cpuMs;
}

/** The empty round trip, and the processor time of it. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'gateway: empty round trip, added',
    async run() {
      const { addedMs, gatewayMs, directMs } = await once_();
      const note = `p50 ${gatewayMs.toFixed(2)} ms through Envoy and sidecar, ${directMs.toFixed(2)} ms direct`;
      return { value: addedMs, unit: 'ms', target: '<= 0.8', note };
    },
  },
  {
    name: 'gateway: empty call, sidecar CPU',
    async run() {
      const { cpuMs, workerRate } = await once_();
      const note = `one worker, 16 clients: ${Math.round(workerRate)} requests/s`;
      return { value: cpuMs, unit: 'ms', target: '<= 0.6', note };
    },
  },
];

async function measure(): Promise<Measured> {
  const bare = spawn(process.execPath, [
    fileURLToPath(new URL('../gateway/bare-server.js', import.meta.url)),
  ]);
  const [line] = (await once(bare.stdout, 'data')) as [Buffer];
  const gateway = await startGateway();
  const direct = new Pool(`http://127.0.0.1:${Number(line.toString())}`, { connections: 1 });
  const through = new Pool(gateway.url, { connections: 16 });
  try {
    await latency(direct, REQUESTS);
    await latency(through, REQUESTS);
    const directMs: number[] = [];
    const gatewayMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      directMs.push(await latency(direct, REQUESTS));
      gatewayMs.push(await latency(through, REQUESTS));
    }
    const added = gatewayMs.map((value, round) => value - (directMs[round] ?? 0));
    return {
      addedMs: median(added),
      gatewayMs: median(gatewayMs),
      directMs: median(directMs),
      ...(await load(through)),
    };
  } finally {
    await Promise.all([direct.destroy(), through.destroy()]);
    await gateway.close();
    bare.kill('SIGTERM');
  }
}

/** Median of sequential requests, in milliseconds. */
async function latency(pool: Pool, requests: number): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < requests; count += 1) {
    const startedAt = performance.now();
    await send(pool);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** Processor time of the worker per request, and requests a second, with 16 clients. */
async function load(pool: Pool): Promise<{ cpuMs: number; workerRate: number }> {
  const before = await workerCpuMs(pool);
  const startedAt = performance.now();
  let left = REQUESTS * 5;
  const client = async () => {
    for (; left > 0; left -= 1) await send(pool);
  };
  await Promise.all(Array.from({ length: 16 }, client));
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuMs = ((await workerCpuMs(pool)) - before) / (REQUESTS * 5);
  return { cpuMs, workerRate: (REQUESTS * 5) / seconds };
}

async function send(pool: Pool): Promise<void> {
  const response = await pool.request({ path: '/plain', method: 'POST', body: BODY });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
}

async function workerCpuMs(pool: Pool): Promise<number> {
  const { body } = await pool.request({ path: '/cpu', method: 'GET' });
  const { cpu } = (await body.json()) as { cpu: { user: number; system: number } };
  return (cpu.user + cpu.system) / 1000;
}
