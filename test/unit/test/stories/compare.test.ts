/**
 * Goal: the comparer finds every difference that matters and no other. A runner that cannot fail is
 * worthless, so most tests change one thing in a right answer and demand that it is noticed.
 * Method: small recorded answers as text, an answer made from the same or a changed text.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { type Answer, compareAnswers } from '../../../stories/compare.ts';
import { parseTree } from '../../../stories/lossless.ts';
import type { StoryResponse } from '../../../stories/story.ts';

const { test, run } = suite('stories: compare');

const RULES = {
  volatileKeys: new Set(['enqueuedAt', 'progressTrace']),
  volatilePointers: new Set<string>(),
};

function recorded(text: string, status = 200): StoryResponse {
  return {
    status,
    contentType: 'application/json',
    body: parseTree(text),
    text: '',
    headers: [],
  };
}

function answer(text: string, status = 200): Answer {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: parseTree(text),
    text,
    headers: new Map(),
  };
}

function pointers(before: string, after: string, rules = RULES): string[] {
  return compareAnswers(recorded(before), answer(after), rules).map((found) => found.pointer);
}

test('equal answers agree, whatever the order of keys', () => {
  assert.equal(pointers('{"a":1,"b":[1,2,{"c":null}]}', '{"b":[1,2,{"c":null}],"a":1}'), []);
});

test('a changed value, a missing key and an extra key are each found', () => {
  assert.equal(pointers('{"a":{"b":1}}', '{"a":{"b":2}}'), ['/body/a/b']);
  assert.equal(pointers('{"a":1,"b":2}', '{"a":1}'), ['/body/b']);
  assert.equal(pointers('{"a":1}', '{"a":1,"b":null}'), ['/body/b']);
  assert.equal(pointers('{"a/b~c":1}', '{"a/b~c":2}'), ['/body/a~1b~0c']);
});

test('types are not mixed up', () => {
  for (const [before, after] of [
    ['1', '"1"'],
    ['null', 'false'],
    ['[]', '{}'],
    ['{}', 'null'],
    ['""', 'null'],
    ['true', '"true"'],
  ] as const) {
    assert.equal(pointers(`{"a":${before}}`, `{"a":${after}}`), ['/body/a'], `${before} ${after}`);
    assert.equal(pointers(`{"a":${after}}`, `{"a":${before}}`), ['/body/a'], `${after} ${before}`);
  }
});

test('the order and the number of list items count', () => {
  assert.equal(pointers('{"a":[1,2]}', '{"a":[2,1]}'), ['/body/a/0', '/body/a/1']);
  assert.equal(pointers('{"a":[1]}', '{"a":[1,2]}'), ['/body/a/1']);
  assert.equal(pointers('{"a":[1,2]}', '{"a":[1]}'), ['/body/a/1']);
});

test('numbers are compared as they are written', () => {
  assert.equal(pointers('{"n":9007199254740993}', '{"n":9007199254740992}'), ['/body/n']);
  assert.equal(pointers('{"n":1.0}', '{"n":1}'), ['/body/n']);
  assert.equal(pointers('{"n":-0.0}', '{"n":0.0}'), ['/body/n']);
  assert.equal(pointers('{"n":18446744073709551615}', '{"n":18446744073709551615}'), []);
});

test('volatile keys may differ in value but must be there', () => {
  assert.equal(pointers('{"a":{"enqueuedAt":"x"}}', '{"a":{"enqueuedAt":"y"}}'), []);
  assert.equal(pointers('{"enqueuedAt":"x"}', '{}'), ['/body/enqueuedAt']);
  assert.equal(pointers('{"progressTrace":{"a":1}}', '{}'), []);
});

test('volatile paths are left out and their texts are told', () => {
  const told: string[] = [];
  const rules = {
    ...RULES,
    volatilePointers: new Set(['/body/uid']),
    onVolatileText: (before: string, after: string) => told.push(`${before}>${after}`),
  };
  assert.equal(pointers('{"uid":"a","x":1}', '{"uid":"b","x":1}', rules), []);
  assert.equal(told, ['a>b']);
  assert.equal(pointers('{"uid":"a","x":1}', '{"uid":"b","x":2}', rules), ['/body/x']);
});

test('enqueued and processing may stand for each other, finished may not', () => {
  const task = (status: string, batch: string) =>
    `{"uid":1,"status":"${status}","batchUid":${batch}}`;
  assert.equal(pointers(task('enqueued', 'null'), task('processing', '3')), []);
  assert.equal(pointers(task('processing', '3'), task('enqueued', 'null')), []);
  assert.equal(pointers(task('enqueued', 'null'), task('succeeded', 'null')), ['/body/status']);
  assert.equal(pointers(task('succeeded', '3'), task('failed', '3')), ['/body/status']);
  assert.equal(pointers('{"status":{"processing":1}}', '{"status":{"enqueued":1}}'), []);
});

test('status, content type, headers and plain text count', () => {
  const differ = compareAnswers(recorded('{}', 202), answer('{}', 200), RULES);
  assert.equal(
    differ.map((found) => found.pointer),
    ['/status'],
  );
  const plain: StoryResponse = {
    status: 405,
    contentType: '',
    body: undefined,
    text: '',
    headers: [['retry-after', '10']],
  };
  const got: Answer = {
    status: 405,
    contentType: 'text/plain',
    body: undefined,
    text: 'no',
    headers: new Map([['retry-after', '9']]),
  };
  assert.equal(
    compareAnswers(plain, got, RULES).map((found) => found.pointer),
    ['/contentType', '/headers/retry-after', '/text'],
  );
});

test('an answer that is not JSON where JSON was recorded is a difference', () => {
  const got: Answer = { ...answer('{}'), body: undefined, text: '<html>' };
  assert.equal(compareAnswers(recorded('{}'), got, RULES).length, 1);
});

run();
