/**
 * Goal: payloads are judged as a real node judged them, to the byte of every message.
 * Method: all document additions of the recorded stories go through the splitter, in three cuts; the
 * recorded answer, or the recorded task, is what has to come out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { PayloadFormat } from '../../../../core/documents/index.ts';
import { sharedFolder } from '../../../kit/paths.ts';
import { type SplitCase, splitPayload } from '../../../kit/split.ts';
import { suite } from '../../../kit/suite.ts';

const folder = sharedFolder === undefined ? '' : join(sharedFolder, 'recordings', 'stories');
const absent = existsSync(folder) ? undefined : 'no recordings beside the project';

interface Step {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly bodyText?: string;
    readonly raw?: string | { readonly base64: string };
  };
  readonly response: { readonly status: number; readonly body?: Record<string, unknown> };
}

const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};
/** Decided by parameters, uid or the index, before or after the payload itself. */
const DECIDED_ELSEWHERE = [
  'bad_request',
  'invalid_index_uid',
  'invalid_skip_creation',
  'invalid_document_csv_delimiter',
  'invalid_content_type',
  'index_primary_key_already_exists',
];

const { testUnless, run } = suite('core/documents recordings');
let judged = 0;

for (const file of absent === undefined ? readdirSync(folder) : []) {
  if (!/-documents-/.test(file)) continue;
  testUnless(absent, file, () => replay(file));
}
testUnless(absent, 'there were enough payloads to judge', () => {
  assert.ok(judged >= 100, `only ${judged}`);
});

function replay(file: string): void {
  const story = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { steps: Step[] };
  const keys = new Map<string, string>();
  story.steps.forEach(({ request, response }, i) => {
    if (request.path === '/indexes') {
      const { uid, primaryKey } = (request.body ?? {}) as { uid?: string; primaryKey?: string };
      if (uid !== undefined && primaryKey !== undefined) keys.set(uid, primaryKey);
    }
    const match = /^\/indexes\/([\w-]+)\/documents(?:\?(.*))?$/.exec(request.path);
    const contentType = (request.headers['content-type'] ?? '').split(';')[0] as string;
    const format = FORMATS[contentType];
    const isWrite = request.method === 'POST' || request.method === 'PUT';
    if (match === null || format === undefined || !isWrite) return;
    const [, uid = '', query = ''] = match;
    const params = new URLSearchParams(query);
    const expected = expectation(response, story.steps[i + 1]?.response);
    if (DECIDED_ELSEWHERE.some((code) => expected.includes(code))) return;
    const how: SplitCase = {
      format,
      primaryKey: params.get('primaryKey') ?? keys.get(uid),
      indexUid: uid,
      csvDelimiter: params.get('csvDelimiter')?.charCodeAt(0),
    };
    for (const cutBytes of [1, 7, 65_536]) {
      const { text, primaryKey } = judge(bodyOf(request), { ...how, cutBytes });
      assert.is(text, expected, `${file} step ${i}, cut ${cutBytes}`);
      if (expected.startsWith('succeeded') && primaryKey !== undefined) keys.set(uid, primaryKey);
    }
    judged += 1;
  });
}

function bodyOf({ raw, bodyText, body }: Step['request']): string | Buffer {
  if (typeof raw === 'object') return Buffer.from(raw.base64, 'base64');
  return raw ?? bodyText ?? (body === undefined ? '' : JSON.stringify(body));
}

function expectation(response: Step['response'], next: Step['response'] | undefined): string {
  if (response.status !== 202) {
    return `${response.status} ${response.body?.['code']} ${response.body?.['message']}`;
  }
  const task = next?.body as {
    status: string;
    details: { receivedDocuments: number };
    error: { code: string; message: string } | null;
  };
  if (task.error === null) return `succeeded ${task.details.receivedDocuments}`;
  return `failed ${task.details.receivedDocuments} ${task.error.code} ${task.error.message}`;
}

function judge(body: string | Buffer, how: SplitCase) {
  const { result } = splitPayload(body, how);
  switch (result.kind) {
    case 'ok':
      return { text: `succeeded ${result.table.count}`, primaryKey: result.primaryKey };
    case 'rejected': {
      const { code, message } = result.rejection;
      return { text: `${code === 'internal' ? 500 : 400} ${code} ${message}` };
    }
    case 'task-failed': {
      const { failure, documentCount } = result;
      return { text: `failed ${documentCount} ${failure.code} ${failure.message}` };
    }
    default:
      return { text: `reserved ${result.name}` };
  }
}

run();
