/**
 * Runs one scenario: makes its indexes on both servers, asks both the same, and judges every pair of
 * answers. Requests go out a few at a time; the two servers work at the same time.
 */
import { compareReplies, type Difference } from './compare.ts';
import type { Kind } from './kinds.ts';
import { load, taskEssence, unload } from './load.ts';
import type { FuzzRequest } from './requests/request.ts';
import type { Scenario } from './scenario.ts';
import type { Reply, Server } from './server.ts';
import { Evidence } from './verdict/evidence.ts';
import { judge } from './verdict/judge.ts';
import type { Freedom, Verdict } from './verdict/verdict.ts';

/** Requests under way at a time. */
const IN_FLIGHT = 4;

/** The two servers and what may be expected of the one under test. */
export interface Arena {
  readonly target: Server;
  readonly reference: Server;
  readonly freedom: Freedom;
  /** False if the target is a plain node: then requests for internal fields are compared as well. */
  readonly isGateway: boolean;
}

/** One request and what came of it. */
export interface Outcome {
  readonly kind: Kind | 'write';
  readonly request: FuzzRequest;
  readonly reference: Reply;
  readonly target: Reply;
  readonly differences: readonly Difference[];
  readonly verdict: Verdict;
}

/** Runs a scenario and removes its indexes. */
export async function runScenario(arena: Arena, scenario: Scenario): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const evidence = new Evidence(arena, scenario);
  try {
    const writes = await loadBoth(arena, scenario);
    outcomes.push(...writes);
    if (writes.some(({ verdict }) => verdict.class !== 'equal')) return outcomes;
    const asked = await askAll(arena, scenario.requests);
    outcomes.push(...(await inOrder(asked, (pair) => toOutcome(arena, evidence, pair))));
  } finally {
    await evidence.close();
    await Promise.all([unload(arena.target, scenario), unload(arena.reference, scenario)]);
  }
  return outcomes;
}

/** A request with both answers. */
export interface Pair {
  readonly request: FuzzRequest;
  readonly reference: Reply;
  readonly target: Reply;
}

/** Asks both servers the same. */
export async function ask(arena: Arena, request: FuzzRequest): Promise<Pair> {
  const [reference, target] = await Promise.all([
    arena.reference.send(request),
    arena.target.send(request),
  ]);
  return { request, reference, target };
}

/** Compares and judges one pair of answers. */
export async function toOutcome(arena: Arena, evidence: Evidence, pair: Pair): Promise<Outcome> {
  const differences = compareReplies(pair.request, pair.reference, pair.target);
  const verdict = await judge({ ...pair, differences }, arena, evidence);
  return { kind: pair.request.kind, ...pair, differences, verdict };
}

/**
 * Makes the indexes on both sides. Each write is an outcome of its own: the tasks must end alike.
 */
export async function loadBoth(
  arena: Arena,
  scenario: Pick<Scenario, 'features' | 'indexes'>,
): Promise<Outcome[]> {
  const [reference, target] = await Promise.all([
    load(arena.reference, scenario),
    load(arena.target, scenario),
  ]);
  return reference.map((step, i): Outcome => {
    const other = target[i];
    if (other === undefined) throw new Error('both servers get the same writes');
    const [before, after] = [taskEssence(step), taskEssence(other)];
    const isFeature = step.call.path === '/experimental-features';
    const isSame = isFeature ? step.accepted.status === other.accepted.status : before === after;
    const isMissing = other.accepted.status === 501;
    return {
      kind: 'write',
      request: { kind: 'search', ...step.call },
      reference: step.task ?? step.accepted,
      target: other.task ?? other.accepted,
      differences: isSame ? [] : [{ pointer: 'task', reference: before, target: after }],
      verdict: isSame
        ? { class: 'equal', why: '' }
        : isMissing
          ? { class: 'not-built', why: `${step.call.method} ${step.call.path}` }
          : { class: 'difference', why: 'the write ended otherwise' },
    };
  });
}

function askAll(arena: Arena, requests: readonly FuzzRequest[]): Promise<Pair[]> {
  return inOrder(requests, (request) => ask(arena, request));
}

/** Results in the order of the items, a few under way at a time. */
async function inOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at] as Item);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return results;
}
