/**
 * Goal: the choice among copies sticks until one is clearly slower, hotter or failing, finds its way back,
 * and calls are made twice only where it helps and within the budget.
 * Method: the chooser with a clock made by the test; hedges with tries that the test answers.
 */
import * as assert from 'uvu/assert';
import type { NodeId } from '../../../core/types.ts';
import { CopyChooser, type CopyResult } from '../../../sidecar/copies/chooser.ts';
import { Circuit } from '../../../sidecar/copies/circuit.ts';
import { type HedgeOutcome, hedge, OVERTAKEN } from '../../../sidecar/copies/hedge.ts';
import { HedgeBudget } from '../../../sidecar/copies/hedge-budget.ts';
import { Latency } from '../../../sidecar/copies/latency.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('choice of copies');
const [A, B] = ['a', 'b'] as unknown as [NodeId, NodeId];
const NODES = [A, B];
const KEY = 'index search';
const anyData = () => true;
const answered: CopyResult = {
  kind: 'answered',
  status: 200,
  headers: {},
  body: new Uint8Array(0),
  elapsedMs: 1,
};
const reset: CopyResult = { kind: 'reset', reason: 'ECONNRESET' };

/** A chooser and its clock. */
function world() {
  const clock = { nowMs: 0 };
  const chooser = new CopyChooser({ nowMs: () => clock.nowMs });
  const call = (nodeId: NodeId, tookMs: number, result = answered): void => {
    const end = chooser.begin(KEY, nodeId);
    clock.nowMs += tookMs;
    end(result);
  };
  const spared = () => {
    const { avoided, doubted } = chooser.spare(KEY, NODES, anyData);
    return `${[...avoided].join()}|${[...doubted].join()}`;
  };
  return { clock, chooser, call, spared };
}

test('a node twice as slow is spared, one that is a little slower is not', () => {
  const { call, spared } = world();
  for (let count = 0; count < 50; count += 1) {
    call(A, 5);
    call(B, 9);
  }
  assert.is(spared(), '|');
  for (let count = 0; count < 20; count += 1) call(B, 50);
  assert.is(spared(), 'b|');
});

test('one slow answer is an accident', () => {
  const { call, spared } = world();
  for (let count = 0; count < 20; count += 1) {
    call(A, 5);
    call(B, 5);
  }
  call(B, 50);
  assert.is(spared(), '|');
});

test('a slow node is tried by one call at a time, less and less often, and taken back once it is fast', () => {
  const { clock, chooser, call, spared } = world();
  for (let count = 0; count < 20; count += 1) {
    call(A, 5);
    call(B, 50);
  }
  const pausesMs: number[] = [];
  for (let trial = 0; trial < 8; trial += 1) {
    const fromMs = clock.nowMs;
    while (spared() === 'b|') clock.nowMs += 10;
    pausesMs.push(Math.round((clock.nowMs - fromMs) / 1_000));
    const end = chooser.begin(KEY, B);
    assert.is(spared(), 'b|', 'only one call tries it');
    clock.nowMs += 50;
    end(answered);
  }
  assert.equal(pausesMs.slice(1, 4), [2, 4, 8]);
  assert.is(pausesMs.at(-1), 30);
  for (let trial = 0; trial < 3; trial += 1) {
    clock.nowMs += 30_000;
    call(B, 5);
  }
  assert.is(spared(), '|');
});

test('a call that was overtaken counts as slow, however early it was cut off', () => {
  const { call, chooser } = world();
  for (let count = 0; count < 20; count += 1) {
    call(A, 5);
    call(B, 5);
  }
  for (let count = 0; count < 10; count += 1) call(B, 6, { kind: 'overtaken' });
  const { ewmaMs } = chooser.describe(KEY, B, NODES, anyData);
  assert.ok((ewmaMs ?? 0) > 10, `${ewmaMs}`);
});

test('a node with many calls under way is spared, until they end', () => {
  const { call, chooser, spared } = world();
  for (let count = 0; count < 10; count += 1) {
    call(A, 5);
    call(B, 5);
  }
  const ends = Array.from({ length: 5 }, () => chooser.begin(KEY, A));
  assert.is(spared(), '|', 'a few are no reason');
  ends.push(...Array.from({ length: 10 }, () => chooser.begin(KEY, A)));
  assert.is(spared(), 'a|');
  assert.is(chooser.describe(KEY, A, NODES, anyData).spared, 'hot');
  for (const end of ends) end(answered);
  assert.is(spared(), '|');
});

test('a circuit opens after three failures in a row, and one call tries it after a growing pause', () => {
  const { clock, chooser, call, spared } = world();
  call(B, 1, reset);
  call(B, 1, reset);
  call(B, 1);
  call(B, 1, reset);
  call(B, 1, reset);
  assert.is(spared(), '|', 'an answer in between');
  call(B, 1, reset);
  assert.is(spared(), '|b');
  clock.nowMs += 500;
  assert.is(spared(), '|');
  const end = chooser.begin(KEY, B);
  assert.is(spared(), '|b');
  end(reset);
  clock.nowMs += 999;
  assert.is(spared(), '|b', 'twice as long');
  clock.nowMs += 1;
  assert.is(spared(), '|');
  call(B, 1);
  assert.is(spared(), '|');
  assert.is(chooser.describe(KEY, B, NODES, anyData).circuit, 'closed');
});

test('failures of calls that were under way together open a circuit once', () => {
  const circuit = new Circuit();
  const ends = Array.from({ length: 20 }, () => circuit.begin());
  for (const end of ends) end('failed', 0);
  assert.is(circuit.stateAt(499), 'open');
  assert.is(circuit.stateAt(500), 'half-open');
});

test('a node whose data are in doubt is the last choice', () => {
  const { chooser } = world();
  const { doubted } = chooser.spare(KEY, NODES, (nodeId) => nodeId !== A);
  assert.equal([...doubted], [A]);
});

test('percentiles follow the last 64 samples and need twenty', () => {
  const latency = new Latency();
  for (let count = 0; count < 19; count += 1) latency.add(1);
  assert.is(latency.p95Ms, undefined);
  for (let count = 1; count <= 100; count += 1) latency.add(count);
  assert.ok((latency.p95Ms ?? 0) >= 93 && (latency.p95Ms ?? 0) <= 98, `${latency.p95Ms}`);
});

test('two hedges for a hundred calls, and never more than ten at once', () => {
  const budget = new HedgeBudget();
  assert.is(budget.spend(1), true);
  assert.is(budget.spend(1), false);
  for (let count = 0; count < 101; count += 1) budget.earn();
  assert.is(budget.spend(2), true);
  assert.is(budget.spend(1), false);
  for (let count = 0; count < 10_000; count += 1) budget.earn();
  assert.is(budget.spend(11), false);
  assert.is(budget.spend(10), true);
  const places = Array.from({ length: 5 }, () => budget.stall());
  assert.is(places.filter((place) => place !== undefined).length, 4);
  places[0]?.();
  assert.ok(budget.stall());
});

interface Try {
  readonly signal: AbortSignal;
  readonly answer: (text: string) => void;
}

/** A hedge whose tries the test answers. */
function hedging(
  more: { budget?: HedgeBudget; hasSecond?: boolean; delayMs?: number | undefined } = {},
) {
  const tries: Try[] = [];
  const outcomes: HedgeOutcome[] = [];
  const client = new AbortController();
  const ask = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve) => {
      tries.push({ signal, answer: resolve });
      signal.addEventListener('abort', () => resolve('bad'));
    });
  const done = hedge({
    delayMs: 'delayMs' in more ? more.delayMs : 10,
    budget: more.budget ?? new HedgeBudget(),
    signal: client.signal,
    first: ask,
    second: () => (more.hasSecond === false ? undefined : { count: 1, ask }),
    isGood: (answer) => answer !== 'bad',
    onHedge: (outcome) => outcomes.push(outcome),
  });
  return { tries, outcomes, client, done };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('an answer in time is asked once', async () => {
  const { tries, outcomes, done } = hedging();
  tries[0]?.answer('first');
  assert.is(await done, 'first');
  await wait(20);
  assert.is(tries.length, 1);
  assert.equal(outcomes, []);
});

test('of a late and a second answer the first to come wins, and the other is cancelled', async () => {
  const won = hedging();
  await wait(30);
  won.tries[1]?.answer('second');
  assert.is(await won.done, 'second');
  assert.is(won.tries[0]?.signal.reason, OVERTAKEN);
  assert.equal(won.outcomes, ['won']);
  const lost = hedging();
  await wait(30);
  lost.tries[0]?.answer('first');
  assert.is(await lost.done, 'first');
  assert.is(lost.tries[1]?.signal.aborted, true);
  assert.is.not(lost.tries[1]?.signal.reason, OVERTAKEN);
  assert.equal(lost.outcomes, ['lost']);
});

test('a failure is no answer while the other try goes on', async () => {
  const { tries, outcomes, done } = hedging();
  await wait(30);
  tries[1]?.answer('bad');
  await wait(5);
  tries[0]?.answer('first');
  assert.is(await done, 'first');
  assert.equal(outcomes, ['lost']);
  const both = hedging();
  await wait(30);
  both.tries[0]?.answer('bad');
  both.tries[1]?.answer('bad');
  assert.is(await both.done, 'bad');
  assert.equal(both.outcomes, ['failed']);
});

test('without budget it waits, and a silent call is asked elsewhere after a second', async () => {
  const budget = new HedgeBudget();
  budget.spend(1);
  const { tries, done } = hedging({ budget });
  await wait(100);
  assert.is(tries.length, 1);
  await wait(1_000);
  assert.is(tries.length, 2);
  tries[1]?.answer('second');
  assert.is(await done, 'second');
});

test('a silent call is asked elsewhere after a second where nothing is known yet, and after three at most', async () => {
  const unknown = hedging({ delayMs: undefined });
  const slow = hedging({ delayMs: 2_000, budget: spent() });
  await wait(900);
  assert.is(unknown.tries.length, 1);
  await wait(300);
  assert.is(unknown.tries.length, 2);
  assert.is(slow.tries.length, 1);
  await wait(2_000);
  assert.is(slow.tries.length, 2);
  for (const { tries, done } of [unknown, slow]) {
    tries[1]?.answer('second');
    assert.is(await done, 'second');
  }
});

test('a silent call that nobody may take yet is tried again', async () => {
  const budget = spent();
  const places = Array.from({ length: 4 }, () => budget.stall());
  const { tries, done } = hedging({ budget });
  await wait(1_200);
  assert.is(tries.length, 1);
  places[0]?.();
  await wait(1_000);
  assert.is(tries.length, 2);
  tries[1]?.answer('second');
  assert.is(await done, 'second');
});

function spent(): HedgeBudget {
  const budget = new HedgeBudget();
  budget.spend(1);
  return budget;
}

test('everything ends with the client', async () => {
  const { tries, client, done } = hedging();
  await wait(30);
  client.abort();
  assert.is(await done, 'bad');
  assert.ok(tries.every(({ signal }) => signal.aborted));
  const alone = hedging({ hasSecond: false });
  await wait(30);
  alone.tries[0]?.answer('first');
  assert.is(await alone.done, 'first');
});

run();
