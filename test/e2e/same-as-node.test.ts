/**
 * Goal: writes to indexes that are gone, quarrels about the primary key and payloads of mixed formats end
 * as on one node: same statuses, same tasks, same details, same errors, same documents.
 * Method: one script of writes through the gateway over three nodes, and straight to one of these nodes
 * under another index name; the two protocols are compared.
 */
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import {
  type Answer,
  findMeilisearch,
  request,
  sleep,
  startCluster,
  type TestCluster,
} from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const JSON_TYPE = 'application/json';
const NDJSON_TYPE = 'application/x-ndjson';
const CSV_TYPE = 'text/csv';

const e2e = suite('same as a node');
const missing = findMeilisearch() === undefined ? 'no real node to compare with' : undefined;
let cluster: TestCluster;

e2e.before(async () => {
  if (missing === undefined) cluster = await startCluster(['--spread', 'all']);
}, 5 * MINUTES);
e2e.after(() => cluster?.stop(), MINUTES);

type Step = readonly [method: string, path: string, body?: unknown, type?: string];
type Call = (step: Step) => Promise<Answer>;

const SCRIPTS: Readonly<Record<string, readonly Step[]>> = {
  'an index that is gone': [
    ['POST', '/documents', [{ id: 1, n: 1 }]],
    ['DELETE', ''],
    ['DELETE', ''],
    ['DELETE', '/documents/1'],
    ['POST', '/documents/delete-batch', [1, '2']],
    ['POST', '/documents/delete', { filter: 'n = 1' }],
    ['DELETE', '/documents'],
    ['PATCH', '', { primaryKey: 'n' }],
    ['PUT', '/documents', [{ id: 2, n: 2 }]],
    ['DELETE', '/documents/9'],
    ['GET', '/documents'],
  ],
  'quarrels about the primary key': [
    ['POST', '/documents', [{ name: 'nobody' }]],
    ['POST', '/documents', [{ aid: 1, bid: 2 }]],
    ['POST', '/documents?primaryKey=sku', [{ sku: 'a', id: 1 }]],
    ['POST', '/documents?primaryKey=id', [{ sku: 'b', id: 2 }]],
    ['PUT', '/documents', [{ id: 3 }]],
    ['POST', '/documents', [{ sku: 'bad key!' }]],
    ['POST', '/documents', [{ sku: { no: 1 } }]],
    ['PATCH', '', { primaryKey: 'id' }],
    ['DELETE', '/documents'],
    ['PATCH', '', { primaryKey: 'id' }],
    ['POST', '/documents', [{ id: 4, sku: 'd' }]],
    ['GET', '/documents'],
  ],
  'payloads of mixed formats': [
    ['POST', '/documents?primaryKey=id', [{ id: 1, a: 'json' }]],
    ['POST', '/documents', '{"id":2,"a":"line"}\n{"id":3,"a":"line"}\n', NDJSON_TYPE],
    ['PUT', '/documents', 'id,a,b:number\n1,csv,2.5\n4,csv,\n', CSV_TYPE],
    ['POST', '/documents', '[{"id":5}]', NDJSON_TYPE],
    ['POST', '/documents', '{"id":6}\n{"id":7}', JSON_TYPE],
    ['POST', '/documents', '{"id":8,"a":"one object"}', JSON_TYPE],
    ['POST', '/documents', 'id,a\n9,"half', CSV_TYPE],
    ['POST', '/documents', '[{"id":10},]', JSON_TYPE],
    ['PUT', '/documents?skipCreation=true', [{ id: 11 }, { id: 1, c: true }]],
    [
      'POST',
      '/documents',
      [
        { id: 2, v: 1 },
        { id: 2, w: 2 },
      ],
    ],
    [
      'PUT',
      '/documents',
      [
        { id: 3, v: 1 },
        { id: 3, w: 2 },
      ],
    ],
    ['GET', '/documents'],
  ],
};

for (const [name, steps] of Object.entries(SCRIPTS)) {
  e2e.testUnless(
    missing,
    name,
    async () => {
      const pool = new Pool(cluster.nodeUrls[0] ?? '');
      const headers = { authorization: `Bearer ${cluster.masterKey}` };
      const uid = name.replaceAll(' ', '-');
      const through = await protocol(steps, uid, (step) => ask(step, cluster.call));
      const straight = await protocol(steps, `node-${uid}`, (step) =>
        ask(step, (method, path, body, more) =>
          request(pool, { method, path, body, headers: { ...headers, ...more } }),
        ),
      );
      await pool.destroy();
      for (const [at, line] of straight.entries()) {
        assert.equal(through[at], line, `step ${at}: ${JSON.stringify(steps[at])}`);
      }
    },
    3 * MINUTES,
  );
}

e2e.run();

function ask(
  [method, path, body, type]: Step,
  call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>,
): Promise<Answer> {
  return call(method, path, body, type === undefined ? {} : { 'content-type': type });
}

/** What each step came to, its task included, free of places, times and the index's name. */
async function protocol(steps: readonly Step[], uid: string, call: Call): Promise<unknown[]> {
  const lines: unknown[] = [];
  for (const [method, path, body, type] of steps) {
    const given = body ?? (method === 'GET' || method === 'DELETE' ? undefined : null);
    const step = [method, `/indexes/${uid}${path}`, given, type] as Step;
    const answer = await call(step);
    const taskUid = answer.status === 202 ? answer.body.taskUid : undefined;
    const task = taskUid === undefined ? undefined : await ended(call, taskUid);
    const seen = task ?? answer.body;
    lines.push(JSON.parse(scrub(JSON.stringify({ status: answer.status, seen }), uid)));
  }
  return lines.map(withSortedResults);
}

// biome-ignore lint/suspicious/noExplicitAny: tasks of any kind
async function ended(call: Call, taskUid: number): Promise<any> {
  for (;;) {
    const { body } = await call(['GET', `/tasks/${taskUid}`]);
    if (!['enqueued', 'processing'].includes(body.status)) {
      const { status, type, indexUid, details, error } = body;
      return { status, type, indexUid, details, error };
    }
    await sleep(20);
  }
}

function scrub(text: string, uid: string): string {
  return text.replaceAll(uid, 'INDEX');
}

/** Documents of several nodes come in an order of their own, fields in the order each node met them. */
// biome-ignore lint/suspicious/noExplicitAny: lists of documents
function withSortedResults(line: any): unknown {
  const { results } = line.seen ?? {};
  if (!Array.isArray(results)) return line;
  const texts = results.map((document) => JSON.stringify(Object.entries(document).sort())).sort();
  return { ...line, seen: { ...line.seen, results: texts } };
}
