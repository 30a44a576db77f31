/**
 * Goal: the scores of groups of word rules around a sort are those by which a node compares hits of
 * different queries, though its answer shows ratios.
 * Method: random ranks, told as a node tells them; their groups multiplied out in whole numbers, as the
 * engine does it, against what is worked out from the ratios. A ratio of 1 hides its steps: for rules that
 * show no counts it is made only where nothing of the group follows.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { readHits } from '../../../../core/ranking/hits.ts';
import { weightedValues } from '../../../../core/ranking/weighted.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('weighted values');

/** Step `rank` of `max`, the last being best. */
interface Rank {
  readonly rank: number;
  readonly max: number;
}

/** A rule as a node applied it: its ranks, and how its details show it. */
interface Ruling {
  readonly name: string;
  readonly ranks: readonly Rank[];
  readonly shown: object;
}

const upTo = (most: number) => fc.integer({ min: 1, max: most });

const rankOf = (most: number) =>
  upTo(most).chain((max) => upTo(max).map((rank): Rank => ({ rank, max })));

const scoreOf = (ranks: readonly Rank[]): number => {
  const whole = ranks.reduce(
    (outer, inner) => ({
      rank: (outer.rank - 1) * inner.max + inner.rank,
      max: outer.max * inner.max,
    }),
    { rank: 1, max: 1 },
  );
  return whole.rank / whole.max;
};

const words = rankOf(6).map(({ rank, max }): Ruling => {
  const shown = { matchingWords: rank, maxMatchingWords: max, score: rank / max };
  return { name: 'words', ranks: [{ rank, max }], shown };
});

const typo = rankOf(5).map(({ rank, max }): Ruling => {
  const shown = { typoCount: max - rank, maxTypoCount: max - 1, score: rank / max };
  return { name: 'typo', ranks: [{ rank, max }], shown };
});

const exactness = rankOf(6).map((inner): Ruling => {
  const ranks = [{ rank: 1, max: 3 }, inner];
  const counts = { matchingWords: inner.rank - 1, maxMatchingWords: inner.max - 1 };
  const shown = { matchType: 'noExactMatch', ...counts, score: scoreOf(ranks) };
  return { name: 'exactness', ranks, shown };
});

const proximity = fc.integer({ min: 2, max: 20 }).chain((max) =>
  upTo(max - 1).map((rank): Ruling => {
    return { name: 'proximity', ranks: [{ rank, max }], shown: { score: rank / max } };
  }),
);

const best: Ruling = { name: 'attributeRank', ranks: [{ rank: 7, max: 7 }], shown: { score: 1 } };

const group = (rules: readonly fc.Arbitrary<Ruling>[]) =>
  fc.shuffledSubarray([...rules], { minLength: 1 }).chain((some) => fc.tuple(...some));

const rulings = fc
  .tuple(group([words, typo, exactness]), group([proximity]), fc.boolean())
  .map(([first, second, endsBest]) => [first, endsBest ? [...second, best] : second] as const);

test('groups score as the engine multiplies them out', () => {
  fc.assert(
    fc.property(
      rulings,
      fc.double({ min: 0.1, max: 4, noNaN: true }),
      ([first, second], weight) => {
        const sort = { name: 'year:asc', ranks: [], shown: { value: 3 } };
        const details = [...first, sort, ...second].map(
          ({ name, shown }, order) => [name, { order, ...shown }] as const,
        );
        const hit = { _rankingScore: 0.5, _rankingScoreDetails: Object.fromEntries(details) };
        const [read] = readHits(Buffer.from(JSON.stringify([hit])), 0, 0);
        assert.ok(read);
        const values = weightedValues(read, weight);
        const scores = values.filter((value) => typeof value === 'number');
        const expected = [first, second].map((own) => scoreOf(own.flatMap(({ ranks }) => ranks)));
        assert.is(values.length, 3);
        for (const [at, score] of expected.entries()) {
          const got = scores[at] as number;
          assert.ok(Math.abs(got - score * weight) < 1e-9, `${got}, not ${score * weight}`);
        }
      },
    ),
    { seed, numRuns: 2000 },
  );
});

/** Rules as a query of so many words has them, the last searchable attribute being of that weight. */
const shaped = fc
  .record({ words: upTo(6), weight: fc.integer({ min: 0, max: 9 }) })
  .chain(({ words, weight }) => {
    const ratio = (name: string, max: number) =>
      upTo(max).map((rank): Ruling => {
        return { name, ranks: [{ rank, max }], shown: { score: rank / max } };
      });
    const matching = fc.integer({ min: words, max: 6 }).map((max): Ruling => {
      const shown = { matchingWords: words, maxMatchingWords: max, score: words / max };
      return { name: 'words', ranks: [{ rank: words, max }], shown };
    });
    const exact = fc.integer({ min: 0, max: words }).map((count): Ruling => {
      const ranks = [
        { rank: 1, max: 3 },
        { rank: count + 1, max: words + 1 },
      ];
      const counts = { matchingWords: count, maxMatchingWords: words };
      const shown = { matchType: 'noExactMatch', ...counts, score: scoreOf(ranks) };
      return { name: 'exactness', ranks, shown };
    });
    const proximity = ratio('proximity', 1 + 3 * (words - 1));
    const attribute = ratio('attributeRank', 1 + weight * words);
    const position = ratio('wordPosition', 1 + 10 * words);
    return fc.tuple(matching, typo, proximity, attribute, position, exact);
  });

test('ratios of 1 hide no steps where the score of all ranks tells them', () => {
  fc.assert(
    fc.property(shaped, fc.integer({ min: 1, max: 5 }), (rulings, cut) => {
      const sort = { name: 'year:asc', ranks: [], shown: { value: 3 } };
      const all = [...rulings.slice(0, cut), sort, ...rulings.slice(cut)];
      const hit = {
        _rankingScore: scoreOf(all.flatMap(({ ranks }) => ranks)),
        _rankingScoreDetails: Object.fromEntries(
          all.map(({ name, shown }, order) => [name, { order, ...shown }] as const),
        ),
      };
      const [read] = readHits(Buffer.from(JSON.stringify([hit])), 0, 0);
      assert.ok(read);
      const [first, , second] = weightedValues(read, 1);
      for (const [own, got] of [
        [rulings.slice(0, cut), first],
        [rulings.slice(cut), second],
      ] as const) {
        const score = scoreOf(own.flatMap(({ ranks }) => ranks));
        assert.ok(Math.abs((got as number) - score) < 1e-9, `${got}, not ${score}`);
      }
    }),
    { seed, numRuns: 2000 },
  );
});

run();
