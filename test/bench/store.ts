/**
 * Control's store: changes committed a second against the same changes put straight into LMDB, a group in each
 * transaction and flushed as well (both sides take turns in one run); and how long a start with a million tasks
 * takes.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeChanges } from '../../control/machine/encode.ts';
import { loadCluster, loadState } from '../../control/machine/index.ts';
import type { ClusterRecord, State } from '../../control/state/index.ts';
import { type Change, SoleStore, Store } from '../../control/store/index.ts';
import { addTask, groupFor } from '../../control/tasks/index.ts';
import { ControlCluster } from '../unit/control/control-cluster.ts';
import { type Benchmark, type Figure, median } from './figure.ts';
import { RawLmdb } from './raw-lmdb.ts';

const ROUNDS = 60;
const ROUND_MS = 75;
const VALUE_BYTES = 400;
const GROUP = 64;

/** The figures of this file. */
export const benchmarks: readonly Benchmark[] = [
  { name: 'store: commits', run: commits },
  { name: 'store: cold start', run: coldStart },
];

type Commit = (changes: readonly Change[]) => Promise<unknown>;

async function commits(): Promise<Figure> {
  const root = mkdtempSync(join(tmpdir(), 'miroir-bench-store-'));
  try {
    const notes: string[] = [];
    let judged = 0;
    for (const group of [1, GROUP, 1_024]) {
      const { ours, raw, ratio } = await takeTurns(join(root, String(group)), group);
      if (group === GROUP) judged = ratio;
      notes.push(
        `groups of ${group}: ${ratio.toFixed(2)} x, ${Math.round(ours)} of ${Math.round(raw)}/s`,
      );
    }
    return { value: judged, unit: 'x raw LMDB', target: '>= 0.8', note: notes.join('; ') };
  } finally {
    rmSync(root, { recursive: true });
  }
}

function openStore(folder: string): Store {
  return new Store({
    folder,
    nowSeconds: 1,
    freshId: () => randomBytes(16).toString('hex'),
    onPoisoned: (error) => {
      throw error;
    },
  });
}

interface Turns {
  /** Medians of the rounds' changes a second, and of the rounds' ratios. */
  readonly ours: number;
  readonly raw: number;
  readonly ratio: number;
}

async function takeTurns(folder: string, group: number): Promise<Turns> {
  const store = new SoleStore(openStore(join(folder, 'ours')));
  const raw = new RawLmdb(join(folder, 'raw'), VALUE_BYTES);
  const commit: Commit = (changes) => store.commit(changes);
  const rounds = { ours: [] as number[], raw: [] as number[], ratio: [] as number[] };
  for (let round = 0; round <= ROUNDS; round += 1) {
    const first = round * 1_000_000;
    // Who goes first changes, since the disk remembers who went before.
    const early = round % 2 === 0 ? await perSecond(commit, group, first) : 0;
    const straight = await raw.perSecond(group, ROUND_MS);
    const ours = round % 2 === 0 ? early : await perSecond(commit, group, first);
    // The first round warms up.
    if (round === 0) continue;
    rounds.ours.push(ours);
    rounds.raw.push(straight);
    rounds.ratio.push(ours / straight);
  }
  await Promise.all([store.close(), raw.close()]);
  return { ours: median(rounds.ours), raw: median(rounds.raw), ratio: median(rounds.ratio) };
}

async function perSecond(commit: Commit, group: number, first: number): Promise<number> {
  const value = randomBytes(VALUE_BYTES);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ROUND_MS) {
    const changes: Change[] = [];
    for (let at = 0; at < group; at += 1) {
      changes.push({ key: `t/${String(first + count).padStart(12, '0')}`, value });
      count += 1;
    }
    await commit(changes);
  }
  return (count * 1_000) / (performance.now() - startedAt);
}

const TASKS = 1_000_000;
const STARTS = 3;

/** From the start of the process until it serves, after a kill and after a clean end. */
async function coldStart(): Promise<Figure> {
  const cluster = new ControlCluster();
  try {
    await cluster.start();
    await cluster.control.stop('SIGTERM');
    await fill(join(cluster.folder.path, 'data'));
    // The first start commits what is new, and none of the figures.
    await cluster.restart('SIGTERM');
    const took = { SIGKILL: [] as number[], SIGTERM: [] as number[] };
    let cpuSeconds = 0;
    for (let at = 0; at < STARTS; at += 1) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        let startedAt = 0;
        await cluster.restart(signal, () => {
          startedAt = performance.now();
        });
        took[signal].push((performance.now() - startedAt) / 1_000);
        if (signal === 'SIGKILL') cpuSeconds = cpuSecondsOf(cluster.control.child.pid ?? 0);
      }
    }
    return {
      value: median(took.SIGKILL),
      unit: 's',
      target: '<= 3',
      note: `${TASKS} tasks, after a kill (processor time ${cpuSeconds.toFixed(2)} s); after a clean end ${median(took.SIGTERM).toFixed(2)} s`,
    };
  } finally {
    await cluster.stop();
  }
}

/** Of a process and of its children that ended. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // Hundredths of a second: own user and system time, and those of children.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}

/** Puts finished tasks into a data folder, as the machine writes them. */
async function fill(folder: string): Promise<void> {
  const store = openStore(folder);
  const state = loadState(store, loadCluster(store) as ClusterRecord, {
    placement: {
      shardCount: 16,
      spread: 'all',
      replicationFactor: 1,
      minCopies: 1,
      quorum: 'in_sync',
    },
    now: { wallNs: 0n, steadyMs: 0 },
  });
  while (state.summaries.length < TASKS) {
    for (let at = 0; at < 5_000; at += 1) addFinished(state);
    await store.commit(takeChanges(state));
  }
  await store.close();
}

function addFinished(state: State): void {
  const uid = state.summaries.length;
  addTask(state, {
    uid,
    batchUid: uid,
    group: groupFor(state, `index-${uid % 7}`, uid),
    status: 'succeeded',
    type: 'documentAdditionOrUpdate',
    canceledBy: null,
    details: { receivedDocuments: 100, indexedDocuments: 100 },
    newNameGroup: null,
    swapGroups: [],
    error: null,
    enqueuedAt: '2026-11-23T19:39:03.51601509Z',
    startedAt: '2026-11-23T19:39:03.71601509Z',
    finishedAt: '2026-11-23T19:39:05.51601509Z',
    customMetadata: null,
  });
}
