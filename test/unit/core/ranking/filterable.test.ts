/**
 * Goal: what `*` among facets stands for when nodes are asked is what a node with the user's rules alone
 * takes it for; nodes refuse names that an earlier rule switches off.
 */
import * as assert from 'uvu/assert';
import {
  expandFacets,
  isFilterable,
  isFilterableByEquality,
} from '../../../../core/ranking/filterable.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('filterable');

const off = (...attributePatterns: string[]) => ({
  attributePatterns,
  features: { facetSearch: false, filter: { equality: false, comparison: false } },
});
const on = (...attributePatterns: string[]) => ({
  attributePatterns,
  features: { facetSearch: true, filter: { equality: true, comparison: false } },
});
const expanded = (...filterableAttributes: unknown[]) =>
  expandFacets(['*'], { filterableAttributes });

test('the patterns of rules that allow filtering, names with what is nested in them', () => {
  assert.equal(expanded('tag', on('meta.*', 'n')), ['tag', 'tag.*', 'meta.*', 'n']);
  assert.equal(expandFacets(['tag', '*'], { filterableAttributes: ['n'] }), ['tag', 'n', 'n.*']);
});

test('a name that an earlier rule switches off is left out, what is nested in it stays', () => {
  assert.equal(expanded(off('tags', 'uni'), 'tags', 'n'), ['tags.*', 'n', 'n.*']);
  assert.equal(expanded(off('t*'), 'tags', 'n'), ['n', 'n.*']);
});

test('a rule that allows filtering wins over a later one that does not', () => {
  assert.equal(expanded('tags', off('tags')), ['tags', 'tags.*']);
  assert.equal(expanded(on('t*'), off('tags'), on('tags')), ['t*', 'tags']);
});

test('nothing is left: no facet is asked for, the internal ones least of all', () => {
  assert.equal(expanded(off('*'), on('tags')), []);
  assert.equal(expanded(off('tags'), on('tags')), []);
});

test('the first rule that meets a field says whether it is a facet and whether it has equal values', () => {
  const compared = {
    attributePatterns: ['id'],
    features: { filter: { equality: false, comparison: true } },
  };
  const both = (field: string, ...filterableAttributes: unknown[]) => {
    const settings = { filterableAttributes };
    return [isFilterable(field, settings), isFilterableByEquality(field, settings)];
  };
  assert.equal(both('id', compared, 'id'), [true, false]);
  assert.equal(both('id', 'id', compared), [true, true]);
  assert.equal(both('id', off('i*'), 'id'), [false, false]);
  assert.equal(both('id.x', 'id'), [true, true]);
  assert.equal(both('other', 'id'), [false, false]);
});

run();
