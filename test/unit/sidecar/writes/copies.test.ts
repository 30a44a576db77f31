/**
 * Goal: every copy gets the same bytes; a slow copy is cut off and named, never waited for without end;
 * a write that too few took says whether it may be in.
 * Method: the stage (real HTTP nodes that record, a control made of functions) with two copies per shard.
 */
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import type { ReportResponse } from '../../../../proto/gen/miroir/write/v1/write.ts';
import {
  handleDocumentDeleteAll,
  handleDocumentDeleteBatch,
  handleDocumentReplace,
  handleDocumentUpdate,
} from '../../../../sidecar/writes/index.ts';
import { suite } from '../../../kit/suite.ts';
import { makeStage, requestOf, type Stage } from './stage.ts';

const { test, run } = suite('sidecar/writes copies');

const STANDS: ReportResponse = { stands: true, refusal: undefined, missed: [] };

test('two copies of everything get the same bytes', async () => {
  await onStage(2, async (stage) => {
    const documents = Array.from({ length: 50 }, (_, i) => ({ id: i }));
    await handleDocumentReplace(requestOf(JSON.stringify(documents)), stage.context());
    const [first, second] = stage.received;
    assert.is(stage.received.length, 2);
    assert.is.not(first?.node, second?.node);
    assert.ok(first?.body.equals(second?.body as Buffer));
    assert.equal(first?.query.toString(), second?.query.toString());
  });
});

test('a document goes to the copies of its shard alone, an identifier too', async () => {
  await onStage(4, async (stage) => {
    await handleDocumentReplace(requestOf('[{"id":"a"}]'), stage.context());
    assert.is(stage.received.length, 2);
    const nodes = stage.received.map(({ node }) => node).sort();
    await handleDocumentDeleteBatch(requestOf('["a"]'), stage.context());
    const deleted = stage.received.slice(2).map(({ node }) => node);
    assert.equal(deleted.sort(), nodes);
    await handleDocumentDeleteAll(requestOf(''), stage.context());
    assert.is(stage.received.length, 8);
  });
});

test('a copy that is silent is cut off before the report, and the reply names it', async () => {
  await onStage(2, async (stage) => {
    const context = stage.context();
    const config = { writes: { ...context.config.writes, copy_timeout_ms: 300 } };
    stage.onNode = ({ node }) =>
      node === 'n1' ? 'silence' : { status: 202, body: { taskUid: 3, status: 'enqueued' } };
    let cutBeforeReport = false;
    stage.onReport = () => {
      cutBeforeReport = stage.cutOff.length > 0;
      return { ...STANDS, missed: [{ nodeId: 'n1', shardCount: 1, reason: 'timeout' }] };
    };
    // A report needs a moment to travel; here control is a function.
    const { writes } = context;
    const report: typeof writes.report = async (input) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return writes.report(input);
    };
    const startedAt = performance.now();
    const reply = await handleDocumentUpdate(
      requestOf('[{"id":1}]'),
      stage.context({ config, writes: { ...writes, report } }),
    );
    const tookMs = performance.now() - startedAt;
    assert.is(reply.status, 202);
    assert.ok(tookMs >= 300 && tookMs < 2_000, `${tookMs} ms`);
    assert.ok(cutBeforeReport);
    const outcomes = stage.reports[0]?.results.map(({ nodeId, outcome }) => [
      nodeId,
      outcome?.$case,
    ]);
    assert.equal(outcomes?.sort(), [
      ['n0', 'enqueuedUid'],
      ['n1', 'unknown'],
    ]);
    assert.is(stage.reports.length, 1);
    assert.is(stage.reports[0]?.complete, true);
    const header = reply.headers.find(([name]) => name === 'x-miroir-degraded');
    assert.is(header?.[1], 'shards=1; reason=timeout; node=n1');
  });
});

test('a full disk on one of two copies costs the write nothing but that copy', async () => {
  await onStage(2, async (stage) => {
    const full = { message: 'No space left', code: 'no_space_left_on_device', type: 'system' };
    stage.onNode = ({ node }) =>
      node === 'n0' ? { status: 422, body: full } : { status: 202, body: { taskUid: 3 } };
    stage.onReport = () => ({
      ...STANDS,
      missed: [
        { nodeId: 'n0', shardCount: 1, reason: 'refused' },
        { nodeId: 'n2', shardCount: 1, reason: 'behind' },
      ],
    });
    const reply = await handleDocumentReplace(requestOf('[{"id":1}]'), stage.context());
    assert.is(reply.status, 202);
    assert.is(
      reply.headers.find(([name]) => name === 'x-miroir-degraded')?.[1],
      'shards=1; reason=refused; node=n0, shards=1; reason=behind; node=n2',
    );
    assert.equal(stage.failures, ['n0 no_space_left_on_device']);
    const refused = stage.reports[0]?.results.find(({ nodeId }) => nodeId === 'n0')?.outcome;
    assert.is(refused?.$case === 'refused' && refused.value.status, 422);
  });
});

test('a write that too few took says whether it may be in, and when to try again', async () => {
  await onStage(2, async (stage) => {
    const refusal = { code: 'miroir_no_quorum', message: 'Too few.' };
    stage.onReport = () => ({ stands: false, refusal, missed: [] });
    stage.onNode = ({ node }) => (node === 'n0' ? 'reset' : { status: 503, body: {} });
    const maybe = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.is(maybe.status, 503);
    assert.is(maybe.retryAfterSeconds, 1);
    assert.match(maybe.message, 'Too few. Some nodes have it in their queues, or may have it');
    stage.onNode = () => ({ status: 503, body: {} });
    const surely = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.match(surely.message, 'Too few. Nothing of it was written.');
  });
});

test('a disk of control that is full is a 503 with its own code', async () => {
  await onStage(1, async (stage) => {
    stage.onBegin = () => ({
      $case: 'refusal',
      value: { code: 'miroir_storage_full', message: 'No space left at control.' },
    });
    const error = await mustThrow(handleDocumentReplace(requestOf('[{"id":1}]'), stage.context()));
    assert.is(error.code, 'miroir_storage_full');
    assert.is(error.status, 503);
    assert.is(error.retryAfterSeconds, 10);
    assert.is(stage.received.length, 0);
  });
});

test('control is told of skipCreation', async () => {
  await onStage(2, async (stage) => {
    await handleDocumentUpdate(requestOf('[{"id":1}]'), stage.context());
    await handleDocumentUpdate(
      requestOf('[{"id":1}]'),
      stage.context({ query: 'skipCreation=true' }),
    );
    assert.equal(
      stage.begins.map(({ skipCreation }) => skipCreation),
      [false, true],
    );
  });
});

test('leases of many writes are renewed by one call', async () => {
  await onStage(2, async (stage) => {
    let isSilent = true;
    stage.onNode = () => (isSilent ? 'silence' : { status: 202, body: { taskUid: 3 } });
    stage.onRenew = async () => {
      isSilent = false;
      return [];
    };
    const context = stage.context();
    const writes = Array.from({ length: 20 }, (_, id) =>
      handleDocumentReplace(requestOf(`[{"id":${id}}]`), context).catch(() => undefined),
    );
    const startedAt = performance.now();
    while (stage.renewals.length === 0 && performance.now() - startedAt < 5_000) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.is(stage.renewals[0]?.length, 20);
    await stage.close();
    await Promise.all(writes);
  });
});

async function onStage(nodeCount: number, body: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await makeStage(nodeCount, nodeCount > 1 ? 2 : 1);
  try {
    await body(stage);
  } finally {
    await stage.close();
  }
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
