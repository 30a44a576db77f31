/**
 * Goal: a recovery is one job from the first copy that left until the last is back; an operator's word on it
 * is honoured, and outlives a restart. Method: the machine over model nodes, with a store made of what it
 * writes.
 */
import * as assert from 'uvu/assert';
import { Figures } from '../../../../control/api/admin/figures.ts';
import { toJob } from '../../../../control/api/admin/job-messages.ts';
import { judgeCluster } from '../../../../control/api/admin/verdict.ts';
import { jobId } from '../../../../control/jobs/index.ts';
import { takeChanges } from '../../../../control/machine/encode.ts';
import { loadCluster, loadState } from '../../../../control/machine/index.ts';
import type {
  AdminCommand,
  AdminReply,
  JobRecord,
  State,
} from '../../../../control/state/index.ts';
import { JobState } from '../../../../proto/gen/miroir/admin/v1/jobs.ts';
import { Light } from '../../../../proto/gen/miroir/admin/v1/topology.ts';
import { suite } from '../../../kit/suite.ts';
import { World } from '../recovery/world.ts';

const { test, run } = suite('jobs');

const AUDIT = {
  actor: 'somebody',
  peer: '127.0.0.1:1',
  action: 'Test',
  target: '',
  requestJson: '{}',
  requestId: 'r',
};

function ask(world: World, command: AdminCommand): AdminReply {
  const before = world.effects.length;
  world.apply({ kind: 'admin', command, audit: AUDIT, ticket: 7, now: world.now });
  for (const effect of world.effects.slice(before)) {
    if (effect.kind === 'adminReply') return effect.reply;
  }
  throw new Error('no reply');
}

function behind(): World {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  world.setUp('b', false);
  world.write({ kind: 'put', documents: { 3: 'red' } });
  world.run(3);
  assert.is(world.copy('b'), 'behind');
  return world;
}

function onlyJob(state: State): JobRecord {
  const [job, ...others] = state.jobs.records.values();
  assert.is(others.length, 0);
  if (job === undefined) throw new Error('no job');
  return job;
}

function shown(world: World) {
  return toJob({ state: world.state, progressOf: () => undefined }, onlyJob(world.state));
}

function light(world: World) {
  const { state } = world;
  return judgeCluster({
    state,
    figures: new Figures(state),
    healthOf: () => ({ state: 'up', reason: '', since: '' }),
    isStorageFull: false,
    replicaFindings: [],
    steadyMs: state.nowMs,
  });
}

test('a recovery is one job, from the copy that left until it is back', () => {
  const world = behind();
  assert.is(shown(world).state, JobState.WAITING);
  assert.is(shown(world).reason, 'node b does not answer');
  assert.is(light(world).light, Light.YELLOW);
  world.setUp('b', true);
  world.run();
  assert.is(world.copy('b'), 'in-sync');
  const job = shown(world);
  assert.is(job.state, JobState.SUCCEEDED);
  assert.is(job.recovery?.copiesDone, 1);
  assert.is(job.recovery?.documentsWritten, 1n);
  assert.is(job.progress?.ratio, 1);
  assert.ok(job.finishedAt > job.createdAt);
  assert.is(world.state.jobs.ofPair.size, 0);
  assert.is(light(world).light, Light.GREEN);
});

test('a paused job fills nothing until it is resumed', () => {
  const world = behind();
  const { number } = onlyJob(world.state);
  assert.is(ask(world, { kind: 'pauseJob', job: number }).kind, 'done');
  world.setUp('b', true);
  world.run();
  assert.is(world.copy('b'), 'behind');
  assert.is(shown(world).state, JobState.PAUSED);
  assert.ok(light(world).findings.some(({ code }) => code === 'recovery_paused'));
  assert.is(ask(world, { kind: 'resumeJob', job: number }).kind, 'done');
  world.run();
  assert.is(world.copy('b'), 'in-sync');
  assert.is(shown(world).state, JobState.SUCCEEDED);
  assert.is(onlyJob(world.state).number, number);
});

test('a job that is stopped at work gives up its worker and keeps what it knows', () => {
  const world = behind();
  let isStopped = false;
  world.onEffect = (effect) => {
    if (effect.kind !== 'recoveryRead' || isStopped) return;
    isStopped = true;
    ask(world, { kind: 'pauseJob', job: onlyJob(world.state).number });
  };
  world.setUp('b', true);
  world.run();
  assert.ok(isStopped);
  assert.is(world.copy('b'), 'behind');
  assert.is(world.state.recovery.workers.size, 0);
  assert.ok(world.notes('b')?.from !== null, 'what it missed is noted still');
  ask(world, { kind: 'resumeJob', job: onlyJob(world.state).number });
  world.run();
  assert.equal(world.colors('b'), world.colors('a'));
});

test('a cancelled job leaves the copy out until recovery is asked for', () => {
  const world = behind();
  const first = onlyJob(world.state);
  ask(world, { kind: 'cancelJob', job: first.number });
  world.setUp('b', true);
  world.run();
  assert.is(world.copy('b'), 'behind');
  assert.is(first.phase, 'cancelled');
  const again = ask(world, { kind: 'pauseJob', job: first.number });
  assert.is(again.kind === 'refused' ? again.refusal.code : '', 'miroir_job_state');
  const reply = ask(world, { kind: 'recover', indexUid: 'cars', nodeId: 'b' });
  assert.is(reply.kind === 'done' ? reply.job : -1, first.number + 1);
  world.run();
  assert.is(world.copy('b'), 'in-sync');
  const nothing = ask(world, { kind: 'recover', indexUid: 'cars', nodeId: 'b' });
  assert.is(nothing.kind === 'refused' ? nothing.refusal.status : '', 'precondition');
});

test('jobs, decisions and audit are there after a restart', () => {
  const world = behind();
  const { number } = onlyJob(world.state);
  const disk = new Map<string, Buffer>();
  const { state } = world;
  // Everything is written anew, as if it had just changed.
  state.touchCluster();
  state.touchIndex(world.index);
  state.jobs.touchedJobs.add(number);
  for (const key of state.notes.keys()) state.touchedNotes.add(key);
  state.jobs.newAudits.push({ ...AUDIT, number: 1, at: 'now', outcome: 'ok' });
  const job = onlyJob(state);
  job.phase = 'paused';
  for (const { key, value } of takeChanges(state)) {
    if (value !== undefined) disk.set(key, Buffer.from(value));
  }
  const store = {
    get: (key: string) => disk.get(key),
    *range(prefix: string) {
      for (const key of [...disk.keys()].sort()) {
        const value = disk.get(key);
        if (key.startsWith(prefix) && value !== undefined) yield { key, value };
      }
    },
  };
  const cluster = loadCluster(store);
  if (cluster === undefined) throw new Error('no cluster');
  const loaded = loadState(store, cluster, { placement: state.placement, now: world.now });
  assert.is(jobId(onlyJob(loaded)), jobId(job));
  assert.is(onlyJob(loaded).phase, 'paused');
  assert.is(loaded.jobs.nextJob, number + 1);
  assert.is(loaded.jobs.ofPair.size, 1);
  assert.equal([loaded.jobs.firstAudit, loaded.jobs.nextAudit], [1, 2]);
});

test('an index that is deleted ends its job; history is bounded', () => {
  const world = behind();
  const { jobs } = world.state;
  const [job] = jobs.records.values();
  world.state.indexes.delete(job?.indexId ?? '');
  world.state.touchedIndexes.add(job?.indexId ?? '');
  world.apply({ kind: 'tick', now: world.now });
  assert.is(job?.phase, 'cancelled');
  for (let at = 0; at < 1_100; at += 1) {
    const spec = { fileName: `b${at}` };
    const made = ask(world, { kind: 'startJob', job: 'backup', spec });
    const of = { job: made.kind === 'done' ? (made.job ?? 0) : 0, now: world.now };
    world.apply({ kind: 'jobEnded', phase: 'succeeded', reason: '', ...of });
  }
  assert.is(jobs.records.size, 1_000);
  assert.is(jobs.nextAudit - jobs.firstAudit, 1_100);
});

run();
