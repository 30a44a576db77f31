/**
 * Goal: `npm start` is one command that works or says why not in one line, and leaves nothing behind
 * however it ends.
 * Method: the very program in a process group of its own, on free ports, with whatever nodes are found
 * here; /proc tells what is left of the group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import { freePort, request, sleep } from '../kit/cluster.ts';
import { buildRoot } from '../kit/paths.ts';
import { suite } from '../kit/suite.ts';

const MINUTE = 60_000;
const START_LIMIT_MS = 4 * MINUTE;
const KEY = 'start-test-master-key-0123';

const { test, before, after, run } = suite('start');
let folder = '';
const groups: Started[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-start-'));
});
after(() => {
  for (const { child } of groups) signalGroup(child, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}, MINUTE);

interface Started {
  readonly child: ChildProcess;
  readonly data: string;
  readonly port: number;
  output(): string;
  errors(): string;
  readonly ended: Promise<number | null>;
}

interface Options {
  readonly flags?: readonly string[];
  readonly env?: Record<string, string | undefined>;
  readonly data?: string;
  readonly port?: number;
}

async function start(options: Options = {}): Promise<Started> {
  const data = options.data ?? mkdtempSync(join(folder, 'data-'));
  const port = options.port ?? (await freePort());
  const program = join(buildRoot, 'envoy', 'start', 'main.js');
  const flags = ['--port', String(port), '--data', data, '--nodes', '2', ...(options.flags ?? [])];
  const child = spawn(process.execPath, ['--enable-source-maps', program, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, MIROIR_MASTER_KEY: KEY, NO_COLOR: '1', ...options.env },
  });
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => resolve(code));
  });
  const started = { child, data, port, output: () => output, errors: () => errors, ended };
  groups.push(started);
  return started;
}

async function startReady(options: Options = {}): Promise<Started> {
  const started = await start(options);
  await until(
    () => /curl /.test(started.output()) || started.child.exitCode !== null,
    START_LIMIT_MS,
  );
  assert.is(started.child.exitCode, null, `${started.output()}${started.errors()}`);
  return started;
}

/** Waits for a start that fails: exit 1, one line on stderr, nothing left of it. */
async function failure(started: Started): Promise<string> {
  assert.is(await started.ended, 1, started.output());
  const lines = started.errors().trim().split('\n');
  assert.is(lines.length, 1, started.errors());
  await assertGroupGone(started.child);
  assert.not.ok(existsSync(join(started.data, 'start.lock')));
  assert.not.ok(existsSync(join(started.data, 'run.json')));
  assert.not.ok(existsSync(join(started.data, 'sockets')));
  return lines[0] ?? '';
}

async function call(started: Started, method: string, path: string, body?: unknown) {
  const pool = new Pool(`http://127.0.0.1:${started.port}`);
  try {
    return await request(pool, { method, path, body, headers: { authorization: `Bearer ${KEY}` } });
  } finally {
    await pool.destroy();
  }
}

test(
  'starts, answers, stops at Ctrl-C without a trace, and finds its data again',
  async () => {
    const first = await startReady();
    assert.match(first.output(), `http://127.0.0.1:${first.port}`);
    assert.match(first.output(), KEY);
    const runFile = join(first.data, 'run.json');
    assert.is(statSync(runFile).mode & 0o777, 0o600);
    const content = JSON.parse(readFileSync(runFile, 'utf8'));
    assert.is(content.pid, first.child.pid);
    assert.is(content.url, `http://127.0.0.1:${first.port}`);
    assert.is(content.admin_token, readFileSync(join(first.data, 'admin-token'), 'utf8').trim());
    const parts = content.parts as { part: string; pid: number }[];
    const members = groupMembers(first.child);
    for (const { part, pid } of parts) assert.ok(members.includes(pid), `${part} ${pid}`);
    const kinds = parts.map(({ part }) => part);
    assert.equal(kinds.filter((kind) => kind === 'node').length, 2);
    for (const kind of ['envoy', 'sidecar', 'worker', 'control']) assert.ok(kinds.includes(kind));
    assertNoSecret(first, [KEY, content.admin_token]);

    const documents = Array.from({ length: 40 }, (_, id) => ({ id, title: `mirror ${id}` }));
    const added = await call(first, 'POST', '/indexes/movies/documents', documents);
    assert.is(added.status, 202, added.text);
    await untilTask(first, added.body.taskUid);
    signalGroup(first.child, 'SIGINT');
    assert.is(await first.ended, 0, first.errors());
    assert.is(first.errors(), '');
    await assertGroupGone(first.child);
    assert.not.ok(existsSync(runFile));
    assert.not.ok(existsSync(join(first.data, 'start.lock')));

    const second = await startReady({ data: first.data });
    const found = await call(second, 'GET', '/indexes/movies/search?q=mirror&limit=100');
    assert.is(found.body.hits.length, 40, found.text);
    const task = await call(second, 'GET', `/tasks/${added.body.taskUid}`);
    assert.is(task.body.status, 'succeeded', task.text);
    // SIGTERM to the starter alone must do as well.
    second.child.kill('SIGTERM');
    assert.is(await second.ended, 0, second.errors());
    await assertGroupGone(second.child);
  },
  2 * START_LIMIT_MS,
);

test(
  'parts that die come back; a starter that is killed takes its parts along',
  async () => {
    const started = await startReady();
    const pidOf = (part: string): number => {
      const { parts } = JSON.parse(readFileSync(join(started.data, 'run.json'), 'utf8'));
      return parts.find((item: { part: string }) => item.part === part).pid;
    };
    for (const part of ['node', 'control', 'envoy', 'sidecar']) {
      const before = pidOf(part);
      process.kill(before, 'SIGKILL');
      await until(() => ![before, null].includes(pidOf(part)), MINUTE);
    }
    await untilAnswers(started, '/indexes');
    assert.match(started.errors(), /control got SIGKILL; starting it again/);
    const again = await start({ data: started.data });
    assert.match(await again.ended.then(() => again.errors()), /is in use by process/);
    started.child.kill('SIGKILL');
    await until(() => groupMembers(started.child).length === 0, MINUTE);
    // What the killed one left does not stand in the way.
    const next = await startReady({ data: started.data });
    signalGroup(next.child, 'SIGINT');
    assert.is(await next.ended, 0);
  },
  3 * START_LIMIT_MS,
);

test(
  'several replicas of control with an etcd of their own; they outlive one, and the data outlives a restart',
  async () => {
    const flags = ['--control', '3'];
    const first = await startReady({ flags });
    assert.match(first.output(), /etcd +http:\/\/127\.0\.0\.1:\d+/);
    const replicas = partsOf(first).filter(({ part }) => part === 'control');
    assert.equal(
      replicas.map(({ id }) => id),
      ['control-0', 'control-1', 'control-2'],
    );
    assert.is(partsOf(first).filter(({ part }) => part === 'etcd').length, 1);
    for (const { pid } of partsOf(first)) assert.ok(groupMembers(first.child).includes(pid));
    assertNoSecret(first, [KEY]);
    const added = await call(first, 'POST', '/indexes/m/documents', [{ id: 1, title: 'mirror' }]);
    assert.is(added.status, 202, added.text);
    for (const { pid } of replicas.slice(0, 2)) {
      process.kill(pid, 'SIGTERM');
      const more = await call(first, 'POST', '/indexes/m/documents', [{ id: pid }]);
      assert.is(more.status, 202, more.text);
      const back = () => partsOf(first).filter((item) => item.part === 'control' && item.pid);
      await until(() => back().length === 3 && !back().some((item) => item.pid === pid), MINUTE);
    }
    signalGroup(first.child, 'SIGINT');
    assert.is(await first.ended, 0, first.errors());
    await assertGroupGone(first.child);
    assert.match(await failure(await start({ data: first.data })), /start with --control 3/);
    const second = await startReady({ data: first.data, flags });
    const task = await call(second, 'GET', `/tasks/${added.body.taskUid}`);
    assert.is(task.body.uid, added.body.taskUid, task.text);
    signalGroup(second.child, 'SIGINT');
    assert.is(await second.ended, 0, second.errors());
    await assertGroupGone(second.child);
  },
  3 * START_LIMIT_MS,
);

test(
  'a busy port, bad configurations and bad flags: one line, exit 1',
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const busy = typeof address === 'object' && address !== null ? address.port : 0;
    assert.match(await failure(await start({ port: busy })), `port ${busy} is already in use`);
    await new Promise((resolve) => server.close(resolve));

    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'listen:\n  prot: 7700\n');
    assert.match(
      await failure(await start({ flags: ['--config', file] })),
      /bad\.yaml:2:3: listen\.prot: unknown option, did you mean `listen\.port`\?$/,
    );
    assert.match(
      await failure(await start({ flags: ['--config', join(folder, 'absent.yaml')] })),
      /absent\.yaml: cannot be read/,
    );
    assert.match(await failure(await start({ flags: ['--spread', 'none'] })), /sharding\.spread/);
    assert.match(
      await failure(await start({ flags: ['--rf', '3'] })),
      /replication\.factor: 3 copies/,
    );
    assert.match(
      await failure(await start({ env: { MIROIR_LISTEN_PROT: '1' } })),
      /MIROIR_LISTEN_PROT: unknown variable, did you mean `MIROIR_LISTEN_PORT`/,
    );
  },
  MINUTE,
);

test(
  'no Envoy, a node that dies during start, a data folder of another kind: one line, exit 1',
  async () => {
    assert.match(
      await failure(await start({ env: { ENVOY_BIN: join(folder, 'none') } })),
      /ENVOY_BIN: .* is not an executable file/,
    );
    const dying = join(folder, 'dying');
    writeFileSync(
      dying,
      '#!/bin/sh\n[ "$1" = --version ] && echo meilisearch 1.50.0 && exit\necho "disk is on fire" >&2\nexit 3\n',
    );
    chmodSync(dying, 0o755);
    assert.match(
      await failure(await start({ env: { MEILISEARCH_BIN: dying } })),
      /^miroir: node-[01] ended with 3 during start: disk is on fire \(log: /,
    );
    const data = mkdtempSync(join(folder, 'other-'));
    writeFileSync(join(data, 'made-by.json'), '{"kind":"external","node_count":1}');
    assert.match(await failure(await start({ data })), /made with nodes of kind external/);
    const more = mkdtempSync(join(folder, 'more-'));
    writeFileSync(join(more, 'made-by.json'), '{"kind":"meilisearch","node_count":5}');
    assert.match(
      await failure(await start({ data: more, env: { MEILISEARCH_BIN: dying } })),
      /lies on 5 nodes: start with --nodes 5/,
    );
    const file = join(folder, 'external.yaml');
    writeFileSync(file, `nodes: [{ url: "http://127.0.0.1:${await freePort()}" }]\n`);
    assert.match(
      await failure(await start({ flags: ['--config', file] })),
      /--nodes starts nodes, but the configuration names some already/,
    );
  },
  2 * MINUTE,
);

run();

function partsOf(started: Started): { part: string; id?: string; pid: number }[] {
  return JSON.parse(readFileSync(join(started.data, 'run.json'), 'utf8')).parts;
}

async function untilTask(started: Started, taskUid: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const { body } = await call(started, 'GET', `/tasks/${taskUid}`);
    if (body?.status === 'succeeded') return;
    assert.ok(['enqueued', 'processing'].includes(body?.status), JSON.stringify(body));
    await sleep(50);
  }
  assert.unreachable('the task did not end');
}

async function untilAnswers(started: Started, path: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const answer = await call(started, 'GET', path).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  assert.unreachable(`${path} did not answer again: ${started.errors()}`);
}

async function until(claim: () => boolean, limitMs: number): Promise<void> {
  const giveUpAtMs = Date.now() + limitMs;
  while (!claim() && Date.now() < giveUpAtMs) await sleep(50);
  assert.ok(claim(), `not within ${limitMs} ms`);
}

/** No log of any part holds a secret. */
function assertNoSecret(started: Started, secrets: readonly string[]): void {
  for (const name of readdirSync(join(started.data, 'logs'))) {
    const text = readFileSync(join(started.data, 'logs', name), 'utf8');
    for (const secret of secrets) assert.not.match(text, secret, name);
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid ?? 0), signal);
  } catch {
    // the group is already gone
  }
}

/** Pids of the group that are not zombies. */
/** The starter's guard sees the end of its pipe a moment after the starter is gone. */
async function assertGroupGone(child: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + 3_000;
  while (groupMembers(child).length > 0 && Date.now() < giveUpAt) await sleep(20);
  assert.equal(groupMembers(child), []);
}

function groupMembers(child: ChildProcess): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , group] =
          readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        return Number(group) === child.pid && state !== 'Z';
      } catch {
        return false;
      }
    })
    .map(Number);
}
