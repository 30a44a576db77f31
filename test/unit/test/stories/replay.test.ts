/**
 * Goal: a replay sends what was recorded, waits only where it should, and reports a wrong answer.
 * Method: a tiny HTTP server with a scripted task, stories written as JSON text, one answer changed.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { NumberText, parseTree, printTree } from '../../../stories/lossless.ts';
import { replayStory } from '../../../stories/replay.ts';
import { encodePath, storyFromText } from '../../../stories/story.ts';

const { test, before, after, run } = suite('stories: replay');

interface Seen {
  readonly line: string;
  readonly type: string | undefined;
  readonly body: string;
}

let server: Server;
let seen: Seen[] = [];
let taskReads = 0;

before(async () => {
  server = createServer((request, response) => {
    void readAll(request).then((body) => {
      seen.push({
        line: `${request.method} ${request.url}`,
        type: request.headers['content-type'],
        body,
      });
      const reply = answerTo(request.url ?? '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

after(() => {
  server.closeAllConnections();
  server.close();
});

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function answerTo(url: string): string {
  if (url.startsWith('/tasks/7')) {
    taskReads += 1;
    return `{"uid":7,"status":"${taskReads < 4 ? 'processing' : 'succeeded'}"}`;
  }
  if (url === '/hooks') return '{"uuid":"made-by-this-run"}';
  return '{"n":9007199254740993}';
}

function tell(steps: string, volatile = '{"keys":[],"paths":[]}') {
  seen = [];
  taskReads = 0;
  const { port } = server.address() as AddressInfo;
  const story = storyFromText('t', `{"name":"t","volatile":${volatile},"steps":[${steps}]}`);
  return replayStory(story, { url: `http://127.0.0.1:${port}`, taskLimitMs: 5000 });
}

const step = (request: string, body: string) =>
  `{"request":${request},"response":{"status":200,"contentType":"application/json","body":${body}}}`;

test('a changed answer fails its step and only that', async () => {
  const right = step('{"method":"GET","path":"/a"}', '{"n":9007199254740993}');
  const wrong = step('{"method":"GET","path":"/b"}', '{"n":9007199254740992}');
  const results = await tell(`${right},${wrong},${right}`);
  assert.equal(
    results.map((result) => result.differences.length),
    [0, 1, 0],
  );
});

test('a finished task is waited for, an unfinished one is not', async () => {
  const finished = step('{"method":"GET","path":"/tasks/7"}', '{"uid":7,"status":"succeeded"}');
  const [result] = await tell(finished);
  assert.equal(result?.differences, []);
  assert.is(taskReads, 4);
  const open = step('{"method":"GET","path":"/tasks/7"}', '{"uid":7,"status":"enqueued"}');
  const [second] = await tell(open);
  assert.equal(second?.differences, []);
  assert.is(taskReads, 1);
});

test('bodies, types and paths are sent as recorded', async () => {
  await tell(
    [
      step(
        '{"method":"POST","path":"/x y/é%20?q=a\\"b","headers":{"content-type":"text/csv"},"raw":"a\\nb"}',
        '{}',
      ),
      step('{"method":"POST","path":"/j","body":{"2":1.0,"1":12345678901234567890}}', '{}'),
      step('{"method":"POST","path":"/b","raw":{"base64":"//4="}}', '{}'),
      step('{"method":"POST","path":"/e","body":1,"bodyText":"1e5"}', '{}'),
    ].join(),
  );
  assert.equal(seen[0], {
    line: 'POST /x%20y/%C3%A9%20?q=a%22b',
    type: 'text/csv',
    body: 'a\nb',
  });
  assert.equal(seen[1]?.body, '{"2":1.0,"1":12345678901234567890}');
  assert.is(seen[1]?.type, undefined);
  assert.is(seen[2]?.body.length, 2);
  assert.is(seen[3]?.body, '1e5');
});

test('an id made by the server takes the place of the recorded one', async () => {
  const volatile =
    '{"keys":[],"paths":[{"step":0,"pointer":"/response/body/uuid"},{"step":1,"pointer":"/request"}]}';
  await tell(
    [
      step('{"method":"POST","path":"/hooks"}', '{"uuid":"made-then"}'),
      step('{"method":"GET","path":"/hooks/made-then"}', '{"n":9007199254740993}'),
    ].join(),
    volatile,
  );
  assert.is(seen[1]?.line, 'GET /hooks/made-by-this-run');
});

test('a server that is gone fails every step', async () => {
  const story = storyFromText('t', `{"steps":[${step('{"method":"GET","path":"/a"}', '{}')}]}`);
  const results = await replayStory(story, { url: 'http://127.0.0.1:9', taskLimitMs: 10 });
  assert.is(results[0]?.differences.length, 1);
});

test('paths keep what a URL may hold', () => {
  assert.is(encodePath('/a%2Fb/%zz?x=[1]&y=a+b'), '/a%2Fb/%25zz?x=%5B1%5D&y=a+b');
});

test('trees keep numbers, keys and order', () => {
  const text = '{"__proto__":[1.0,-0.0,1e400,{"1":null,"0":true}],"a":"\\ud800é"}';
  assert.is(printTree(parseTree(text)), text);
  assert.instance(parseTree('5'), NumberText);
  for (const bad of ['', '{', '[1,]', '01', '{"a" 1}', '"a', '1 2', '[1}', 'nul']) {
    assert.throws(() => parseTree(bad), undefined, bad);
  }
});

run();
