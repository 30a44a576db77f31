/**
 * Recorded merge cases: what one node answered, and what three nodes answered to the rewritten request.
 * Bodies stay the bytes of the file, so that nothing is lost to a parser before the merge sees it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeValue, findMember, Items, Members } from '../../core/json/slice.ts';
import type { JsonObject } from '../../core/ranking/index.ts';

/** An answer: status, and the body's bytes. */
export interface RecordedAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** What one node was asked and answered. */
export interface RecordedNode {
  readonly request: JsonObject;
  readonly main: RecordedAnswer;
  /** Further requests by purpose. */
  readonly extra: ReadonlyMap<string, RecordedAnswer>;
}

/** One case. */
export interface MergeCase {
  readonly n: number;
  readonly kind: string;
  readonly path: string;
  readonly body: JsonObject;
  readonly single: RecordedAnswer;
  readonly nodes: readonly RecordedNode[];
  readonly expect: string;
  readonly differs: readonly string[];
  readonly selfMatches: boolean | undefined;
}

/** One file of cases. */
export interface MergeFixture {
  readonly name: string;
  readonly primaryKey: string;
  readonly settings: JsonObject;
  readonly volatile: readonly string[];
  readonly cases: readonly MergeCase[];
}

/** Reads all fixtures of a folder (`*.json`, `*.json.gz`), by name. */
export function readFixtures(folder: string): MergeFixture[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') || name.endsWith('.json.gz'))
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name));
      return parseFixture(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    });
}

/** Reads one fixture from its JSON text. */
export function parseFixture(bytes: Buffer): MergeFixture {
  const head = readMembers(bytes, 0, ['name', 'primaryKey', 'settings', 'volatile']);
  const cases: MergeCase[] = [];
  const list = findMember(bytes, 0, 'cases');
  if (list === undefined) throw new Error('a fixture without cases');
  const items = new Items(bytes, list.start);
  while (items.next()) cases.push(readCase(bytes, items.start));
  return {
    name: String(head['name']),
    primaryKey: String(head['primaryKey']),
    settings: (head['settings'] as JsonObject)['single'] as JsonObject,
    volatile: (head['volatile'] ?? []) as string[],
    cases,
  };
}

function readCase(bytes: Buffer, at: number): MergeCase {
  const head = readMembers(bytes, at, [
    'n',
    'kind',
    'clientRequest',
    'expect',
    'differs',
    'selfMatches',
  ]);
  const request = head['clientRequest'] as JsonObject;
  const nodes: RecordedNode[] = [];
  const list = findMember(bytes, at, 'nodes');
  const items = new Items(bytes, list?.start ?? at);
  while (items.next()) nodes.push(readNode(bytes, items.start));
  const differs = head['differs'] ?? [];
  return {
    n: Number(head['n']),
    kind: String(head['kind']),
    path: String(request['path']),
    body: (request['body'] ?? {}) as JsonObject,
    single: readAnswer(bytes, findMember(bytes, at, 'single')?.start ?? at),
    nodes,
    expect: String(head['expect']),
    differs: Array.isArray(differs) ? (differs as string[]) : [String(differs)],
    selfMatches: head['selfMatches'] as boolean | undefined,
  };
}

function readNode(bytes: Buffer, at: number): RecordedNode {
  const extra = new Map<string, RecordedAnswer>();
  const list = findMember(bytes, at, 'extra');
  if (list !== undefined) {
    const items = new Items(bytes, list.start);
    while (items.next()) {
      const { purpose } = readMembers(bytes, items.start, ['purpose']);
      const response = findMember(bytes, items.start, 'response');
      extra.set(String(purpose), readAnswer(bytes, response?.start ?? at));
    }
  }
  const { request } = readMembers(bytes, at, ['request']);
  return {
    request: request as JsonObject,
    main: readAnswer(bytes, findMember(bytes, at, 'response')?.start ?? at),
    extra,
  };
}

function readAnswer(bytes: Buffer, at: number): RecordedAnswer {
  const { status } = readMembers(bytes, at, ['status']);
  const body = findMember(bytes, at, 'body');
  return {
    status: Number(status),
    body: body === undefined ? Buffer.alloc(0) : bytes.subarray(body.start, body.end),
  };
}

function readMembers(bytes: Buffer, at: number, names: readonly string[]): JsonObject {
  const found: Record<string, unknown> = {};
  const members = new Members(bytes, at);
  while (members.next()) {
    const name = members.name();
    if (names.includes(name)) {
      found[name] = decodeValue(bytes, members.valueStart, members.valueEnd);
    }
  }
  return found;
}
