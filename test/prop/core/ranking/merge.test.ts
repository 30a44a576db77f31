/**
 * Goal: merging the nodes' lists gives the one order, window and distinct survivors of all documents.
 * Method: random documents are ranked by a deliberately dumb second implementation (one sort over parsed
 * values); each node answers with its own part in that order, and the merge must find the whole again.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { mergeSearch, planSearch, type SearchPurpose } from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('merge against a dumb sort');

type Value = number | string | null;

interface Document {
  readonly id: number;
  readonly words: number;
  readonly typos: number;
  readonly proximity: number;
  readonly value: Value;
  readonly group: Value;
  readonly node: number;
  readonly maxTypos: number;
}

const values: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 2.5, 10, 9, 9007199254740992),
  fc.constantFrom('', 'a', 'b', 'é', '\uffee', '😀', '},"x":{"order":', 'a"b', 'zed'),
  fc.constant(null),
);

const documents = fc.array(
  fc.record({
    words: fc.integer({ min: 1, max: 3 }),
    typos: fc.integer({ min: 0, max: 2 }),
    proximity: fc.constantFrom(0, 0.25, 1 / 3, 0.5, 0.9523809523809523, 1),
    value: values,
    group: fc.constantFrom<Value>('A', 'a', 'b', 1, 2, null),
    node: fc.nat(2),
    maxTypos: fc.constantFrom(2, 3),
  }),
  { maxLength: 40 },
);

interface Rules {
  readonly isAscending: boolean;
  readonly hasKeywords: boolean;
}

/** The dumb order: every rule by its definition, then the version. */
function dumbCompare(left: Document, right: Document, rules: Rules): number {
  if (rules.hasKeywords) {
    if (left.words !== right.words) return right.words - left.words;
    if (left.typos !== right.typos) return left.typos - right.typos;
  }
  const order = dumbValues(left.value, right.value, rules.isAscending);
  if (order !== 0) return order;
  if (rules.hasKeywords && left.proximity !== right.proximity) {
    return right.proximity - left.proximity;
  }
  return left.id - right.id;
}

function dumbValues(left: Value, right: Value, isAscending: boolean): number {
  const kind = (value: Value) => (value === null ? 2 : typeof value === 'string' ? 1 : 0);
  if (kind(left) !== kind(right)) return kind(left) - kind(right);
  if (left === null || right === null) return 0;
  const key = (value: number) => (Object.is(value, -0) ? Number.MIN_VALUE : value);
  const order =
    typeof left === 'string'
      ? Buffer.compare(Buffer.from(left), Buffer.from(right as string))
      : key(left) - key(right as number);
  return isAscending ? order : -order;
}

function text(value: Value): string {
  return Object.is(value, -0) ? '-0.0' : JSON.stringify(value);
}

function hitOf(document: Document, rules: Rules): string {
  const { id, words, typos, maxTypos, proximity, value, group } = document;
  const version = encodeVersion({ seq: 3, position: id });
  const details: string[] = [];
  const add = (name: string, body: string) =>
    details.push(`${JSON.stringify(name)}:{"order":${details.length},${body}}`);
  if (rules.hasKeywords) {
    add('words', `"matchingWords":${words},"maxMatchingWords":3,"score":${words / 3}`);
    const score = (maxTypos + 1 - typos) / (maxTypos + 1);
    add('typo', `"typoCount":${typos},"maxTypoCount":${maxTypos},"score":${score}`);
  }
  add(`v:${rules.isAscending ? 'asc' : 'desc'}`, `"value":${text(value)}`);
  if (rules.hasKeywords) add('proximity', `"score":${proximity}`);
  add('_miroir_version:asc', `"value":${JSON.stringify(version)}`);
  return `{"id":${id},"g":${text(group)},"_miroir_version":${JSON.stringify(version)},"_rankingScore":0.5,"_rankingScoreDetails":{${details.join(',')}}}`;
}

function answer(hits: readonly string[], more: string): Buffer {
  return Buffer.from(`{"hits":[${hits.join(',')}],"query":"","processingTimeMs":0,${more}}`);
}

const ENVELOPE = { processingTimeMs: 0, requestUid: 'x' };
const runs = fc.record({
  documents,
  isAscending: fc.boolean(),
  hasKeywords: fc.boolean(),
  offset: fc.nat(10),
  limit: fc.nat(15),
});

test('hits come in the one order, whatever the window', () => {
  fc.assert(
    fc.property(runs, ({ documents: parts, offset, limit, ...rules }) => {
      const all = parts.map((document, id) => ({ ...document, id }));
      const ranked = [...all].sort((left, right) => dumbCompare(left, right, rules));
      const body = {
        offset,
        limit,
        sort: [`v:${rules.isAscending ? 'asc' : 'desc'}`],
        ...(rules.hasKeywords ? { q: 'x' } : {}),
      };
      const index = { uid: 'i', primaryKey: 'id', settings: {}, hasSeveralOwners: true };
      const plan = planSearch({ body, index });
      const end = plan.requests[0]?.body['limit'] as number;
      const bodies = [0, 1, 2].map((node) => {
        const own = ranked.filter((document) => document.node === node);
        const hits = own.slice(0, end).map((document) => hitOf(document, rules));
        return answer(hits, `"limit":${end},"offset":0,"estimatedTotalHits":${own.length}`);
      });
      const merged = mergeSearch(
        plan,
        new Map<SearchPurpose, Buffer[]>([['main', bodies]]),
        ENVELOPE,
      );
      const shown = JSON.parse(Buffer.concat(merged.chunks).toString()) as {
        hits: { id: number }[];
        estimatedTotalHits: number;
      };
      assert.equal(
        shown.hits.map((hit) => hit.id),
        ranked.slice(offset, offset + limit).map((document) => document.id),
      );
      assert.is(shown.estimatedTotalHits, all.length);
      for (const hit of shown.hits) assert.equal(Object.keys(hit), ['id', 'g']);
    }),
    { seed, numRuns: 1500 },
  );
});

/** The dumb dedupe over the whole list. */
function dumbDistinct(ranked: readonly Document[]): Document[] {
  const seen = new Set<string>();
  return ranked.filter(({ group }) => {
    if (group === null) return true;
    const key = typeof group === 'string' ? `s${group.toLowerCase()}` : `n${group}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

test('distinct keeps the best of each value, with no more than the window asked of each node', () => {
  fc.assert(
    fc.property(runs, ({ documents: parts, offset, limit, ...rules }) => {
      const all = parts.map((document, id) => ({ ...document, id }));
      const ranked = [...all].sort((left, right) => dumbCompare(left, right, rules));
      const survivors = dumbDistinct(ranked);
      // Named by the request values are compared as they are written, too.
      const isAsked = limit % 2 === 0;
      const body = {
        ...(isAsked ? { distinct: 'g' } : {}),
        sort: [`v:${rules.isAscending ? 'asc' : 'desc'}`],
        ...(offset % 2 === 0 ? { offset, limit } : { page: offset, hitsPerPage: limit }),
      };
      const settings = {
        filterableAttributes: ['g'],
        ...(isAsked ? {} : { distinctAttribute: 'g' }),
      };
      const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
      const plan = planSearch({ body, index });
      const end = plan.window?.end ?? 0;
      const main: Buffer[] = [];
      const counts: Buffer[] = [];
      for (const node of [0, 1, 2]) {
        const own = ranked.filter((document) => document.node === node);
        const hits = dumbDistinct(own)
          .slice(0, end)
          .map((one) => hitOf(one, rules));
        main.push(answer(hits, '"estimatedTotalHits":0'));
        counts.push(answer([], `"estimatedTotalHits":${own.length},${distribution(own)}`));
      }
      const answers = new Map<SearchPurpose, Buffer[]>([
        ['main', main],
        ['distinct-values', counts],
      ]);
      const merged = Buffer.concat(mergeSearch(plan, answers, ENVELOPE).chunks).toString();
      const shown = JSON.parse(merged) as { hits: { id: number }[]; totalHits?: number };
      const start = plan.window?.start ?? 0;
      assert.equal(
        shown.hits.map((hit) => hit.id),
        survivors.slice(start, end).map((document) => document.id),
      );
      if (shown.totalHits !== undefined) assert.is(shown.totalHits, survivors.length);
    }),
    { seed, numRuns: 1500 },
  );
});

/** Facet of `g` as a node writes it: numbers as text order, then texts; spelling of the first. */
function distribution(own: readonly Document[]): string {
  const numbers = new Map<string, number>();
  const texts = new Map<string, { shown: string; count: number }>();
  for (const { group } of [...own].sort((left, right) => left.id - right.id)) {
    if (typeof group === 'number') numbers.set(`${group}`, (numbers.get(`${group}`) ?? 0) + 1);
    if (typeof group !== 'string') continue;
    const known = texts.get(group.toLowerCase()) ?? { shown: group, count: 0 };
    texts.set(group.toLowerCase(), { ...known, count: known.count + 1 });
  }
  const entries = [
    ...[...numbers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => `"${key}":${count}`),
    ...[...texts.values()].map(({ shown, count }) => `"${shown}":${count}`).sort(),
  ];
  const all = [...numbers.keys()].map(Number);
  const stats =
    all.length === 0 ? '{}' : `{"g":{"min":${Math.min(...all)},"max":${Math.max(...all)}}}`;
  return `"facetDistribution":{"g":{${entries.join(',')}}},"facetStats":${stats}`;
}

run();
