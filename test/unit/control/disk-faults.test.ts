/**
 * Goal: a sync or a write that fails ends the process, and what was acknowledged is there afterwards.
 * Method: the real control process; strace makes the calls on its data file fail, or a limit on the file's size
 * does.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { hasStrace } from '../../crash/run.ts';
import { suite } from '../../kit/suite.ts';
import { ControlCluster } from './control-cluster.ts';

const { testUnless, before, after, run } = suite('control disk faults');
const cluster = new ControlCluster();
const acknowledged: number[] = [];
const LIMIT_MS = 90_000;

before(() => cluster.start());
after(() => cluster.stop());

const noStrace = hasStrace() ? undefined : 'strace is not here, or may not look at processes';
const noLimits =
  spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'prlimit is not here';

for (const { what, calls, error, words } of [
  { what: 'a sync fails', calls: 'fdatasync', error: 'EIO', words: /Input\/output error/ },
  {
    what: 'a write of a page fails',
    calls: 'pwrite64,pwritev,writev,write',
    error: 'EIO',
    words: /Input\/output error/,
  },
  {
    what: 'the disk is full all at once',
    calls: 'pwrite64,pwritev,writev,write',
    error: 'ENOSPC',
    words: /No space left on device/,
  },
]) {
  testUnless(
    noStrace,
    `${what} (${error})`,
    async () => {
      await write();
      const strace = await attached(calls, error);
      await endsBy(() => write(), words);
      await ended(strace);
      await everythingIsThere();
    },
    LIMIT_MS,
  );
}

testUnless(
  noLimits,
  'the file may not grow',
  async () => {
    await write();
    const { size } = statSync(dataFile());
    const pid = String(cluster.control.child.pid);
    const limited = spawnSync('prlimit', ['--pid', pid, `--fsize=${size}:${size}`]);
    assert.is(limited.status, 0, limited.stderr.toString());
    await endsBy(async () => {
      // Pages that are free are used before the file grows.
      for (let at = 0; at < 200; at += 1) await write();
      // A write of several pages of which the first ones fit is short, which LMDB calls an error of the disk.
    }, /File too large|Input\/output error/);
    await everythingIsThere();
  },
  LIMIT_MS,
);

function dataFile(): string {
  return join(cluster.folder.path, 'data', 'data.mdb');
}

/** A write that is acknowledged, or never is. */
async function write(): Promise<void> {
  const documents = Array.from({ length: 50 }, (_, id) => ({ id }));
  acknowledged.push(await cluster.sidecar.write('movies', documents));
}

/**
 * Control ends while these writes are under way, saying why, unless the limit's signal ended it.
 *
 * lmdb 3.5.6 describes a write that the disk refused in a buffer that may be too short for the text. The
 * allocator may abort the process for it before control can say a word; what LMDB itself said is there first.
 */
async function endsBy(writes: () => Promise<void>, words: RegExp): Promise<void> {
  const { child } = cluster.control;
  const end = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? ''));
  });
  const lost = writes().then(
    () => 'acknowledged',
    () => 'lost',
  );
  const how = await end;
  const said = cluster.control.stderr();
  if (how === 1) {
    assert.match(said, words);
    assert.match(said, /have come apart; ending/);
  } else if (how !== 'SIGXFSZ') {
    assert.ok(how === 'SIGABRT' || how === 'SIGSEGV', `${how}`);
    assert.match(said, new RegExp(`^Write error: (${words.source}) position`, 'm'));
  }
  assert.is(await lost, 'lost');
}

async function everythingIsThere(): Promise<void> {
  await cluster.restart('SIGTERM');
  for (const uid of acknowledged) assert.is((await cluster.sidecar.task(uid)).uid, uid);
  await write();
}

/** Resolves once strace has hold of every thread of control. */
function attached(calls: string, error: string): Promise<ChildProcess> {
  const pid = String(cluster.control.child.pid);
  const inject = `inject=${calls}:error=${error}`;
  const strace = spawn('strace', ['-f', '-p', pid, '-P', dataFile(), '-e', inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    strace.once('error', reject);
    strace.once('close', () => reject(new Error('strace ended')));
    strace.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('attached')) resolve(strace);
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('close', () => resolve()));
}

run();
