/**
 * Goal: what several copies counted counts once in the client's task.
 * Method: nodes with given shards and counts of documents, one document per shard unless said.
 */
import * as assert from 'uvu/assert';
import type { NodeTask } from '../../../../control/state/index.ts';
import { countOnce, type NodeCount } from '../../../../control/tasks/copy-counts.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('counts over copies');

test('nodes that share nothing add up', () => {
  assert.is(countOnce([node([0, 1], 2), node([2], 5)], 'deletedDocuments'), 7);
  assert.is(countOnce([node([], 2), node([], 3)], 'deletedDocuments'), 5, 'shards not known');
  assert.is(countOnce([], 'deletedDocuments'), 0);
});

test('of full copies one counts, and groups may be cut differently', () => {
  assert.is(countOnce([node([0, 1, 2], 10), node([0, 1, 2], 10)], 'deletedDocuments'), 10);
  const groups = [node([0, 1, 2], 10), node([0], 3), node([1, 2], 7)];
  assert.is(countOnce(groups, 'deletedDocuments'), 10);
});

test('a copy that failed is left out', () => {
  const failed = node([0, 1], 9, 'failed');
  assert.is(countOnce([failed, node([0, 1], 4)], 'deletedDocuments'), 4);
});

test('overlapping copies, each shard twice: exact', () => {
  const ring = [node([0, 1], 3), node([1, 2], 5), node([2, 0], 4)];
  assert.is(countOnce(ring, 'deletedDocuments'), 6);
});

test('parts of one node add up before anything else', () => {
  const two: NodeCount = { shards: [0], tasks: [taskOf(2, 'succeeded'), taskOf(3, 'succeeded')] };
  assert.is(countOnce([two, node([0], 5)], 'deletedDocuments'), 5);
});

run();

function node(
  shards: readonly number[],
  count: number,
  status: NodeTask['status'] = 'succeeded',
): NodeCount {
  return { shards, tasks: [taskOf(count, status)] };
}

function taskOf(count: number, status: NodeTask['status']): NodeTask {
  return {
    uid: 0,
    status,
    batchUid: 0,
    startedAt: null,
    finishedAt: null,
    details: { deletedDocuments: count },
    error: null,
  };
}
