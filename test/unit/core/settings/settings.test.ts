/**
 * Goal: nodes hold what Miroir needs and the user sees what the user set.
 * Method: values as a real node answered them; each direction of the translation and the merge of changes.
 */
import * as assert from 'uvu/assert';
import {
  DEFAULT_TEMPLATE,
  findReservedSetting,
  mergeSettings,
  NODE_TEMPLATE,
  toClientDetails,
  toClientSettings,
  toNodePatch,
  toNodeSettings,
} from '../../../../core/settings/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('settings');
const RULE = {
  attributePatterns: ['_miroir_*'],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
};
const DEFAULT_RULES = [
  'words',
  'typo',
  'proximity',
  'attributeRank',
  'sort',
  'wordPosition',
  'exactness',
];

test('a new index on several nodes: internal rule first, version sortable and last rule', () => {
  assert.equal(toNodeSettings({}, { hasSeveralOwners: true }), {
    filterableAttributes: [RULE],
    sortableAttributes: ['_miroir_version'],
    faceting: { maxValuesPerFacet: 100_000, sortFacetValuesBy: { '*': 'alpha' } },
    rankingRules: [...DEFAULT_RULES, '_miroir_version:asc'],
  });
});

test('a new index on one node keeps the rules as the user has them', () => {
  const settings = toNodeSettings({ rankingRules: ['words'] }, { hasSeveralOwners: false });
  assert.equal(settings['rankingRules'], ['words']);
  assert.not.ok('rankingRules' in toNodeSettings({}, { hasSeveralOwners: false }));
});

test('a change: what the gateway applies itself is left out, resets keep our parts', () => {
  const change = {
    displayedAttributes: ['a'],
    faceting: { maxValuesPerFacet: 3 },
    filterableAttributes: null,
    sortableAttributes: ['z'],
    rankingRules: null,
    stopWords: ['the'],
  };
  assert.equal(toNodePatch(change, { hasSeveralOwners: true }), {
    filterableAttributes: [RULE],
    sortableAttributes: ['z', '_miroir_version'],
    rankingRules: [...DEFAULT_RULES, '_miroir_version:asc'],
    stopWords: ['the'],
  });
  assert.is(toNodePatch(change, { hasSeveralOwners: false })['rankingRules'], null);
});

test('values of a wrong type go on as they are, for the node to judge', () => {
  const patch = toNodePatch({ filterableAttributes: 5 }, { hasSeveralOwners: true });
  assert.is(patch['filterableAttributes'], 5);
});

test('a node answer becomes the answer of one node', () => {
  const user = { displayedAttributes: ['id'], faceting: { sortFacetValuesBy: { b: 'count' } } };
  const node = {
    displayedAttributes: ['*'],
    filterableAttributes: [RULE, 'title'],
    sortableAttributes: ['_miroir_version', 'z'],
    rankingRules: ['words', '_miroir_version:asc'],
    faceting: { maxValuesPerFacet: 100_000, sortFacetValuesBy: { '*': 'alpha' } },
    pagination: { maxTotalHits: 1000 },
  };
  assert.equal(toClientSettings(node, user), {
    displayedAttributes: ['id'],
    filterableAttributes: ['title'],
    sortableAttributes: ['z'],
    rankingRules: ['words'],
    faceting: { maxValuesPerFacet: 100, sortFacetValuesBy: { '*': 'alpha', b: 'count' } },
    pagination: { maxTotalHits: 1000 },
  });
  assert.equal(toClientSettings({ displayedAttributes: ['*'] }, {}), {
    displayedAttributes: ['*'],
  });
});

test('details of a task: only what was changed, in the order nodes use', () => {
  const change = { stopWords: ['b', 'a', 'b'], displayedAttributes: null, rankingRules: null };
  const node = { rankingRules: [...DEFAULT_RULES, '_miroir_version:asc'], stopWords: ['a', 'b'] };
  const details = toClientDetails(node, change);
  assert.equal(details, { displayedAttributes: ['*'], rankingRules: null, stopWords: ['a', 'b'] });
  assert.equal(Object.keys(details), ['displayedAttributes', 'rankingRules', 'stopWords']);
  assert.equal(toClientDetails({}, change), details);
});

test('resetting everything shows every key, also those behind a feature', () => {
  const keys = [
    'displayedAttributes searchableAttributes filterableAttributes sortableAttributes rankingRules',
    'stopWords nonSeparatorTokens separatorTokens dictionary synonyms distinctAttribute',
    'proximityPrecision typoTolerance faceting pagination embedders searchCutoffMs',
    'localizedAttributes facetSearch prefixSearch',
  ].flatMap((line) => line.split(' '));
  const details = toClientDetails({}, Object.fromEntries(keys.map((key) => [key, null])));
  assert.is(Object.keys(details).length, 22);
  assert.equal(details['searchableAttributes'], ['*']);
  assert.is(details['foreignKeys'], null);
  assert.is(details['chat'], null);
});

test('embedders never see internal fields in the default template', () => {
  const patch = toNodePatch(
    { embedders: { a: { source: 'ollama' }, b: { source: 'userProvided', dimensions: 2 } } },
    { hasSeveralOwners: true },
  );
  assert.equal(patch['embedders'], {
    a: { source: 'ollama', documentTemplate: NODE_TEMPLATE },
    b: { source: 'userProvided', dimensions: 2 },
  });
  assert.equal(toClientSettings(patch, {})['embedders'], {
    a: { source: 'ollama', documentTemplate: DEFAULT_TEMPLATE },
    b: { source: 'userProvided', dimensions: 2 },
  });
});

test('changes merge as PATCH does', () => {
  const before = {
    stopWords: ['a'],
    typoTolerance: { enabled: false, minWordSizeForTypos: { oneTypo: 4 } },
    embedders: { x: { source: 'userProvided', dimensions: 3 }, y: { source: 'rest' } },
    faceting: { sortFacetValuesBy: { a: 'count' } },
  };
  const after = mergeSettings(before, {
    stopWords: null,
    typoTolerance: { minWordSizeForTypos: { twoTypos: 8 } },
    embedders: { x: { dimensions: 4 }, y: null },
    faceting: { sortFacetValuesBy: { b: 'count' } },
    pagination: { maxTotalHits: null },
  });
  assert.equal(after, {
    typoTolerance: { enabled: false, minWordSizeForTypos: { oneTypo: 4, twoTypos: 8 } },
    embedders: { x: { source: 'userProvided', dimensions: 4 } },
    faceting: { sortFacetValuesBy: { b: 'count' } },
  });
  assert.equal(before.stopWords, ['a'], 'the argument is not changed');
});

test('only names of fields count as naming an internal field', () => {
  assert.is(findReservedSetting({ stopWords: ['_miroir_shard'] }), undefined);
  assert.is(findReservedSetting({ sortableAttributes: ['a', '_miroir_x'] }), '_miroir_x');
  assert.is(
    findReservedSetting({ filterableAttributes: [{ attributePatterns: ['_miroir_*'] }] }),
    '_miroir_*',
  );
  assert.is(findReservedSetting({ rankingRules: ['_miroir_version:asc'] }), '_miroir_version:asc');
  assert.is(findReservedSetting({ distinctAttribute: '_miroir_shard' }), '_miroir_shard');
  assert.is(findReservedSetting({ filterableAttributes: 7 }), undefined);
});

run();
