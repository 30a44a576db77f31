/**
 * Goal: nothing is sent and nothing acknowledged under a lease that is not held, and a long wait for the
 * permission alone costs no write.
 * Method: the stage (real HTTP nodes that record, a control made of functions), with a clock in the test's
 * hand where seconds pass.
 */
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import { handleDocumentReplace } from '../../../../sidecar/writes/index.ts';
import { suite } from '../../../kit/suite.ts';
import { makeStage, requestOf, type Stage } from './stage.ts';

const { test, run } = suite('sidecar/writes lease');

test('a lost lease cuts the sends and is never acknowledged', async () => {
  const stage = await makeStage(1);
  try {
    stage.onNode = () => 'silence';
    stage.onRenew = async () => [42n];
    stage.onReport = () => ({ stands: true, refusal: undefined, missed: [] });
    const startedAt = performance.now();
    const error = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.is(error.code, 'miroir_write_abandoned');
    assert.ok(performance.now() - startedAt < 4_000);
    assert.equal(stage.renewals, [[42n]]);
    assert.is(stage.reports[0]?.results[0]?.outcome?.$case, 'unknown');
  } finally {
    await stage.close();
  }
});

test('a lease that cannot be renewed for five seconds is lost', async () => {
  const stage = await makeStage(1);
  try {
    let nowMs = 0;
    let tick: () => void = () => {};
    stage.onNode = () => 'silence';
    stage.onRenew = () => Promise.reject(new Error('control is away'));
    stage.onReport = () => ({ stands: true, refusal: undefined, missed: [] });
    const clock = {
      nowMs: () => nowMs,
      every: (_intervalMs: number, task: () => void) => {
        tick = task;
        return () => {};
      },
    };
    const write = mustThrow(
      handleDocumentReplace(requestOf('[{"id":1}]'), stage.context({ clock })),
    );
    while (stage.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let second = 1; second <= 5; second += 1) {
      nowMs = second * 1_000;
      tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.is((await write).code, 'miroir_write_abandoned');
    assert.is(stage.renewals.length, 4);
  } finally {
    await stage.close();
  }
});

test('a lease that ran out while the write waited for its permission is renewed before the sends', async () => {
  const stage = await makeStage(1);
  try {
    let nowMs = 0;
    let renewalsBeforeSend = -1;
    stage.onBegin = grantAfter(stage.onBegin, () => {
      nowMs = 20_000;
    });
    stage.onNode = () => {
      renewalsBeforeSend = stage.renewals.length;
      return { status: 202, body: { taskUid: 7 } };
    };
    const clock = { nowMs: () => nowMs, every: () => () => {} };
    const reply = await handleDocumentReplace(requestOf('[{"id":1}]'), stage.context({ clock }));
    assert.is(reply.status, 202);
    assert.is(renewalsBeforeSend, 1);
  } finally {
    await stage.close();
  }
});

test('a write whose lease cannot be renewed after a long wait is not sent', async () => {
  const stage = await makeStage(1);
  try {
    let nowMs = 0;
    stage.onBegin = grantAfter(stage.onBegin, () => {
      nowMs = 20_000;
    });
    stage.onRenew = async () => [42n];
    stage.onReport = () => ({ stands: false, refusal: undefined, missed: [] });
    const clock = { nowMs: () => nowMs, every: () => () => {} };
    await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context({ clock })));
    assert.is(stage.received.length, 0);
    assert.is(stage.reports.length, 1);
  } finally {
    await stage.close();
  }
});

/** Lets time pass between the question and its grant. */
function grantAfter(onBegin: Stage['onBegin'], wait: () => void): Stage['onBegin'] {
  return (input) => {
    wait();
    return onBegin(input);
  };
}

async function mustThrow(reply: Promise<unknown>): Promise<MiroirError> {
  try {
    await reply;
  } catch (error) {
    if (error instanceof MiroirError) return error;
    throw error;
  }
  throw new Error('an error was expected');
}

run();
