/**
 * Goal: what people read lines up and cannot be garbled by what others named; what programs read is stable.
 * Method: whole texts are compared.
 */
import * as assert from 'uvu/assert';
import { render } from '../../../../control/cli/output/emit.ts';
import { paintFor } from '../../../../control/cli/output/paint.ts';
import { Progress } from '../../../../control/cli/output/progress.ts';
import { type Column, renderPairs, renderTable } from '../../../../control/cli/output/table.ts';
import { agoOf, tookOf } from '../../../../control/cli/output/times.ts';
import { grouped, percentOf, sizeOf, spanOf } from '../../../../control/cli/output/words.ts';
import { suite } from '../../../kit/suite.ts';
import { fakeIo } from './fake-io.ts';

const { test, run } = suite('cli output');
const PLAIN = paintFor(fakeIo(), true);

interface Row {
  readonly name: string;
  readonly count: number;
  readonly why?: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'NAME', text: ({ name }) => name },
  { header: 'COUNT', text: ({ count }) => count, isNumber: true },
  { header: 'SECRET', text: () => 'x', isWide: true },
  { header: 'WHY', text: ({ why }) => why },
];

test('a table: UPPERCASE, three spaces, numbers at the right, a dash for nothing', () => {
  const rows = [
    { name: 'a', count: 1234 },
    { name: 'longer-name', count: 7, why: 'it is down' },
  ];
  assert.is(
    renderTable(COLUMNS, rows, { isWide: false, paint: PLAIN }),
    'NAME          COUNT   WHY\n' +
      'a              1234   -\n' +
      'longer-name       7   it is down\n',
  );
  assert.match(renderTable(COLUMNS, rows, { isWide: true, paint: PLAIN }), /SECRET/);
});

test('colours do not move columns', () => {
  const columns: readonly Column<Row>[] = [
    { header: 'NAME', text: ({ name }) => name, paint: (_row, paint) => paint.bad },
    { header: 'COUNT', text: ({ count }) => count },
  ];
  const rows = [
    { name: 'a', count: 1 },
    { name: 'abcdef', count: 2 },
  ];
  const colour = paintFor(fakeIo({ isTty: true }), true);
  const painted = renderTable(columns, rows, { isWide: false, paint: colour });
  assert.match(painted, '\u001b[31ma\u001b[39m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away here
  const bare = painted.replaceAll(/\u001b\[\d+m/g, '');
  assert.is(bare, renderTable(columns, rows, { isWide: false, paint: PLAIN }));
});

test('text from elsewhere cannot steer the terminal', () => {
  const text = renderTable(COLUMNS, [{ name: 'a\u001b[2Jb\nc', count: 1 }], {
    isWide: false,
    paint: PLAIN,
  });
  assert.match(text, 'a\\u001b[2Jb\\u000ac');
  assert.is(text.split('\n').length, 3);
  assert.is(renderPairs([['name', 'a\rb']], PLAIN), 'name   a\\u000db\n');
});

test('NO_COLOR, --no-color, pipes and dumb terminals have no colours', () => {
  const red = (io: Parameters<typeof paintFor>[0], isWanted = true) =>
    paintFor(io, isWanted).bad('x') !== 'x';
  assert.ok(red(fakeIo({ isTty: true })));
  assert.ok(red(fakeIo({ env: { FORCE_COLOR: '1' } })));
  assert.not.ok(red(fakeIo()));
  assert.not.ok(red(fakeIo({ isTty: true }), false));
  assert.not.ok(red(fakeIo({ isTty: true, env: { NO_COLOR: '1' } })));
  assert.not.ok(red(fakeIo({ isTty: true, env: { TERM: 'dumb' } })));
});

test('JSON and YAML of one value; numbers stay exact', () => {
  const view = { data: { small: 5n, large: 2n ** 63n, list: ['a'] }, text: () => 'for people\n' };
  assert.equal(JSON.parse(render(view, 'json', { paint: PLAIN })), {
    small: 5,
    large: '9223372036854775808',
    list: ['a'],
  });
  assert.is(
    render(view, 'yaml', { paint: PLAIN }),
    'small: 5\nlarge: "9223372036854775808"\nlist:\n  - a\n',
  );
  assert.is(render(view, 'table', { paint: PLAIN }), 'for people\n');
  assert.is(render(view, 'json', { paint: PLAIN, isLine: true }).trim().split('\n').length, 1);
});

test('figures in words', () => {
  assert.equal([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.equal([0, 1023, 1536, 5 * 1024 ** 3].map(sizeOf), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB']);
  const spans = [0, 400, 9_960, 61_000, 3_600_000, 90_061_000];
  assert.equal(spans.map(spanOf), ['0.0s', '0.4s', '10s', '1m1s', '1h', '1d1h']);
  assert.is(percentOf(1, 1_000_000), '1%');
  assert.is(percentOf(999_999, 1_000_000), '99%');
  assert.is(percentOf(3, 0), '-');
  assert.is(agoOf('2026-11-30T11:59:00Z', Date.parse('2026-11-30T12:00:00Z')), '1m ago');
  assert.is(agoOf('', 0), '');
  assert.is(tookOf('2026-11-30T11:59:00Z', ''), '');
});

test('a bar on a terminal is drawn over itself, never wider than it', () => {
  const io = fakeIo({ isTty: true, columns: 60 });
  const progress = new Progress(io);
  progress.show({ title: 'recovery-1', done: 0, total: 200, unit: 'documents' });
  io.advance(10_000);
  progress.show({ title: 'recovery-1', done: 50, total: 200, unit: 'documents' });
  progress.end();
  const [, first, second] = io.err().split('\r');
  assert.match(first ?? '', /^recovery-1 {2}\[ {24}\]/);
  assert.match(second ?? '', /^recovery-1 {2}\[={6} {18}\] {3}25%/);
  for (const line of io.err().split('\r')) assert.ok(line.replace('\u001b[K', '').length <= 60);
  assert.is(io.out(), '');
});

test('progress without a terminal is a few plain lines', () => {
  const io = fakeIo();
  const progress = new Progress(io);
  for (let done = 0; done <= 1_000; done += 1) {
    progress.show({ title: 'backup', done, total: 1_000, unit: 'documents' });
  }
  progress.end();
  const lines = io.err().trim().split('\n');
  assert.is(lines.length, 11);
  assert.match(lines.at(-1) ?? '', '100%  1,000/1,000 documents');
});

run();
