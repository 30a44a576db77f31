/**
 * Goal: what is read of a node's answer is what JSON.parse would read, and a broken answer ends in an
 * error, never in a loop or a wrong span.
 * Method: random JSON with and without blanks, walked and compared; whole answers cut at every byte.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  decodeNumber,
  decodeValue,
  findMember,
  Items,
  MalformedAnswer,
  Members,
  skipValue,
} from '../../../../core/json/slice.ts';
import { SearchAnswer } from '../../../../core/ranking/answer.ts';
import { compareRules } from '../../../../core/ranking/compare.ts';
import { compareDetailBytes } from '../../../../core/ranking/compare-bytes.ts';
import { readDetails } from '../../../../core/ranking/details.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('answers read in place');

test('members and items are found as JSON.parse finds them', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 1), (text, indent) => {
      const value = JSON.parse(text) as unknown;
      const bytes = Buffer.from(JSON.stringify(value, undefined, indent));
      assert.is(skipValue(bytes, 0), bytes.length);
      if (Array.isArray(value)) {
        const items = new Items(bytes, 0);
        const seen: unknown[] = [];
        while (items.next()) seen.push(decodeValue(bytes, items.start, items.end));
        assert.equal(seen, value);
        assert.is(items.end, bytes.length);
      } else if (typeof value === 'object' && value !== null) {
        const members = new Members(bytes, 0);
        const seen: [string, unknown][] = [];
        while (members.next()) {
          seen.push([members.name(), decodeValue(bytes, members.valueStart, members.valueEnd)]);
        }
        assert.equal(seen, Object.entries(value));
        assert.is(members.end, bytes.length);
      }
    }),
    { seed, numRuns: 1000 },
  );
});

test('numbers keep their value', () => {
  for (const text of ['0', '-0', '-0.0', '12', '123456789', '1234567890', '1.5e300', '-7.25']) {
    const bytes = Buffer.from(text);
    assert.ok(Object.is(decodeNumber(bytes, 0, bytes.length), Number(text)), text);
  }
});

const WHOLE = Buffer.from(
  '{"hits":[{"id":1,"a":"x\\"","_miroir_version":"⊐⊑","_rankingScore":0.5,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":2,"score":0.5},"a:asc":{"order":1,"value":"x"}}}],"query":"q","estimatedTotalHits":12,"facetDistribution":{"a":{"x":1}},"facetStats":{}}',
);

test('an answer cut anywhere is an error, not a shorter answer', () => {
  const whole = new SearchAnswer(WHOLE, 0);
  assert.is(whole.hits.length, 1);
  assert.is(whole.total, 12);
  for (let length = 0; length < WHOLE.length; length += 1) {
    assert.throws(
      () => new SearchAnswer(WHOLE.subarray(0, length), 0),
      (error: unknown) => error instanceof MalformedAnswer,
    );
  }
  const details = findMember(WHOLE, whole.hits[0]?.start ?? 0, '_rankingScoreDetails');
  assert.ok(details);
  for (let length = details.start + 1; length < details.end; length += 1) {
    assert.throws(() => readDetails(WHOLE.subarray(0, length), details.start));
  }
});

const rule = fc.oneof(
  fc
    .integer({ min: 0, max: 3 })
    .map(
      (words) => `"words":{"order":0,"matchingWords":${words},"maxMatchingWords":3,"score":0.5}`,
    ),
  fc
    .constantFrom('"a"', '"b"', '1', '-2.5', 'null', '"},\\"x\\":{\\"order\\":"', '"é"')
    .map((value) => `"a:desc":{"order":1,"value":${value}}`),
  fc.constantFrom(0, 0.25, 1).map((score) => `"proximity":{"order":2,"score":${score}}`),
  fc.constant('"skipped":{"order":3}'),
  fc.constantFrom('⊐', '⊑').map((v) => `"_miroir_version:asc":{"order":4,"value":"${v}"}`),
);
const orderOf = (one: string) => Number(/"order":(\d)/.exec(one)?.[1]);
const details = fc.array(rule, { maxLength: 5 }).map((rules) => {
  // A node writes its rules in their order, each once.
  const each = [...new Map(rules.map((one) => [orderOf(one), one])).values()];
  return `{${each.sort((left, right) => orderOf(left) - orderOf(right)).join(',')}}`;
});

test('comparing bytes and comparing what they say is the same', () => {
  fc.assert(
    fc.property(details, details, (left, right) => {
      const span = (text: string) => {
        const bytes = Buffer.from(`x${text}y`);
        return { bytes, detailsStart: 1, detailsEnd: bytes.length - 1 };
      };
      const [a, b] = [span(left), span(right)];
      const fast = compareDetailBytes(a, b);
      if (fast === undefined) return;
      const slow = compareRules(readDetails(a.bytes, 1), readDetails(b.bytes, 1));
      assert.is(Math.sign(fast), Math.sign(slow), `${left} ${right}`);
    }),
    { seed, numRuns: 5000 },
  );
});

run();
