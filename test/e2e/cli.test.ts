/**
 * Goal: miroirctl is of use against a real cluster: every command works, tells the truth, and ends with the
 * right code, green and degraded; no secret ever shows.
 * Method: the whole program against a cluster of stand-in nodes (the CLI does not care what nodes are), in a
 * folder with its run file; in this process for speed, as a process of its own where that matters. Nodes and
 * control are frozen for real. Columns are compared as they stand, figures that differ from run to run are not.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';
import { CliCheckout, headers, until } from './cli-kit.ts';

const MINUTE = 60_000;
const { test: limited, before, after, run } = suite('cli');
/** Each test waits for what it waits for, on a busy machine too. */
const test: typeof limited = (title, body, timeoutMs = 3 * MINUTE) =>
  limited(title, body, timeoutMs);
let cluster: TestCluster;

/** Set before the first test. */
let cli: CliCheckout;
const call: CliCheckout['call'] = (line, world) => cli.call(line, world);
const json: CliCheckout['json'] = (line, code) => cli.json(line, code);

before(async () => {
  cluster = await startCluster(['--nodes', '3', '--rf', '2']);
  cli = new CliCheckout(cluster);
  const documents = Array.from({ length: 100 }, (_, id) => ({ id, title: `Film ${id}` }));
  const added = await cluster.call('POST', '/indexes/movies/documents', documents);
  await cluster.waitForTask(added.body.taskUid);
  const failing = await cluster.call('POST', '/indexes', { uid: 'movies' });
  await cluster.waitForTask(failing.body.taskUid);
}, 5 * MINUTE);

after(async () => {
  await cluster?.stop();
  cli?.remove();
}, MINUTE);

test('as a process: codes, streams, and a reader that stops early', async () => {
  await until('green', async () => (await call('status')).code === 0);
  const status = await cli.collect(cli.start(['status']));
  assert.is(status.code, 0);
  assert.match(status.out, /^GREEN {3}/);
  assert.is(status.err, '');
  const mistyped = await cli.collect(cli.start(['status', '--ouput', 'json']));
  assert.is(mistyped.code, 2);
  assert.match(mistyped.err, 'Did you mean --output?');
  const cut = cli.start(['shards', 'movies']);
  cut.stdout?.once('data', () => cut.stdout?.destroy());
  assert.equal((await cli.collect(cut)).err, '');
});

test('status of a green cluster: the light first, 0, and the same for programs', async () => {
  await until('green', async () => (await call('status')).code === 0);
  const { code, out } = await call('status');
  assert.is(code, 0);
  const lines = out.split('\n');
  assert.match(lines[0] ?? '', /^GREEN {3}\S/);
  assert.match(out, /^nodes {5}3 of 3 up$/m);
  assert.match(out, /^indexes {3}1; 256 of 256 shards can be read$/m);
  const status = await json('status');
  assert.is(status.light, 'green');
  assert.equal(status.nodes, { up: 3, total: 3 });
  assert.is(status.copies.in_sync, 512);
  assert.equal(parse((await call('status -o yaml')).out), {
    ...status,
    position: parse((await call('status -o yaml')).out).position,
  });
});

test('every list: its columns, and JSON of the same rows', async () => {
  for (const [line, name, columns] of [
    ['nodes', 'nodes', 'NODE STATE SINCE GROUP IN-SYNC INDEXES URL REASON'],
    ['groups', 'groups', 'GROUP UP SHARDS IN-SYNC NODES'],
    ['indexes', 'indexes', 'INDEX READABLE IN-SYNC PRIMARY-KEY UPDATED NOT-IN-SYNC'],
    ['shards movies', 'copies', 'INDEX SHARD NODE GROUP STATE DOCS BEHIND-BY REASON'],
    ['tasks', 'tasks', 'TASK STATUS TYPE INDEX ENQUEUED TOOK REASON'],
    ['control', 'replicas', 'REPLICA ROLE IN-SYNC BEHIND-BY HEARD ADDRESS'],
  ] as const) {
    const table = await call(line);
    assert.is(table.code, 0, table.err);
    assert.equal(headers(table.out), columns.split(' '), line);
    const rows = (await json(line))[name] as unknown[];
    const body = (table.out.split('\n\n')[0] ?? '').trim().split('\n');
    assert.is(body.length - 1, rows.length, line);
    const wide = await call(`${line} -o wide`);
    assert.ok(headers(wide.out).length >= columns.split(' ').length, line);
    assert.not.match(table.out, /[│─┌]/);
  }
});

test('shards: where, documents, and filters', async () => {
  const { copies } = await json('shards movies');
  assert.is(copies.length, 512);
  const held = copies.reduce(
    (sum: number, copy: { document_count: number }) => sum + copy.document_count,
    0,
  );
  assert.is(held, 200, 'each document on two nodes');
  const one = await json('shards movies --shard 7 --node node-0 --no-docs');
  assert.ok(one.copies.length <= 1);
  for (const copy of one.copies) assert.is('document_count' in copy, false);
  assert.match((await call('shards --not-in-sync')).out, 'every copy is in sync');
  const cut = await call('shards movies --limit 3');
  assert.is(cut.out.trim().split('\n').length, 4);
  assert.match(cut.err, '--limit');
});

test('explain placement names the owners that shards lists', async () => {
  const explained = await json('explain placement movies 42');
  const owners = explained.scores.filter((score: { is_owner: boolean }) => score.is_owner);
  const { copies } = await json(`shards movies --shard ${explained.shard}`);
  assert.equal(
    owners.map((score: { node_id: string }) => score.node_id).sort(),
    copies.map((copy: { node_id: string }) => copy.node_id).sort(),
  );
  const { out } = await call('explain placement movies 42');
  assert.match(out, new RegExp(`^shard {6}${explained.shard} of 256$`, 'm'));
});

test('tasks: filters, one task, and one that failed', async () => {
  const failed = await json('tasks --status failed --index movies');
  assert.equal(
    failed.tasks.map((task: { type: string }) => task.type),
    ['indexCreation'],
  );
  const { uid, error } = failed.tasks[0];
  assert.is(error.code, 'index_already_exists');
  const shown = await call(`tasks get ${uid}`);
  assert.is(shown.code, 0);
  assert.match(shown.out, 'index_already_exists');
  assert.is((await json('tasks --limit 1 --oldest-first')).tasks[0].uid, 0);
  assert.equal((await json('tasks get 0')).details, {
    receivedDocuments: 100,
    indexedDocuments: 100,
  });
});

test('what is not there: 1 and one line', async () => {
  for (const line of [
    'tasks get 999',
    'jobs get recovery-9',
    'indexes get nope',
    'shards nope',
    'nodes remove nope -y',
    'nodes drain node-0 -y',
    'control handover',
  ]) {
    const { code, out, err } = await call(line);
    assert.is(code, 1, `${line}: ${out}${err}`);
    assert.is(out, '');
    assert.match(err, /^miroirctl: [^\n]+\n$/);
  }
});

test('a node that is not there: added, degraded to 3, explained, changed, removed, audited', async () => {
  const url = 'http://127.0.0.1:9';
  const planned = await json(`nodes add ${url} --id extra --dry-run`);
  assert.is(planned.dry_run, true);
  assert.ok(planned.steps.length > 0);
  assert.is((await json('nodes')).nodes.length, 3);
  assert.is((await call(`nodes add ${url} --id extra`)).code, 0);
  await until('down', async () => (await call('nodes')).code === 3);
  const { code, out } = await call('status');
  assert.is(code, 3);
  const [reason, step] = out.split('\n');
  assert.match(reason ?? '', /^YELLOW {3}.*extra/);
  assert.match(step ?? '', /^ {9}-> .*\(miroirctl nodes\)$/);
  const status = await json('status', 3);
  assert.is(status.findings[0].code, 'node_down');
  assert.match(status.next_step, url);
  assert.is((await call('nodes update extra --weight 2')).code, 0);
  const { nodes } = await json('nodes', 3);
  assert.is(nodes.find((node: { id: string }) => node.id === 'extra').weight, 2);
  const refused = await call('nodes remove extra');
  assert.is(refused.code, 2);
  assert.match(refused.err, 'give -y');
  assert.is((await call('nodes remove extra -y')).code, 0);
  await until('green', async () => (await call('status')).code === 0);
  const { entries } = await json('audit');
  const actions = entries.map(
    (entry: { action: string; target: string }) => `${entry.action} ${entry.target}`,
  );
  for (const action of [
    'AddNode extra',
    'UpdateNode extra',
    'RemoveNode extra',
    'RemoveNode nope',
  ]) {
    assert.ok(actions.includes(action), `${action} not in ${actions}`);
  }
  const own = await json('audit --action RemoveNode --limit 1');
  assert.is(own.entries.length, 1);
});

test(
  'a node misses writes: shards tell by how much; its recovery is paused, resumed, and waited for',
  async () => {
    const pid = cluster.pids('node')[1] ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      const documents = Array.from({ length: 100 }, (_, id) => ({ id, title: `New ${id}` }));
      const added = await cluster.call('POST', '/indexes/movies/documents', documents);
      assert.is(added.status, 202, added.text);
      await until('a job', async () => (await json('jobs')).jobs.length > 0);
      assert.is((await call('status')).code, 3);
      const { copies } = await json('shards movies --not-in-sync --no-docs', 3);
      assert.ok(copies.length > 0);
      for (const copy of copies) assert.is(copy.node_id, 'node-1');
      const [job] = (await json('jobs --node node-1')).jobs;
      assert.is((await json(`jobs pause ${job.id}`)).state, 'paused');
      const refused = await call(`jobs cancel ${job.id}`);
      assert.is(refused.code, 2);
      assert.is((await call(`jobs resume ${job.id}`)).code, 0);
      const watching = cli.start(['jobs', 'get', job.id, '--watch']);
      const ended = cli.collect(watching);
      watching.stderr?.once('data', () => process.kill(pid, 'SIGCONT'));
      const { code, out, err } = await ended;
      assert.is(code, 0, out + err);
      assert.match(out, new RegExp(`^${job.id} {3}succeeded`));
      assert.match(err, new RegExp(`^${job.id} {2}\\[[= ]{24}\\]`));
      assert.is((await json(`jobs get ${job.id}`)).state, 'succeeded');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until('green', async () => (await call('status')).code === 0);
    assert.match((await call('jobs --watch')).err, 'no job is under way');
  },
  3 * MINUTE,
);

test('backup to a file, refused twice, checked, and put back into an empty folder', async () => {
  const file = join(cli.path, 'state.miroir');
  const written = await json(`backup ${file}`);
  assert.ok(written.byte_count > 0);
  assert.is(existsSync(`${file}.part`), false);
  assert.is((await call(`backup ${file}`)).code, 2);
  assert.is((await call(`backup ${file} --force`)).code, 0);
  const data = join(cli.path, 'restored');
  assert.match((await call(`restore ${file} --data ${data} --dry-run`)).out, written.cluster_id);
  const restored = await json(`restore ${file} --data ${data}`);
  assert.is(restored.cluster_id, written.cluster_id);
  assert.is((await call(`restore ${file} --data ${data}`)).code, 1);
  writeFileSync(file, readFileSync(file).subarray(0, -10));
  const cut = await call(`restore ${file} --data ${join(cli.path, 'other')}`);
  assert.is(cut.code, 1);
  assert.match(cut.err, 'cut off');
  const job = await call('jobs start backup --watch');
  assert.is(job.code, 0, job.err);
  assert.is((await json('backups')).backups.length, 1);
});

test('the configuration in force, whole and in part, without secrets', async () => {
  const { out } = await call('config show');
  assert.is(parse(out).replication.factor, 2);
  const part = await json('config show replication');
  assert.is(part['replication.factor'], 2);
  const wrong = await call('config show replicaton.factor');
  assert.is(wrong.code, 2);
  assert.match(wrong.err, 'replication.factor');
  const file = join(cli.path, 'config.yaml');
  writeFileSync(file, out.replace(/factor: 2/, 'factor: 3'));
  const { differences } = await json(`config check ${file} --diff`);
  assert.equal(
    differences.map((one: { path: string }) => one.path),
    ['replication.factor'],
  );
});

test('the token: without one and with a wrong one it is said how to give it', async () => {
  const { parts } = JSON.parse(readFileSync(join(cli.path, '.miroir', 'run.json'), 'utf8'));
  const { address } = parts.find((part: { part: string }) => part.part === 'control');
  const elsewhere = mkdtempSync(join(tmpdir(), 'miroir-elsewhere-'));
  const outside = (env: Record<string, string>) =>
    call(`status --control ${address}`, { cwd: elsewhere, home: elsewhere, env });
  const without = await outside({});
  assert.is(without.code, 1);
  assert.match(without.err, '--token-file');
  const wrong = await outside({ MIROIR_ADMIN_TOKEN: 'wrong-token' });
  assert.is(wrong.code, 1);
  assert.match(wrong.err, 'does not accept this token');
  assert.is((await outside({ MIROIR_ADMIN_TOKEN: cluster.adminToken })).code, 0);
  rmSync(elsewhere, { recursive: true });
});

test('--watch writes what changed, a line each, until Ctrl-C', async () => {
  const watching = cli.start(['groups', '--watch', '--interval', '0.2', '-o', 'json']);
  const ended = cli.collect(watching);
  const lines: string[] = [];
  watching.stdout?.on('data', (chunk: Buffer) => {
    lines.push(...chunk.toString().trim().split('\n'));
  });
  await until('the first look', () => Promise.resolve(lines.length >= 1));
  assert.is((await call('nodes add http://127.0.0.1:9 --id extra')).code, 0);
  await until('the second look', () => Promise.resolve(lines.length >= 2));
  watching.kill('SIGINT');
  const { code } = await ended;
  for (const line of lines) assert.is(JSON.parse(line).groups.length, 1);
  assert.ok(code === 0 || code === 3, String(code));
  assert.is((await call('nodes remove extra -y')).code, 0);
});

test('control frozen: 1 within the time given, then all is well again', async () => {
  const pid = cluster.pid('control');
  process.kill(pid, 'SIGSTOP');
  try {
    const { code, out, err, tookMs } = await call('status --timeout 4s');
    assert.is(code, 1);
    assert.is(out, '');
    assert.match(err, 'control cannot be reached');
    assert.ok(tookMs < 15_000, String(tookMs));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await until('control', async () => [0, 3].includes((await call('status')).code ?? 1));
});

test('no secret was ever written', () => {
  assert.ok(cli.everything.length > 10_000);
  assert.is(cli.everything.includes(cluster.adminToken), false);
  assert.is(cli.everything.includes(cluster.masterKey), false);
});

run();
