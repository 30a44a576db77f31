/**
 * Goal: the example programs of docs/examples/grpc do what their page says. Method: they are run as their
 * readers run them, against the control program; the Python one with gRPC from pip, where that can be had.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { buildRoot, projectRoot } from '../kit/paths.ts';
import { findPythonGrpc, type PythonGrpc } from '../kit/python-grpc.ts';
import { suite } from '../kit/suite.ts';
import { ControlCluster, until } from '../unit/control/control-cluster.ts';
import { ADMIN_TOKEN } from '../unit/control/control-kit.ts';

const RUN_MS = 60_000;
const EXAMPLES = 'docs/examples/grpc';
const { test, testUnless, before, after, run } = suite('grpc examples');
const cluster = new ControlCluster();
const generated = mkdtempSync(join(tmpdir(), 'miroir-python-'));
const python = await findPythonGrpc(`${EXAMPLES}/python/requirements.txt`, generated);

before(async () => {
  await cluster.start();
  const uid = await cluster.sidecar.write('films', [{ id: 1 }]);
  await cluster.sidecar.finished(uid);
});

after(async () => {
  await cluster.stop();
  rmSync(generated, { recursive: true });
});

interface Program {
  start(command: string, token?: string): ChildProcess;
}

const typescript: Program = {
  start: (command, token) =>
    spawn(
      process.execPath,
      [join(buildRoot, EXAMPLES, 'typescript/main.js'), command],
      surroundings({}, token),
    ),
};

function pythonProgram({ path }: PythonGrpc): Program {
  const file = join(projectRoot, EXAMPLES, 'python/main.py');
  return {
    start: (command, token) =>
      spawn('python3', [file, command], surroundings({ PYTHONPATH: path }, token)),
  };
}

function surroundings(env: Record<string, string>, token = ADMIN_TOKEN) {
  const own = { MIROIR_CONTROL: cluster.control.address, MIROIR_ADMIN_TOKEN: token };
  return { env: { ...process.env, ...env, ...own } };
}

/** All that a program says until it ends. */
async function outputOf(child: ChildProcess): Promise<{ text: string; code: number | null }> {
  const heard = listen(child);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { text: heard(), code };
}

function listen(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return () => text;
}

async function check(program: Program): Promise<void> {
  const status = await outputOf(program.start('status'));
  assert.is(status.code, 0, status.text);
  assert.match(status.text, 'GREEN: Every node answers');
  assert.match(status.text, /node n1 UP in-sync=\d+/);
  assert.match(status.text, 'index films shards=16/16');
  const backup = await outputOf(program.start('backup'));
  assert.is(backup.code, 0, backup.text);
  assert.match(backup.text, 'would: Write the state');
  assert.match(backup.text, /backup-\d+ SUCCEEDED/);
  const stranger = await outputOf(program.start('status', 'wrong'));
  assert.is(stranger.code, 1, stranger.text);
  assert.match(stranger.text, 'The admin token is not the right one.');
  const watching = program.start('watch');
  const heard = listen(watching);
  await until(() => heard().includes('snapshot: '));
  const name = `made-${Math.round(performance.now())}`;
  const uid = await cluster.sidecar.write(name, [{ id: 1 }]);
  await cluster.sidecar.finished(uid);
  await until(() => heard().includes('change'));
  watching.kill('SIGKILL');
}

test('the TypeScript program', () => check(typescript), RUN_MS);

testUnless(
  'reason' in python ? python.reason : undefined,
  'the Python program',
  async () => {
    if ('reason' in python) return;
    const told = await outputOf(pythonProgram(python).start('status', 'wrong'));
    assert.match(told.text, 'UNAUTHENTICATED miroir_admin_token_required');
    await check(pythonProgram(python));
  },
  RUN_MS,
);

run();
