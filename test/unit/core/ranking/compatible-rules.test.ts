/**
 * Goal: queries that a node refuses to rank against each other are refused here in its words, and no
 * others.
 * Method: rules by hand; the texts were told by a node.
 */
import * as assert from 'uvu/assert';
import type { QueryRules } from '../../../../core/ranking/canonical-rules.ts';
import { canonicalRules } from '../../../../core/ranking/canonical-rules.ts';
import { findIncompatible } from '../../../../core/ranking/compatible-rules.ts';
import { DEFAULT_RANKING_RULES } from '../../../../core/settings/shape.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('compatible rules');

function rules(more: Partial<QueryRules>): QueryRules {
  return {
    criteria: DEFAULT_RANKING_RULES,
    sort: undefined,
    matchesAll: false,
    rankedBy: 'keyword',
    ...more,
  };
}

function placed(...queries: readonly Partial<QueryRules>[]) {
  return queries.map((one, position) => ({ position, indexUid: 'i', rules: rules(one) }));
}

const ASC = { field: 'n', direction: 'asc' } as const;
const DESC = { field: 'n', direction: 'desc' } as const;
const GEO = { field: undefined, direction: 'asc' } as const;

test('a query without rules goes with any other, and the longer list is the one compared next', () => {
  const placeholder = { rankedBy: 'placeholder' } as const;
  assert.is(findIncompatible(placed({}, placeholder, {})), undefined);
  assert.is(findIncompatible(placed({ sort: [ASC] }, {}, { sort: [ASC] })), undefined);
  assert.is(findIncompatible(placed({ sort: [ASC] }, {}, { sort: [DESC] }))?.position, 2);
  assert.is(findIncompatible(placed({ sort: [ASC] }, {}, { sort: [GEO] }))?.position, 2);
  assert.is(
    findIncompatible(placed(placeholder, { ...placeholder, sort: [DESC] }, {}))?.position,
    2,
  );
});

test('the error names rules, the reason and what was done to the rules', () => {
  const found = findIncompatible(
    placed({}, { rankedBy: 'placeholder', criteria: ['n:asc', 'words', 'sort'] }),
  );
  assert.is(
    found?.error.message,
    [
      'Inside `.queries[1]`: The results of queries #0 and #1 are incompatible: ',
      '  1. `queries[0]`, `i.rankingRules[0..=5]`: relevancy rule(s) words, typo, proximity, attributeRank, wordPosition, exactness',
      '  2. `queries[1]`, `i.rankingRules[0]`: ascending sort rule(s) n:asc',
      '  - cannot compare a relevancy rule with a sort rule',
      '  - note: The ranking rules of query #0 were modified during canonicalization:',
      '   1. Removed rule `sort` at position #4 in ranking rules because `query.sort` is empty',
      '  - note: The ranking rules of query #1 were modified during canonicalization:',
      '    1. Removed relevancy rule `words` at position #1 in ranking rules because the query is a placeholder search (`q`: "")',
      '   2. Removed rule `sort` at position #2 in ranking rules because `query.sort` is empty',
      '',
    ].join('\n'),
  );
});

test('rules of `sort` are named by their place in it', () => {
  const found = findIncompatible(
    placed({ criteria: ['sort'], sort: [GEO, ASC] }, { criteria: ['sort'], sort: [GEO, DESC] }),
  );
  assert.match(
    found?.error.message ?? '',
    '  1. `queries[0].sort[1]`, `i.rankingRules[0]`: ascending sort rule(s) on field `n`\n' +
      '  2. `queries[1].sort[1]`, `i.rankingRules[0]`: descending sort rule(s) on field `n`\n' +
      '  - cannot compare two sort rules in opposite directions\n',
  );
});

test('`words` is put first where implied, taken away where all must match, and doubles go', () => {
  const implied = canonicalRules(rules({ criteria: ['n:asc', 'typo', 'typo', 'n:desc'] }));
  assert.equal(implied.criteria, ['n:asc', 'words', 'typo']);
  assert.equal(implied.notes, [
    '    1. Prepended rule `words` before first relevancy rule `typo` at position #1 in ranking rules',
    '    2. Removed duplicate rule `typo` at position #2 in ranking rules as it already appears at position #1 in ranking rules',
    '    3. Removed duplicate rule `n:asc` at position #3 in ranking rules as it already appears at position #0 in ranking rules',
  ]);
  const all = canonicalRules(rules({ criteria: ['words', 'typo'], matchesAll: true }));
  assert.equal(all.criteria, ['typo']);
  assert.equal(all.notes, [
    '    1. Removed rule `words` at position #0 in ranking rules because `query.matchingWords` is set to `all`',
  ]);
  const late = canonicalRules(rules({ criteria: ['typo', 'words'] }));
  assert.equal(late.criteria, ['words', 'typo', 'words']);
});

test('a vector stands for the first rule that weighs words; after a sort all later rules go', () => {
  const vector = rules({
    rankedBy: 'vector',
    criteria: ['words', 'typo', 'n:asc', 'exactness', 'm:asc'],
  });
  const { criteria, notes } = canonicalRules(vector);
  assert.equal(criteria, ['words', 'n:asc']);
  assert.equal(notes, [
    '    1. Removed relevancy rule `typo` at position #1 in ranking rules because the query is a vector search and `vector` was already inserted at position #0 in ranking rules',
    '    2. Truncated relevancy rule `exactness` at position #3 in ranking rules and later rules because the query is a vector search and `vector` was inserted at position #0 in ranking rules',
  ]);
});

run();
