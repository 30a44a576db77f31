/**
 * Goal: facets of several nodes come out as one node would count, order and cut them.
 * Method: random values on three nodes, against a dumb second implementation that counts all documents
 * at once and follows the engine's own steps.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ByteWriter, Members } from '../../../../core/json/slice.ts';
import { FacetTable, facetRules } from '../../../../core/ranking/facets.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('facets against dumb counting');

type Value = number | string;
const values = fc.oneof(
  fc.constantFrom<Value>(0, 1, 2, 9, 10, 100, 1.5, -3),
  fc.constantFrom<Value>('Action', 'action', 'ACTION', 'drama', 'Éte', 'b', 'zz', 'x1'),
);
const nodes = fc.array(fc.array(fc.array(values, { maxLength: 3 }), { maxLength: 12 }), {
  minLength: 3,
  maxLength: 3,
});

interface Counted {
  readonly shown: string;
  readonly key: string;
  count: number;
}

const normalize = (text: string) => text.normalize('NFKD').toLowerCase();

/** Counts documents per value, each document once. */
function count(documents: readonly (readonly Value[])[]): { numbers: Counted[]; texts: Counted[] } {
  const numbers = new Map<string, Counted>();
  const texts = new Map<string, Counted>();
  for (const document of documents) {
    const seen = new Set<string>();
    for (const value of document) {
      const isNumber = typeof value === 'number';
      const key = isNumber ? `${value}` : normalize(value);
      if (seen.has(`${typeof value} ${key}`)) continue;
      seen.add(`${typeof value} ${key}`);
      const map = isNumber ? numbers : texts;
      const known = map.get(key) ?? { shown: `${value}`, key, count: 0 };
      known.count += 1;
      map.set(key, known);
    }
  }
  return { numbers: [...numbers.values()], texts: [...texts.values()] };
}

const byBytes = (left: string, right: string) =>
  Buffer.compare(Buffer.from(left), Buffer.from(right));

/** The engine's list: how it orders and where it stops. */
function list(documents: readonly (readonly Value[])[], max: number, isCount: boolean): string[] {
  const { numbers, texts } = count(documents);
  if (!isCount) {
    numbers.sort((left, right) => byBytes(left.key, right.key));
    texts.sort((left, right) => byBytes(left.key, right.key));
    return [...numbers, ...texts]
      .slice(0, max)
      .map((one) => `${normalize(one.shown)}=${one.count}`);
  }
  numbers.sort((left, right) => right.count - left.count || Number(right.key) - Number(left.key));
  texts.sort((left, right) => right.count - left.count || byBytes(right.key, left.key));
  const shown: Counted[] = numbers.slice(0, max);
  const room = max - shown.length;
  // Numbers that fill the limit exactly leave it unnoticed: all texts follow.
  shown.push(...(room === 0 ? texts : texts.slice(0, room)));
  return shown.map((one) => `${normalize(one.shown)}=${one.count}`);
}

/** What a node with a raised limit answers. */
function nodeAnswer(documents: readonly (readonly Value[])[]): {
  bytes: Buffer;
  statsAt: number;
} {
  const { numbers, texts } = count(documents);
  numbers.sort((left, right) => byBytes(left.key, right.key));
  texts.sort((left, right) => byBytes(left.key, right.key));
  const pairs = [...numbers, ...texts].map((one) => `${JSON.stringify(one.shown)}:${one.count}`);
  const all = numbers.map((one) => Number(one.key));
  const stats =
    all.length === 0 ? '{}' : `{"f":{"min":${Math.min(...all)},"max":${Math.max(...all)}}}`;
  const head = `{"f":{${pairs.join(',')}},"_miroir_shard":{"x":1}}`;
  return { bytes: Buffer.from(head + stats), statsAt: Buffer.byteLength(head) };
}

test('values are joined, ordered and cut as one node would', () => {
  fc.assert(
    fc.property(nodes, fc.integer({ min: 1, max: 12 }), fc.boolean(), (parts, max, isCount) => {
      const table = new FacetTable();
      for (const part of parts) {
        const { bytes, statsAt } = nodeAnswer(part);
        table.add(bytes, 0, statsAt);
      }
      const order = { '*': isCount ? 'count' : 'alpha' };
      const rules = facetRules({ faceting: { maxValuesPerFacet: max, sortFacetValuesBy: order } });
      const writer = new ByteWriter();
      table.writeDistribution(writer, rules, parts.flat().length);
      const shown: string[] = [];
      const fields = new Members(writer.done(), 0);
      assert.ok(fields.next() && fields.isNamed('f'));
      const inner = new Members(fields.bytes, fields.valueStart);
      while (inner.next()) {
        const number = fields.bytes.subarray(inner.valueStart, inner.valueEnd).toString();
        shown.push(`${normalize(inner.name())}=${number}`);
      }
      assert.equal(shown, list(parts.flat(), max, isCount));
      assert.not.ok(fields.next());
    }),
    { seed, numRuns: 2000 },
  );
});

test('statistics are the extremes, with their text kept', () => {
  const table = new FacetTable();
  const one = Buffer.from('{"f":{"min":1.0,"max":1e300}}');
  const two = Buffer.from('{"f":{"min":-0.5,"max":7.25}}');
  table.add(one, -1, 0);
  table.add(two, -1, 0);
  const writer = new ByteWriter();
  table.writeStats(writer);
  assert.is(writer.done().toString(), '{"f":{"min":-0.5,"max":1e300}}');
});

run();
