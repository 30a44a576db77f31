/**
 * Goal: a disk that fills up stops new writes with one clear refusal, loses nothing that was acknowledged,
 * and goes on once there is room.
 * Method: the real control process on a small file system in memory, which a file of ours fills.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../../kit/suite.ts';
import { ControlCluster, until } from './control-cluster.ts';

const DISK_MB = 80;

const { testUnless, run } = suite('control storage full');

/** Why no file system in memory can be made here; undefined if it can. */
function cannotMount(): string | undefined {
  const folder = join('/tmp', `miroir-mount-${process.pid}`);
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return undefined;
  } catch {
    return 'mounting a file system in memory is not allowed';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

testUnless(cannotMount(), 'new writes are refused, old ones stay', async () => {
  const cluster = new ControlCluster();
  const disk = join(cluster.folder.path, 'data');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'none', disk]);
  try {
    await cluster.start();
    const { sidecar } = cluster;
    const uid = await sidecar.write('movies', [{ id: 1 }]);
    const begun = await sidecar.beginDocuments('movies', [{ id: 2 }]);
    assert.is(begun.outcome?.$case, 'grant');
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc((DISK_MB - 25) * 1024 * 1024));
    let id = 100;
    await until(async () => {
      id += 1;
      const { outcome } = await sidecar.beginDocuments('movies', [{ id }]);
      if (outcome?.$case !== 'refusal') return false;
      assert.is(outcome.value.code, 'miroir_storage_full');
      assert.match(outcome.value.message, 'nothing was written');
      return true;
    });
    // What was begun before comes to its end, and is still there after a restart.
    if (begun.outcome?.$case !== 'grant') throw new Error('granted above');
    const grant = begun.outcome.value;
    const results = await sidecar.send(grant, 'movies', [{ id: 2 }]);
    assert.is((await sidecar.report(grant.seq, results)).stands, true);
    assert.is((await sidecar.finished(Number(grant.seq))).status, 'succeeded');
    await cluster.restart('SIGKILL', () => rmSync(filler));
    assert.is((await cluster.sidecar.task(uid)).status, 'succeeded');
    assert.is((await cluster.sidecar.task(Number(grant.seq))).status, 'succeeded');
    const next = await cluster.sidecar.write('movies', [{ id: 4 }]);
    assert.is((await cluster.sidecar.finished(next)).status, 'succeeded');
  } finally {
    await cluster.control?.stop('SIGKILL');
    execFileSync('umount', [disk]);
    await cluster.stop();
  }
});

run();
