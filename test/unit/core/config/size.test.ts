/**
 * Goal: sizes mean what people mean, and no text is half understood.
 * Method: a table of texts, and a property: schema pattern and parser accept the same texts.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { parseSize, SIZE_PATTERN } from '../../../../core/config/size.ts';
import { nearest } from '../../../../core/config/suggest.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('config size');

test('sizes', () => {
  const table: [text: string, bytes: number | undefined][] = [
    ['0', 0],
    ['4096', 4096],
    ['12B', 12],
    ['100MB', 100_000_000],
    ['100 MB', 100_000_000],
    ['64MiB', 67_108_864],
    ['64mib', 67_108_864],
    ['1.5 GiB', 1_610_612_736],
    ['2k', 2000],
    ['1Ki', 1024],
    ['1TB', 1e12],
    ['', undefined],
    ['MB', undefined],
    ['-1MB', undefined],
    ['1e3', undefined],
    ['1.MB', undefined],
    ['1 2', undefined],
    ['1PB', undefined],
    ['99999999TB', undefined],
  ];
  for (const [text, bytes] of table) assert.is(parseSize(text), bytes, text);
});

test('pattern and parser agree', () => {
  const pattern = new RegExp(SIZE_PATTERN);
  const text = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc
      .tuple(
        fc.nat(8999),
        fc.constantFrom('', ' '),
        fc.constantFrom('', 'k', 'Mi', 'GiB', 'tb', 'iB', 'b', 'x'),
      )
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      if (given.trim() === given)
        assert.is(parseSize(given) !== undefined, pattern.test(given), given);
    }),
    { numRuns: 1000, seed },
  );
});

test('nearest word', () => {
  const words = ['port', 'host', 'max_body', 'workers'];
  assert.is(nearest('prot', words), 'port');
  assert.is(nearest('Port', words), 'port');
  assert.is(nearest('maxbody', words), 'max_body');
  assert.is(nearest('worker', words), 'workers');
  assert.is(nearest('elephant', words), undefined);
  assert.is(nearest('', words), undefined);
});

run();
