/**
 * Goal: whatever happens to the connections and to etcd, what clients of the driver see could have happened one
 * swap after the other; and drivers with the known mistakes are found out by the same test.
 * Method: histories of several clients on a real etcd behind proxies that misbehave, judged by the checker.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Engine } from '../../../../../control/replication/engine.ts';
import { EtcdEngine } from '../../../../../control/replication/engines/etcd.ts';
import { FaultProxy, type ProxyMode } from '../../../../chaos/fault-proxy.ts';
import { Rng } from '../../../../chaos/rng.ts';
import { casRegister } from '../../../../kit/cas-register.ts';
import { EtcdProcess } from '../../../../kit/etcd.ts';
import { checkLinearizable, type Verdict } from '../../../../kit/linearizable.ts';
import { seed, suite } from '../../../../kit/suite.ts';
import { type RecordedHistory, recordHistory } from './history.ts';

const { test, before, after, run } = suite('engine: linearizable');

const PROXIES = 3;
const CALL_MS = 250;
const BUG_ROUNDS_MAX = 12;

let etcd: EtcdProcess;
let proxies: FaultProxy[] = [];
let keys = 0;

before(async () => {
  etcd = await EtcdProcess.start();
  proxies = await Promise.all(Array.from({ length: PROXIES }, () => FaultProxy.start(etcd.port)));
}, 120_000);

after(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await etcd.remove();
});

/** Wraps the driver of one client; `key` is the etcd key. */
type Wrap = (engine: EtcdEngine, key: string) => Engine;
const asItIs: Wrap = (engine) => engine;

interface Round {
  readonly rng: Rng;
  readonly wrap: Wrap;
  readonly operations: number;
  /** Default: short. */
  readonly callTimeoutMs?: number;
  /** What happens meanwhile; ends when the signal says so. */
  readonly faults: (rng: Rng, signal: AbortSignal) => Promise<void>;
}

async function play(round: Round): Promise<RecordedHistory & { readonly verdict: Verdict }> {
  const engines: EtcdEngine[] = [];
  const registers = ['a', 'b'].map((name) => {
    keys += 1;
    const key = `/history/${keys}`;
    const clients = proxies.map(({ port }, at) => {
      const others = proxies[(at + 1) % PROXIES]?.port;
      const endpoints = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${others}`];
      const engine = new EtcdEngine({
        endpoints,
        key,
        callTimeoutMs: round.callTimeoutMs ?? CALL_MS,
      });
      engines.push(engine);
      return round.wrap(engine, key);
    });
    return { key: name, engines: clients };
  });
  const abort = new AbortController();
  const faults = round.faults(round.rng, abort.signal);
  const { rng, operations } = round;
  const history = await recordHistory({ registers, rng, operations });
  abort.abort();
  await faults;
  for (const proxy of proxies) proxy.setMode('pass');
  await Promise.all(engines.map((engine) => engine.close()));
  return { ...history, verdict: checkLinearizable(casRegister, history.operations) };
}

const MODES: readonly ProxyMode[] = ['pass', 'pass', 'slow', 'answerless', 'silent', 'refuse'];

/** Proxies change their ways all the time. */
async function badNetwork(rng: Rng, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const proxy = rng.pick(proxies);
    proxy.slowMs = rng.between(5, 200);
    proxy.setMode(rng.pick(MODES));
    if (rng.isTrue(0.2)) rng.pick(proxies).cut();
    await sleep(rng.between(5, 60));
  }
}

/** Besides, etcd is killed, and frozen for longer than a call may take. */
async function badEtcd(rng: Rng, signal: AbortSignal): Promise<void> {
  const network = badNetwork(rng, signal);
  while (!signal.aborted) {
    await sleep(rng.between(200, 700));
    if (rng.isTrue(0.5)) {
      await etcd.kill();
      await etcd.start();
    } else {
      etcd.freeze(true);
      await sleep(2 * CALL_MS);
      etcd.freeze(false);
    }
  }
  await network;
}

const calm = async (): Promise<void> => {};

test('a calm network', async () => {
  const rng = new Rng(seed);
  const callTimeoutMs = 10_000;
  const played = await play({ rng, wrap: asItIs, operations: 60, faults: calm, callTimeoutMs });
  assert.equal(played.verdict, { kind: 'linearizable' });
  assert.is(played.counts.unknown + played.counts.failed, 0);
  assert.ok(played.counts.ok > 10 && played.counts.conflict > 10, JSON.stringify(played.counts));
});

test('a bad network', async () => {
  const rng = new Rng(seed + 1);
  const played = await play({ rng, wrap: asItIs, operations: 120, faults: badNetwork });
  assert.equal(played.verdict, { kind: 'linearizable' });
  const { ok, conflict, unknown, failed } = played.counts;
  assert.ok(ok > 5 && conflict > 5 && unknown > 5 && failed > 0, JSON.stringify(played.counts));
}, 60_000);

test('a bad network and a bad etcd', async () => {
  const rng = new Rng(seed + 2);
  const played = await play({ rng, wrap: asItIs, operations: 120, faults: badEtcd });
  assert.equal(played.verdict, { kind: 'linearizable' });
  const { ok, unknown, failed } = played.counts;
  assert.ok(ok > 5 && unknown > 5 && failed > 0, JSON.stringify(played.counts));
}, 60_000);

const BROKEN: Readonly<Record<string, Wrap>> = {
  'a swap that reads, compares and then writes': (engine, key) => ({
    ...methods(engine),
    cas: async (version, record, signal) => {
      const now = await engine.read(signal);
      if (now.kind === 'failed') return { kind: 'unknown', reason: now.reason };
      if ((now.kind === 'record' ? now.version : null) !== version) return { kind: 'conflict' };
      const text = (words: string) => Buffer.from(words).toString('base64');
      const put = await fetch(`${etcd.url}/v3/kv/put`, {
        method: 'POST',
        body: JSON.stringify({ key: text(key), value: text(JSON.stringify(record)) }),
      });
      const { header } = (await put.json()) as { header: { revision: string } };
      return { kind: 'ok', version: `${header.revision} ${text(JSON.stringify(record))}` };
    },
  }),
  'a lost answer taken for a refusal': (engine) => ({
    ...methods(engine),
    cas: async (...call) => {
      const end = await engine.cas(...call);
      return end.kind === 'unknown' ? { kind: 'conflict' } : end;
    },
  }),
  'a lost answer taken for success': (engine) => ({
    ...methods(engine),
    cas: async (version, record, signal) => {
      const end = await engine.cas(version, record, signal);
      return end.kind === 'unknown' ? { kind: 'ok', version: `0 ${record.nonce}` } : end;
    },
  }),
  'a swap sent again when its answer was lost': (engine) => ({
    ...methods(engine),
    cas: async (...call) => {
      const end = await engine.cas(...call);
      return end.kind === 'unknown' ? engine.cas(...call) : end;
    },
  }),
  'a reading that may be a little old': (engine) => {
    let kept: ReturnType<Engine['read']> | undefined;
    return {
      ...methods(engine),
      read: (signal) => {
        if (kept === undefined) {
          kept = engine.read(signal);
          setTimeout(() => {
            kept = undefined;
          }, 30);
        }
        return kept;
      },
    };
  },
};

for (const [name, wrap] of Object.entries(BROKEN)) {
  test(`found out: ${name}`, async () => {
    const rng = new Rng(seed);
    for (let round = 0; round < BUG_ROUNDS_MAX; round += 1) {
      const played = await play({ rng, wrap, operations: 40, faults: badNetwork });
      if (played.verdict.kind === 'not-linearizable') return;
    }
    assert.unreachable(`not found in ${BUG_ROUNDS_MAX} rounds`);
  }, 60_000);
}

run();

function methods(engine: EtcdEngine): Engine {
  return {
    read: (signal) => engine.read(signal),
    cas: (version, record, signal) => engine.cas(version, record, signal),
    watch: (onHint) => engine.watch(onHint),
    close: () => engine.close(),
  };
}
