/**
 * How fast answers are merged and keys are placed, on one core, warm. Answers are recorded ones of real
 * nodes, as bytes; a figure covers all that a request costs between the nodes' bytes and the client's.
 */
import { join } from 'node:path';
import { planOwners, shardOfKey } from '../../core/placement/index.ts';
import { readAnswers } from '../../core/ranking/answer.ts';
import { mergeHeads } from '../../core/ranking/heads.ts';
import { compareHits, Hit } from '../../core/ranking/hits.ts';
import { mergeSearch, planSearch, type SearchPurpose } from '../../core/ranking/index.ts';
import type { IndexId, NodeId } from '../../core/types.ts';
import { sharedFolder } from '../kit/paths.ts';
import { type MergeFixture, readFixtures } from '../merge/fixture.ts';
import { type Benchmark, median } from './figure.ts';

const ROUNDS = 200;
const ENVELOPE = { processingTimeMs: 1, requestUid: '00000000-0000-7000-8000-000000000000' };

/** Processor time, not time by the clock: other programs on the machine do not count. */
function medianMs(run: () => void): number {
  const figures: number[] = [];
  for (let round = 0; round < ROUNDS * 2; round += 1) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    figures.push((user + system) / 1000);
  }
  return Math.round(median(figures.slice(ROUNDS)) * 1000) / 1000;
}

let fixture: MergeFixture | undefined;

function packages(): MergeFixture {
  if (sharedFolder === undefined) throw new Error('the recordings are not beside the project');
  fixture ??= readFixtures(join(sharedFolder, 'recordings', 'merge')).find(
    (one) => one.name === 'packages-20k',
  );
  if (fixture === undefined) throw new Error('packages-20k is not among the recordings');
  return fixture;
}

/** A keyword search for one page of 20 whose three nodes answered 20 hits each. */
function pageOfTwenty() {
  const { cases, settings, primaryKey } = packages();
  const one = cases.find(({ kind, nodes, body }) => {
    if (kind !== 'search' || typeof body['q'] !== 'string' || nodes[0]?.extra.size !== 0)
      return false;
    return readAnswers(nodes.map((node) => node.main.body)).every(({ hits }) => hits.length === 20);
  });
  if (one === undefined) throw new Error('no recorded page of 20');
  const index = { uid: 'packages', primaryKey, settings, hasSeveralOwners: true };
  const answers = new Map<SearchPurpose, Uint8Array[]>([
    ['main', one.nodes.map((node) => node.main.body)],
  ]);
  return { body: one.body, index, answers };
}

/** The recorded keyword search with the most bytes, its details read and its internal fields cut out. */
function wideSearch() {
  const { cases, settings, primaryKey } = packages();
  const sizeOf = (nodes: (typeof cases)[number]['nodes']) =>
    nodes.reduce((sum, { main }) => sum + main.body.length, 0);
  const searches = cases.filter(
    ({ kind, nodes, body }) =>
      kind === 'search' && typeof body['q'] === 'string' && nodes[0]?.extra.size === 0,
  );
  const [one] = searches.sort((left, right) => sizeOf(right.nodes) - sizeOf(left.nodes));
  if (one === undefined) throw new Error('no recorded search');
  const index = { uid: 'packages', primaryKey, settings, hasSeveralOwners: true };
  const main = one.nodes.map((node) => node.main.body);
  return { body: one.body, index, answers: new Map<SearchPurpose, Uint8Array[]>([['main', main]]) };
}

/** A thousand hits in three lists, by repeating recorded ones; each run reads their details anew. */
function thousandHits(): () => void {
  const { answers } = pageOfTwenty();
  const lists = readAnswers(answers.get('main')).map(({ hits }) => {
    const list: Hit[] = [];
    for (const hit of hits) for (let times = 0; times < 17; times += 1) list.push(hit);
    return list;
  });
  return () => {
    const fresh = lists.map((list) => list.map(copyHit));
    const ordered = mergeHeads(fresh, compareHits, 1000);
    if (ordered.length !== 1000) throw new Error(`${ordered.length} hits`);
  };
}

function copyHit(hit: Hit): Hit {
  const copy = new Hit(hit.bytes, hit.source, hit.start, hit.end);
  copy.detailsStart = hit.detailsStart;
  copy.detailsEnd = hit.detailsEnd;
  copy.versionStart = hit.versionStart;
  copy.versionEnd = hit.versionEnd;
  return copy;
}

/** Figures of placement and merging. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'place-10000-keys',
    async run() {
      const keys = Array.from({ length: 10_000 }, (_, at) => Buffer.from(`package-${at * 7919}`));
      let sum = 0;
      const value = medianMs(() => {
        for (const key of keys) sum += shardOfKey(key, 256);
      });
      return { value, unit: 'ms', target: '< 5', note: `${sum > 0 ? 'hashed and placed' : ''}` };
    },
  },
  {
    name: 'owners-64-shards-3-nodes',
    async run() {
      const nodes = ['n1', 'n2', 'n3'].map((id) => ({ id: id as NodeId, group: 0, weight: 1 }));
      const indexId = '0123456789abcdef'.repeat(2) as IndexId;
      const value = medianMs(() => {
        planOwners({ indexId, shardCount: 64, nodes, rf: 1, spread: 'all' });
      });
      return { value, unit: 'ms', target: '< 1' };
    },
  },
  {
    name: 'order-1000-hits',
    async run() {
      return { value: medianMs(thousandHits()), unit: 'ms', target: '< 1' };
    },
  },
  {
    name: 'merge-page-of-20',
    async run() {
      const { body, index, answers } = pageOfTwenty();
      const value = medianMs(() => {
        mergeSearch(planSearch({ body, index }), answers, ENVELOPE);
      });
      const bytes = [...(answers.get('main') ?? [])].reduce((sum, one) => sum + one.length, 0);
      return { value, unit: 'ms', target: '< 0.6', note: `${bytes} bytes of 3 nodes` };
    },
  },
  {
    name: 'scan-merge-strip',
    async run() {
      const { body, index, answers } = wideSearch();
      const plan = planSearch({ body, index });
      const value = medianMs(() => {
        mergeSearch(plan, answers, ENVELOPE);
      });
      const bytes = [...(answers.get('main') ?? [])].reduce((sum, one) => sum + one.length, 0);
      const note = `${bytes} bytes of 3 nodes in ${value} ms`;
      return { value: bytes / 1000 / value, unit: 'MB/s', target: '>= 150', note };
    },
  },
];
