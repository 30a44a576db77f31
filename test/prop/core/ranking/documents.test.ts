/**
 * Goal: a list of documents sorted by fields of mixed values, over several nodes, is the list of one node.
 * Method: a dumb second implementation of a node's tree: at each rule the numbers' buckets, then the texts'
 * (a document that holds both stands in both, and so again at the next rule), then what lacks the field.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { mergeDocuments, planDocuments } from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('sorted lists of documents');

type Value = number | string | readonly (number | string)[];
interface Doc {
  readonly id: number;
  readonly _miroir_version: string;
  readonly a?: Value;
  readonly b?: Value;
}

const NODES = 3;
const leaf = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom('x', 'y', 'z'));
const value = fc.oneof(leaf, fc.array(leaf, { minLength: 1, maxLength: 3 }));
const documents = fc
  .array(fc.record({ a: value, b: value }, { requiredKeys: [] }), { minLength: 1, maxLength: 12 })
  .map((list) =>
    list.map(
      (fields, id): Doc => ({
        id,
        _miroir_version: encodeVersion({ seq: id + 1, position: 0 }),
        ...fields,
      }),
    ),
  );
const rule = fc.constantFrom('a:asc', 'a:desc', 'b:asc', 'b:desc');

/** What a node lists: documents in the order of their versions, sorted by the rules one after the other. */
function listed(docs: readonly Doc[], rules: readonly string[]): readonly Doc[] {
  const [first, ...rest] = rules;
  if (first === undefined) return docs;
  const [field, direction] = first.split(':') as ['a' | 'b', string];
  const sign = direction === 'asc' ? 1 : -1;
  const has = (doc: Doc) => doc[field] !== undefined;
  const buckets: (readonly Doc[])[] = [];
  for (const type of ['number', 'string']) {
    const best = new Map<number | string, Doc[]>();
    for (const doc of docs.filter(has)) {
      const own = [doc[field] as Value].flat().filter((item) => typeof item === type);
      own.sort((left, right) => (left < right ? -sign : sign));
      const [key] = own;
      if (key !== undefined) best.set(key, [...(best.get(key) ?? []), doc]);
    }
    const keys = [...best.keys()].sort((left, right) => (left < right ? -sign : sign));
    buckets.push(...keys.map((key) => best.get(key) as Doc[]));
  }
  buckets.push(docs.filter((doc) => !has(doc)));
  return buckets.flatMap((bucket) => listed(bucket, rest));
}

test('each place of a document is found again', () => {
  fc.assert(
    fc.property(documents, fc.array(rule, { minLength: 1, maxLength: 4 }), (docs, sort) => {
      const plan = planDocuments({
        body: { sort, limit: 1000 },
        index: { uid: 'i', primaryKey: 'id', settings: {}, hasSeveralOwners: true },
      });
      const bodies = Array.from({ length: NODES }, (_, node) => {
        const own = docs.filter(({ id }) => (id * 7) % NODES === node);
        return Buffer.from(
          JSON.stringify({ results: listed(own, sort), total: own.length, offset: 0, limit: 1000 }),
        );
      });
      const merged = JSON.parse(Buffer.concat(mergeDocuments(plan, bodies).chunks).toString()) as {
        results: { id: number }[];
      };
      assert.equal(
        merged.results.map(({ id }) => id),
        listed(docs, sort).map(({ id }) => id),
      );
    }),
    { seed, numRuns: 500 },
  );
});

run();
