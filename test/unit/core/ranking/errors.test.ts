/**
 * Goal: a node's error text says what a single node's would, and never names internal fields.
 * Method: texts of a real node, and what they become.
 */
import * as assert from 'uvu/assert';
import { cleanMessage } from '../../../../core/ranking/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('error texts');

const DISPLAYED = { displayedAttributes: ['id'] };

test('a list of which nothing is displayed is as good as none', () => {
  for (const [kind, text] of [
    ['sortable', 'Attribute `x` is not sortable. Available sortable attributes are: `a, b`.'],
    [
      'filterable',
      'cannot be used as distinct attribute. Available filterable attributes patterns are: `a`.',
    ],
    ['facet-searchable', 'Available facet-searchable attributes patterns are: `a`. To make it so'],
  ] as const) {
    const cleaned = cleanMessage(text, DISPLAYED);
    assert.match(cleaned, `This index does not have configured ${kind} attributes.`);
    assert.not.match(cleaned, 'Available');
    assert.is(cleanMessage(text, {}), text);
  }
});

test('a list that holds the rule for internal fields alone is none', () => {
  const text = 'not filterable. Available filterable attribute patterns are: `_miroir_*`.\n2:3 g';
  const none = 'not filterable. This index does not have configured filterable attributes.\n2:3 g';
  assert.is(cleanMessage(text, {}), none);
});

test('a list of which something is displayed says that there is more', () => {
  const text = 'Available sortable attributes are: `a, id`.';
  const hidden = 'Available sortable attributes are: `id, <..hidden-attributes>`.';
  assert.is(cleanMessage(text, DISPLAYED), hidden);
  const searchable = 'Available searchable attributes are: `a`.';
  const none = 'Available searchable attributes are: `, <..hidden-attributes>`.';
  assert.is(cleanMessage(searchable, DISPLAYED), none);
});

test('the rule by versions is never named', () => {
  const incompatible =
    'Inside `.queries[1]`: The results of queries #0 and #1 are incompatible: \n  1. `queries[0]`, `f.rankingRules[0]`: ascending sort rule(s) _miroir_version:asc\n  2. `queries[1]`, `f.rankingRules[0..=5]`: relevancy rule(s) words';
  const cleaned = cleanMessage(incompatible, {});
  assert.match(
    cleaned,
    /^Inside `\.queries\[1\]`: The results of queries #0 and #1 are incompatible /,
  );
  assert.not.match(cleaned, '_miroir_');
  const listed = 'sort rule(s) a:asc, _miroir_version:asc\n  2. `queries[1]`';
  assert.is(cleanMessage(listed, {}), 'sort rule(s) a:asc\n  2. `queries[1]`');
  assert.not.match(cleanMessage('rule _miroir_version:asc\n', {}), '_miroir_');
});

run();
