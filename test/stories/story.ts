/** Recorded stories: what a real node answered, step by step. The format is told in their README. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NumberText, parseTree, printTree, type Tree, type TreeObject } from './lossless.ts';

/** One request as it is to be sent. */
export interface StoryRequest {
  readonly method: string;
  /** Unescaped, see encodePath. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Exact bytes, or undefined for a request without a body. */
  readonly body: Buffer | undefined;
}

/** One answer as it was recorded. */
export interface StoryResponse {
  readonly status: number;
  readonly contentType: string;
  /** A JSON answer, numbers as written; undefined if the answer was not JSON. */
  readonly body: Tree | undefined;
  readonly text: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** A request and its recorded answer. */
export interface StoryStep {
  readonly request: StoryRequest;
  readonly response: StoryResponse;
}

/** One story, told to one fresh node. */
export interface Story {
  /** File name without its ending, e.g. `04-documents-add-json`. */
  readonly name: string;
  readonly family: string;
  readonly masterKey: string;
  readonly flags: readonly string[];
  /** Keys whose values never repeat, at any depth of an answer. */
  readonly volatileKeys: ReadonlySet<string>;
  /** Pointers inside a step whose values differed between two recordings. */
  readonly volatilePaths: readonly { readonly step: number; readonly pointer: string }[];
  readonly steps: readonly StoryStep[];
}

/** All story files of folders and files, sorted by name; `only` keeps those whose number is named. */
export function findStories(paths: readonly string[], only: readonly string[]): string[] {
  const files = paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => name.endsWith('.json'))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
  if (only.length === 0) return files;
  return files.filter((file) =>
    only.some((part) => basename(file).startsWith(`${part}-`) || basename(file, '.json') === part),
  );
}

/** Reads one file. Throws if it is not a story. */
export function readStory(file: string): Story {
  return storyFromText(basename(file, '.json'), readFileSync(file, 'utf8'));
}

/** Reads one story from its JSON text. */
export function storyFromText(name: string, text: string): Story {
  const root = asObject(parseTree(text), name);
  const volatile = root.has('volatile') ? asObject(root.get('volatile'), 'volatile') : new Map();
  return {
    name,
    family: asText(root.get('family') ?? '', 'family'),
    masterKey: asText(root.get('masterKey') ?? '', 'masterKey'),
    flags: asList(root.get('flags') ?? [], 'flags').map((flag) => asText(flag, 'flag')),
    volatileKeys: new Set(asList(volatile.get('keys') ?? [], 'keys').map((k) => asText(k, 'key'))),
    volatilePaths: asList(volatile.get('paths') ?? [], 'paths').map((entry) => {
      const path = asObject(entry, 'path');
      return {
        step: asNumber(path.get('step'), 'step'),
        pointer: asText(path.get('pointer'), 'pointer'),
      };
    }),
    steps: asList(root.get('steps'), 'steps').map((step, index) => {
      const members = asObject(step, `step ${index}`);
      return {
        request: readRequest(asObject(members.get('request'), `request ${index}`)),
        response: readResponse(asObject(members.get('response'), `response ${index}`)),
      };
    }),
  };
}

function readRequest(members: TreeObject): StoryRequest {
  return {
    method: asText(members.get('method'), 'method'),
    path: asText(members.get('path'), 'path'),
    headers: readHeaders(members.get('headers')),
    body: readBody(members),
  };
}

function readBody(members: TreeObject): Buffer | undefined {
  const raw = members.get('raw');
  if (raw instanceof Map) return Buffer.from(asText(raw.get('base64'), 'base64'), 'base64');
  if (raw !== undefined) return Buffer.from(asText(raw, 'raw'));
  const exact = members.get('bodyText');
  if (exact !== undefined) return Buffer.from(asText(exact, 'bodyText'));
  const body = members.get('body');
  return body === undefined ? undefined : Buffer.from(printTree(body));
}

function readResponse(members: TreeObject): StoryResponse {
  const exact = members.get('bodyText');
  return {
    status: asNumber(members.get('status'), 'status'),
    contentType: asText(members.get('contentType') ?? '', 'contentType'),
    body: exact === undefined ? members.get('body') : parseTree(asText(exact, 'bodyText')),
    text: asText(members.get('text') ?? '', 'text'),
    headers: readHeaders(members.get('headers')),
  };
}

function readHeaders(tree: Tree | undefined): (readonly [string, string])[] {
  if (tree === undefined || tree === null) return [];
  return [...asObject(tree, 'headers')].map(([key, value]) => [key, asText(value, key)] as const);
}

function asObject(tree: Tree | undefined, what: string): TreeObject {
  if (tree instanceof Map) return tree;
  throw new Error(`not a story: ${what} is not an object`);
}

function asList(tree: Tree | undefined, what: string): Tree[] {
  if (Array.isArray(tree)) return tree;
  throw new Error(`not a story: ${what} is not a list`);
}

function asText(tree: Tree | undefined, what: string): string {
  if (typeof tree === 'string') return tree;
  throw new Error(`not a story: ${what} is not a text`);
}

function asNumber(tree: Tree | undefined, what: string): number {
  if (tree instanceof NumberText) return Number(tree.text);
  throw new Error(`not a story: ${what} is not a number`);
}

/**
 * Percent-encodes what a URL may not hold (spaces, quotes, non-ASCII); `%xx` stays as it is.
 */
export function encodePath(path: string): string {
  return path.replace(/%(?![0-9a-fA-F]{2})|[^A-Za-z0-9\-._~:/?@!$&'()*+,;=%]/gu, (char) =>
    [...Buffer.from(char)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
