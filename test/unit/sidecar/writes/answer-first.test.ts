/**
 * Goal: a client is answered before the report is on the plain path alone; who is answered so is counted, in
 * bounds, and waited for at the end.
 * Method: the decision over every single thing that may be missing; the counter by hand; whole writes on nodes
 * that are small servers, with a control that does not answer reports.
 */
import * as assert from 'uvu/assert';
import type { NodeId } from '../../../../core/types.ts';
import {
  isDoubtedBy,
  mayAnswerFirst,
  type SendsOver,
} from '../../../../sidecar/writes/answer-first.ts';
import { handleDocumentReplace, OpenReports } from '../../../../sidecar/writes/index.ts';
import { newLease } from '../../../../sidecar/writes/session-lease.ts';
import { newShare, type Share, takeOutcome } from '../../../../sidecar/writes/session-shares.ts';
import type { PartOutcome } from '../../../../sidecar/writes/session-types.ts';
import { suite } from '../../../kit/suite.ts';
import { makeStage, requestOf, type Stage } from './stage.ts';

const { test, run } = suite('sidecar/writes answer first');

const TAKEN: PartOutcome = { kind: 'enqueued', uid: 1 };
const REFUSED: PartOutcome = { kind: 'refused', status: 503, body: Buffer.from('') };

/** A share with these outcomes of its two parts so far. */
function share(nodeId: string, ...outcomes: PartOutcome[]): Share {
  const made = newShare({ nodeId, partBytes: [1, 1], shards: [0] });
  for (const [part, outcome] of outcomes.entries()) {
    made.sentAtMs = 0;
    takeOutcome(made, part, outcome);
  }
  return made;
}

function over(changes: Partial<SendsOver> = {}): SendsOver {
  return {
    standsWhenTaken: true,
    targetCount: 2,
    shares: [share('a', TAKEN, TAKEN), share('b', TAKEN, TAKEN)],
    lease: newLease(0),
    nowMs: 4_749,
    ...changes,
  };
}

test('answered first only where nothing at all is missing', () => {
  const plain = over();
  assert.is(mayAnswerFirst(plain), true);
  const [first] = plain.shares;
  assert.ok(first !== undefined);
  const missing: Record<string, SendsOver> = {
    'the permission does not say so': over({ standsWhenTaken: false }),
    'a target was sent nothing': over({ targetCount: 3 }),
    'nothing was sent': over({ targetCount: 0, shares: [] }),
    'a part is under way': over({ shares: [first, share('b', TAKEN)] }),
    'a part was refused': over({ shares: [first, share('b', TAKEN, REFUSED)] }),
    'a copy counts no more': over({ shares: [first, { ...first, isDoubted: true }] }),
    'the lease is over by the clock': over({ nowMs: 4_750 }),
    'the lease is lost': over({ lease: { ...newLease(0), isLost: true } }),
  };
  for (const [what, given] of Object.entries(missing))
    assert.is(mayAnswerFirst(given), false, what);
});

test('a view doubts a copy that it does not show in sync, and only one of this index', () => {
  const seen = {
    id: 'x',
    owners: [
      [
        { nodeId: 'a', state: 'in-sync' },
        { nodeId: 'b', state: 'behind' },
      ],
      [{ nodeId: 'a', state: 'in-sync' }],
    ],
  } as const;
  const sent = (indexId: string, nodeId: string, ...shards: number[]) => ({
    indexId,
    nodeId,
    shards,
  });
  assert.is(isDoubtedBy(seen, sent('x', 'a', 0, 1)), false);
  assert.is(isDoubtedBy(seen, sent('x', 'b', 0)), true);
  assert.is(isDoubtedBy(seen, sent('x', 'b', 1)), true);
  assert.is(isDoubtedBy(seen, sent('y', 'b', 0)), false);
  assert.is(isDoubtedBy(undefined, sent('x', 'b', 0)), false);
});

test('open reports are counted, bounded and waited for', async () => {
  const reports = new OpenReports();
  assert.is(await reports.settled(60_000), 0);
  const ends = Array.from({ length: 1_024 }, () => reports.open());
  assert.is(reports.hasRoom, false);
  assert.is(await reports.settled(1), 1_024);
  const settled = reports.settled(60_000);
  for (const end of ends) end();
  assert.is(await settled, 0);
  assert.is(reports.hasRoom, true);
});

/** Two nodes with both copies of everything, and reports that are answered when the test says so. */
async function onSlowControl(
  work: (stage: Stage, answer: (error?: Error) => void) => Promise<void>,
): Promise<void> {
  const stage = await makeStage(2, 2);
  stage.standsWhenTaken = true;
  let answer: (error?: Error) => void = () => {};
  const answered = new Promise<void>((resolve, reject) => {
    answer = (error) => (error === undefined ? resolve() : reject(error));
  });
  stage.beforeReport = () => answered;
  try {
    await work(stage, answer);
  } finally {
    answer();
    await stage.close();
  }
}

test('the client hears of its write while control is still at the report', async () => {
  await onSlowControl(async (stage, answer) => {
    const context = stage.context();
    const reply = await handleDocumentReplace(requestOf('[{"id":1}]'), context);
    assert.is(reply.status, 202);
    assert.equal(
      stage.reports.map(({ results }) => results.map(({ outcome }) => outcome?.$case)),
      [['enqueuedUid', 'enqueuedUid']],
    );
    assert.is(await context.openReports.settled(1), 1);
    answer();
    assert.is(await context.openReports.settled(5_000), 0);
    assert.equal(stage.unconfirmed, []);
  });
});

test('control that refuses an answered write, or stays away, is counted', async () => {
  await onSlowControl(async (stage, answer) => {
    const refusal = { code: 'miroir_no_quorum', message: 'Too few.' };
    stage.onReport = () => ({ stands: false, refusal, missed: [] });
    const context = stage.context();
    assert.is((await handleDocumentReplace(requestOf('[{"id":1}]'), context)).status, 202);
    answer();
    await context.openReports.settled(5_000);
    assert.equal(stage.unconfirmed, ['refused']);
  });
  await onSlowControl(async (stage, answer) => {
    const context = stage.context();
    assert.is((await handleDocumentReplace(requestOf('[{"id":1}]'), context)).status, 202);
    answer(stage.controlAway());
    await context.openReports.settled(5_000);
    assert.equal(stage.unconfirmed, ['unreachable']);
  });
});

test('with no room for one more open report, or a node that refuses, control is waited for', async () => {
  await onSlowControl(async (stage, answer) => {
    const openReports = new OpenReports();
    const ends = Array.from({ length: 1_024 }, () => openReports.open());
    const context = stage.context({ openReports });
    let isAnswered = false;
    const reply = handleDocumentReplace(requestOf('[{"id":1}]'), context).then((given) => {
      isAnswered = true;
      return given;
    });
    await stage.reported();
    assert.is(isAnswered, false);
    answer();
    assert.is((await reply).status, 202);
    for (const end of ends) end();
    assert.is(await openReports.settled(5_000), 0);
  });
  await onSlowControl(async (stage, answer) => {
    stage.onNode = ({ node }) =>
      node === ('n0' as NodeId) ? { status: 503, body: {} } : { status: 202, body: { taskUid: 3 } };
    stage.onReport = () => ({
      stands: true,
      refusal: undefined,
      missed: [{ nodeId: 'n0', shardCount: 1, reason: 'refused' }],
    });
    const reply = handleDocumentReplace(requestOf('[{"id":1}]'), stage.context());
    await stage.reported();
    answer();
    const { headers } = await reply;
    assert.ok(headers.some(([name]) => name === 'x-miroir-degraded'));
  });
});

run();
