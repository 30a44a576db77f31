/**
 * Goal: the checker says of histories of a register what is true, so that what it says of engines counts.
 * Method: small histories by hand, the known mistakes of stores among them; 102 histories whose verdict
 * others found; and random ones against a second checker that tries every order.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Rng } from '../../chaos/rng.ts';
import { casRegister, type RegisterInput, type RegisterOperation } from '../../kit/cas-register.ts';
import { checkLinearizable, type Operation } from '../../kit/linearizable.ts';
import { projectRoot } from '../../kit/paths.ts';
import { seed, suite } from '../../kit/suite.ts';

const { test, run } = suite('linearizability checker');

const read = { kind: 'read' } as const;
const write = (value: string) => ({ kind: 'write', value }) as const;
const cas = (expected: string | null, value: string) => ({ kind: 'cas', expected, value }) as const;
const saw = (value: string | null) => ({ kind: 'value', value }) as const;
const done = { kind: 'done' } as const;
const conflict = { kind: 'conflict' } as const;

type Line = readonly [
  from: number,
  to: number,
  input: RegisterInput,
  output: RegisterOperation['output'],
  key?: string,
];

function history(lines: readonly Line[]): RegisterOperation[] {
  return lines.map(([calledAt, returnedAt, input, output, key = 'x']) => ({
    key,
    input,
    output,
    calledAt,
    returnedAt,
  }));
}

const isGood = (operations: readonly RegisterOperation[]) =>
  checkLinearizable(casRegister, operations).kind === 'linearizable';

const GOOD: Record<string, readonly Line[]> = {
  nothing: [],
  'a read before anything': [[0, 1, read, saw(null)]],
  'a read sees a write that it overlaps': [
    [0, 10, write('1'), done],
    [2, 3, read, saw('1')],
    [4, 5, read, saw('1')],
  ],
  'a read does not see a write that it overlaps': [
    [0, 10, write('1'), done],
    [2, 3, read, saw(null)],
  ],
  'of two swaps at once one wins': [
    [0, 5, cas(null, '1'), conflict],
    [1, 4, cas(null, '2'), done],
    [6, 7, read, saw('2')],
  ],
  'a swap of which nobody knows was done': [
    [0, 1, cas(null, '1'), undefined],
    [2, 3, read, saw('1')],
  ],
  'a swap of which nobody knows was not done': [
    [0, 1, cas(null, '1'), undefined],
    [2, 3, read, saw(null)],
    [4, 5, cas(null, '2'), done],
    [6, 7, read, saw('2')],
  ],
  'a swap of which nobody knows is done much later': [
    [0, 1, cas(null, '1'), undefined],
    [2, 3, read, saw(null)],
    [4, 5, cas(null, '2'), conflict],
    [6, 7, read, saw('1')],
  ],
  'registers do not concern each other': [
    [0, 1, write('1'), done, 'a'],
    [2, 3, read, saw(null), 'b'],
    [4, 5, read, saw('1'), 'a'],
  ],
  'a chain of swaps, each seen': [
    [0, 1, cas(null, '1'), done],
    [2, 9, cas('2', '3'), done],
    [3, 8, cas('1', '2'), done],
    [10, 11, read, saw('3')],
  ],
};

const BAD: Record<string, readonly Line[]> = {
  'a stale read': [
    [0, 1, write('1'), done],
    [2, 3, read, saw(null)],
  ],
  'reads that go back': [
    [0, 10, write('1'), done],
    [2, 3, read, saw('1')],
    [4, 5, read, saw(null)],
  ],
  'a lost update: two swaps of the same both done': [
    [0, 4, cas(null, '1'), done],
    [1, 5, cas(null, '2'), done],
  ],
  'a value from nowhere': [[0, 1, read, saw('7')]],
  'a refused swap that was done': [
    [0, 1, cas(null, '1'), conflict],
    [2, 3, read, saw('1')],
  ],
  'a conflict where nothing had changed': [
    [0, 1, write('1'), done],
    [2, 3, cas('1', '2'), conflict],
  ],
  'a done swap that was lost': [
    [0, 1, cas(null, '1'), done],
    [2, 3, cas('1', '2'), done],
    [4, 5, read, saw('1')],
  ],
  'a swap of which nobody knows, seen and then not': [
    [0, 1, cas(null, '1'), undefined],
    [2, 3, read, saw('1')],
    [4, 5, read, saw(null)],
  ],
  'a swap of which nobody knows, seen before it was asked for': [
    [0, 1, read, saw('1')],
    [2, 3, cas(null, '1'), undefined],
  ],
  'two readers that see two writes in two orders': [
    [0, 20, write('1'), done],
    [0, 20, write('2'), done],
    [1, 2, read, saw('1')],
    [3, 4, read, saw('2')],
    [5, 6, read, saw('1')],
  ],
  'one bad register among good ones': [
    [0, 1, write('1'), done, 'a'],
    [2, 3, read, saw('1'), 'a'],
    [0, 1, write('1'), done, 'b'],
    [2, 3, read, saw('2'), 'b'],
  ],
};

for (const [name, lines] of Object.entries(GOOD)) {
  test(`linearizable: ${name}`, () => assert.ok(isGood(history(lines))));
}
for (const [name, lines] of Object.entries(BAD)) {
  test(`not linearizable: ${name}`, () => assert.not.ok(isGood(history(lines))));
}

test('the register and the reach are told', () => {
  const verdict = checkLinearizable(
    casRegister,
    history(BAD['one bad register among good ones'] ?? []),
  );
  assert.equal(verdict, { kind: 'not-linearizable', key: 'b', count: 2, longest: 1 });
});

test('histories that others judged', () => {
  const text = readFileSync(join(projectRoot, 'test/unit/kit/jepsen-histories.txt'), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.is(lines.length, 102);
  const wrong = lines.filter((line) => {
    const [, verdict, ...tokens] = line.split(' ');
    return isGood(recorded(tokens)) !== (verdict === 'good');
  });
  assert.equal(
    wrong.map((line) => line.slice(0, 8)),
    [],
  );
});

test('random histories, against a checker that tries every order', () => {
  const rng = new Rng(seed);
  const counts = { good: 0, bad: 0 };
  for (let round = 0; round < 3_000; round += 1) {
    const operations = randomHistory(rng);
    const expected = isGoodByTrying(operations, new Set(), null);
    counts[expected ? 'good' : 'bad'] += 1;
    assert.is(isGood(operations), expected, JSON.stringify(operations));
  }
  assert.ok(counts.good > 300 && counts.bad > 300, JSON.stringify(counts));
});

run();

/** A history in the short form of the file. */
function recorded(tokens: readonly string[]): RegisterOperation[] {
  const operations: { -readonly [Part in keyof RegisterOperation]: RegisterOperation[Part] }[] = [];
  const open = new Map<string, number>();
  for (const [at, token] of tokens.entries()) {
    const [, client = '', what, rest = ''] = /^([0-9]+)([?=!~])(.*)$/.exec(token) ?? [];
    const values = rest.slice(1).split(',');
    if (what === '?') {
      open.set(client, operations.length);
      const [a = '', b = ''] = values;
      const input = rest[0] === 'r' ? read : rest[0] === 'w' ? write(a) : cas(a, b);
      operations.push({ key: 'x', input, output: undefined, calledAt: at, returnedAt: 0 });
      continue;
    }
    const operation = operations[open.get(client) ?? -1];
    assert.ok(operation, token);
    if (what === '~') continue;
    operation.returnedAt = at;
    if (what === '!') operation.output = conflict;
    else operation.output = rest[0] === 'r' ? saw(rest === 'r' ? null : (values[0] ?? '')) : done;
  }
  return operations;
}

function randomHistory(rng: Rng): RegisterOperation[] {
  const value = () => String(rng.between(1, 2));
  const maybe = () => (rng.isTrue(0.3) ? null : value());
  return Array.from({ length: rng.between(1, 6) }, () => {
    const calledAt = rng.between(0, 20);
    const returnedAt = calledAt + rng.between(1, 8);
    const input = rng.pick([read, write(value()), cas(maybe(), value())]);
    const swapped = rng.isTrue(0.5) ? done : conflict;
    const known = input.kind === 'read' ? saw(maybe()) : input.kind === 'write' ? done : swapped;
    const output = rng.isTrue(0.15) ? undefined : known;
    return { key: 'x', input, output, calledAt, returnedAt };
  });
}

/** Every order that time allows, without any cleverness; what nobody knows of may also be left out. */
function isGoodByTrying(
  operations: readonly Operation<RegisterInput, RegisterOperation['output'] & object>[],
  taken: ReadonlySet<number>,
  state: string | null,
): boolean {
  const left = operations.map((_, place) => place).filter((place) => !taken.has(place));
  if (left.every((place) => operations[place]?.output === undefined)) return true;
  const known = left.filter((place) => operations[place]?.output !== undefined);
  const firstEnd = Math.min(...known.map((place) => operations[place]?.returnedAt ?? 0));
  return left.some((place) => {
    const operation = operations[place] as RegisterOperation;
    if (operation.calledAt > firstEnd) return false;
    const after = casRegister.step(state, operation.input, operation.output);
    return (
      after !== undefined && isGoodByTrying(operations, new Set([...taken, place]), after.state)
    );
  });
}
