/** Goal: positions are ordered by epoch before index. Method: all pairs of a few. */
import * as assert from 'uvu/assert';
import { isBehind, NOWHERE } from '../../../../control/replication/core/position.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('control/replication/position');

test('epoch counts before index', () => {
  const ascending = [
    NOWHERE,
    { epoch: 1, index: 1 },
    { epoch: 1, index: 900 },
    { epoch: 2, index: 3 },
    { epoch: 2, index: 4 },
  ];
  for (const [at, left] of ascending.entries()) {
    for (const [other, right] of ascending.entries()) {
      assert.is(isBehind(left, right), at < other);
    }
  }
});

run();
