/**
 * Goal: what the gateway reads out of a filter is what the filter says: its structure and fields, no key
 * left out that it lets through, and the same documents after `!=` was rewritten.
 * Method: random filters written from trees, in text and array form, against a deliberately dumb
 * evaluator of the trees.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  type Filter,
  filterNamesReserved,
  notEqualFields,
  parseFilter,
  primaryKeysOf,
  rewriteNotEqual,
} from '../../../../core/filter/index.ts';
import { seed, suite } from '../../../kit/suite.ts';
import {
  type Document,
  FIELDS,
  fieldsOf,
  passes,
  type Style,
  type Tree,
  tree,
  VALUES,
  write,
} from './dumb-filter.ts';

const { test, run } = suite('filters against a dumb evaluator');

const RUNS = { seed, numRuns: 3000 };

const styles: fc.Arbitrary<Style> = fc
  .array(fc.nat(11), { minLength: 1, maxLength: 50 })
  .map((choices) => {
    let at = 0;
    return { pick: (count) => (choices[at++ % choices.length] ?? 0) % count };
  });

/** As a node is sent it: text, or an array of ANDs with arrays of ORs in it. */
function send(one: Tree, style: Style): unknown {
  if (one.kind !== 'and' || style.pick(2) === 0) return write(one, style);
  return one.parts.map((part) =>
    part.kind === 'or' && style.pick(2) === 0
      ? part.parts.map((inner) => write(inner, style))
      : write(part, style),
  );
}

/** The tree in the gateway's words, where one part in brackets is that part. */
function expected(one: Tree): Filter {
  switch (one.kind) {
    case 'and':
    case 'or':
      return { kind: one.kind, parts: one.parts.map(expected) };
    case 'not':
      return { kind: 'not', part: expected(one.part) };
    case 'equal':
      return { kind: 'equal', field: one.field, values: [one.value] };
    case 'in':
      return { kind: 'equal', field: one.field, values: one.values };
    default:
      return { kind: 'other', fields: [one.field] };
  }
}

test('structure, fields and values are read as they were written', () => {
  fc.assert(
    fc.property(tree, styles, (one, style) => {
      const filter = send(one, style);
      assert.equal(parseFilter(filter), expected(one), JSON.stringify(filter));
    }),
    RUNS,
  );
});

/** Documents with every key there is, a number where it can be one. */
const documents = fc.array(
  fc.record({
    id: fc.constantFrom<string>(...VALUES.filter((key) => /^[A-Za-z0-9-]+$/.test(key))),
    isNumber: fc.boolean(),
    others: fc.array(fc.option(fc.constantFrom<string | number>(...VALUES, 0, 1, -7)), {
      minLength: FIELDS.length - 1,
      maxLength: FIELDS.length - 1,
    }),
  }),
  { minLength: 5, maxLength: 20 },
);

function documentOf(made: {
  id: string;
  isNumber: boolean;
  others: (string | number | null)[];
}): Document {
  const isNumber = made.isNumber && /^-?\d+$/.test(made.id);
  const rest = FIELDS.slice(1).map((name, place) => [name, made.others[place] ?? undefined]);
  return { id: isNumber ? Number(made.id) : made.id, ...Object.fromEntries(rest) };
}

test('no document passes whose key is not among those read', () => {
  let pinned = 0;
  fc.assert(
    fc.property(tree, styles, documents, (one, style, made) => {
      const filter = send(one, style);
      const keys = primaryKeysOf(filter, 'id');
      if (keys === undefined) return;
      pinned += 1;
      for (const document of made.map(documentOf)) {
        if (!passes(document, one)) continue;
        assert.ok(
          keys.includes(String(document['id'])),
          `${JSON.stringify(filter)}: ${document['id']}`,
        );
      }
    }),
    RUNS,
  );
  assert.ok(pinned > RUNS.numRuns / 50, `only ${pinned} filters pin keys`);
});

test('a rewritten != lets the same documents through', () => {
  let rewrittenCount = 0;
  const known = new Set(['n', 'two words', 'NOT']);
  const asNot = (one: Tree): Tree => {
    if ('parts' in one) return { ...one, parts: one.parts.map(asNot) };
    if (one.kind === 'not') return { ...one, part: asNot(one.part) };
    if (one.kind !== 'unequal' || !known.has(one.field)) return one;
    return { kind: 'not', part: { kind: 'equal', field: one.field, value: one.value } };
  };
  fc.assert(
    fc.property(tree, styles, documents, (one, style, made) => {
      const filter = send(one, style);
      const meant = asNot(one);
      assert.equal(parseFilter(rewriteNotEqual(filter, known)), expected(meant));
      for (const document of made.map(documentOf)) {
        assert.is(passes(document, meant), passes(document, one));
      }
      if (meant !== one) rewrittenCount += 1;
    }),
    RUNS,
  );
  assert.ok(rewrittenCount > 0);
});

test('the fields compared with != are found, each once', () => {
  const unequal = (one: Tree): string[] => {
    if ('parts' in one) return one.parts.flatMap(unequal);
    if (one.kind === 'not') return unequal(one.part);
    return one.kind === 'unequal' ? [one.field] : [];
  };
  fc.assert(
    fc.property(tree, styles, (one, style) => {
      const found = notEqualFields(send(one, style));
      assert.equal([...found].sort(), [...new Set(unequal(one))].sort());
    }),
    RUNS,
  );
});

test('an internal field is found wherever it stands, and only as a field', () => {
  const rename = (one: Tree, from: string, to: string): Tree => {
    if ('parts' in one) {
      return { ...one, parts: one.parts.map((part) => rename(part, from, to)) };
    }
    if (one.kind === 'not') return { ...one, part: rename(one.part, from, to) };
    return one.field === from ? { ...one, field: to } : one;
  };
  fc.assert(
    fc.property(tree, styles, (one, style) => {
      const renamed = rename(one, 'n', '_miroir_shard');
      const isNamed = fieldsOf(one).includes('n');
      assert.is(filterNamesReserved(send(renamed, style)) !== undefined, isNamed);
      assert.is(filterNamesReserved(send(rename(one, 'n', 'x_miroir_'), style)), undefined);
    }),
    RUNS,
  );
});

run();
