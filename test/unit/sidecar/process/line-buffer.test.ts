/**
 * Goal: no access line is lost or torn, and many become one write.
 * Method: the buffer with an array in place of stderr.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { LineBuffer } from '../../../../sidecar/process/line-buffer.ts';
import { suite } from '../../../kit/suite.ts';

const tests = suite('line buffer');

tests.test('lines of one moment are written together, in order', async () => {
  const written: string[] = [];
  const buffer = new LineBuffer((text) => written.push(text));
  buffer.write('a\n');
  buffer.write('b\n');
  assert.equal(written, []);
  await sleep(120);
  assert.equal(written, ['a\nb\n']);
  buffer.write('c\n');
  buffer.flush();
  buffer.flush();
  assert.equal(written, ['a\nb\n', 'c\n']);
});

tests.test('many lines are not held for long', () => {
  const written: string[] = [];
  const buffer = new LineBuffer((text) => written.push(text));
  const line = `${'x'.repeat(999)}\n`;
  for (let count = 0; count < 200; count += 1) buffer.write(line);
  assert.ok(written.length >= 2, `${written.length} writes`);
  buffer.flush();
  assert.is(written.join(''), line.repeat(200));
});

tests.run();
