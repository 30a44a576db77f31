/**
 * Goal: of the views that sidecars say they hold, those count that they can hold.
 * Method: the rule alone, with a log that grows.
 */
import * as assert from 'uvu/assert';
import { countingViews } from '../../../../control/leader/earlier-views.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('views that sidecars confirm');

test('views of this leader count up to what it has committed, those of earlier ones up to its first', () => {
  const store = { epoch: 7n, position: { epoch: 7n, index: 20n } };
  const count = countingViews({ store, earlier: { previousEpoch: 6, sinceEpoch: 3 } });
  store.position = { epoch: 7n, index: 25n };
  const counted = (epoch: bigint, index: bigint): number => count({ epoch, index });
  assert.equal([counted(7n, 20n), counted(7n, 25n)], [20, 25]);
  assert.is(counted(7n, 26n), 0, 'nobody can have seen it yet');
  assert.is(counted(7n, 2n ** 62n), 0);
  assert.equal([counted(6n, 20n), counted(6n, 21n)], [20, 0]);
  assert.is(counted(2n, 5n), 0, 'a loss was accepted since');
  assert.is(counted(8n, 5n), 0);
});

run();
