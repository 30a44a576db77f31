/**
 * Goal: hits of a node that has seen none of the fields to be highlighted show `_formatted` as one node
 * with all documents would: it formats every hit as soon as it knows one of the fields.
 * Method: nodes' answers written by hand, merged by the real plan; what is expected was seen on a node.
 */
import * as assert from 'uvu/assert';
import { type MergedAnswer, mergeSearch, planSearch } from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('formatted hits');

type Settings = Readonly<Record<string, unknown>>;

function hit(id: number, document: string): string {
  const version = encodeVersion({ seq: 1, position: id });
  const details = `{"_miroir_version:asc":{"order":0,"value":"${version}"}}`;
  return `{"id":${id}${document},"_miroir_version":"${version}","_rankingScoreDetails":${details}}`;
}

function answer(...hits: readonly string[]): Buffer {
  return Buffer.from(
    `{"hits":[${hits.join(',')}],"query":"","processingTimeMs":0,"estimatedTotalHits":9}`,
  );
}

function merge(
  body: Record<string, unknown>,
  nodes: readonly Buffer[],
  more: { readonly isFormatted?: boolean; readonly settings?: Settings } = {},
): MergedAnswer {
  const { settings = {}, ...given } = more;
  const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
  const envelope = { processingTimeMs: 0, requestUid: 'x', ...given };
  return mergeSearch(planSearch({ body, index }), new Map([['main', nodes]]), envelope);
}

/** Texts of the hits, so that `1.10` is not `1.1`. */
function hitsText(merged: MergedAnswer): string {
  const text = Buffer.concat(merged.chunks).toString();
  return text.slice(text.indexOf('['), text.lastIndexOf('],"query"') + 1);
}

const SEEN = answer(hit(1, ',"title":"x","_formatted":{"id":"1","title":"x"}'));

test('one hit with `_formatted` gives it to all, numbers as texts however deep', () => {
  const other = hit(2, ',"n":-1.10,"o":{"a":[1,"5",true,null,{"b":2e3}]},"e":[],"f":{}');
  const merged = merge({ attributesToHighlight: ['title'] }, [SEEN, answer(other)]);
  assert.is(
    hitsText(merged),
    '[{"id":1,"title":"x","_formatted":{"id":"1","title":"x"}},' +
      '{"id":2,"n":-1.10,"o":{"a":[1,"5",true,null,{"b":2e3}]},"e":[],"f":{},' +
      '"_formatted":{"id":"2","n":"-1.10","o":{"a":["1","5",true,null,{"b":"2e3"}]},"e":[],"f":{}}}]',
  );
  assert.is(merged.unseenFields, undefined);
});

test('only what is retrieved stands in it, never scores, vectors or distances', () => {
  const body = {
    attributesToCrop: ['title:3'],
    attributesToRetrieve: ['o.a'],
    retrieveVectors: true,
    showRankingScore: true,
  };
  const extras = ',"_vectors":{"v":1},"_rankingScore":1.0';
  const other = hit(2, `,"o":{"a":1,"b":2}${extras}`);
  const first = hit(1, `,"_formatted":{"title":"x"}${extras}`);
  const merged = merge(body, [answer(first, other)]);
  assert.is(
    hitsText(merged),
    `[{"_formatted":{"title":"x"}${extras}},{"o":{"a":1}${extras},"_formatted":{"o":{"a":"1"}}}]`,
  );
});

test('a hit that shows nothing has no `_formatted`', () => {
  const body = { attributesToHighlight: ['title'], attributesToRetrieve: [] };
  const first = hit(1, ',"_formatted":{"title":"x"}');
  const merged = merge(body, [answer(first), answer(hit(2, ''))]);
  assert.is(hitsText(merged), '[{"_formatted":{"title":"x"}},{}]');
});

test('where no hit tells, the fields are named, and formatted once they are known', () => {
  const body = { attributesToHighlight: ['title'], attributesToCrop: ['text:2'] };
  const nodes = [answer(hit(2, ',"n":1'))];
  const open = merge(body, nodes);
  assert.equal(open.unseenFields, ['title', 'text']);
  assert.is(hitsText(open), '[{"id":2,"n":1}]');
  const known = merge(body, nodes, { isFormatted: true });
  assert.is(known.unseenFields, undefined);
  assert.is(hitsText(known), '[{"id":2,"n":1,"_formatted":{"id":"2","n":"1"}}]');
});

test('nothing is asked for a search that formats nothing, or shows no hit, or hides the field', () => {
  const nodes = [answer(hit(2, ',"n":1'))];
  const settings = { displayedAttributes: ['id'] };
  assert.is(merge({}, nodes).unseenFields, undefined);
  assert.is(merge({ attributesToHighlight: ['a'] }, [answer()]).unseenFields, undefined);
  const hidden = merge({ attributesToHighlight: ['a'] }, nodes, { settings });
  assert.is(hidden.unseenFields, undefined);
  assert.is(hitsText(hidden), '[{"id":2}]');
});

run();
