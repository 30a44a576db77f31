/**
 * A gateway that breaks answers on purpose: passes every request to a server and changes what comes
 * back. Used to prove that the comparison notices each way in which a merge can go wrong.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import {
  NumberText,
  parseTree,
  printTree,
  type Tree,
  type TreeObject,
} from '../stories/lossless.ts';

/** Changes an answer in place; true if it did. */
export type Mutate = (answer: TreeObject, path: string) => boolean;

/** A named way of breaking answers. */
export interface Mutation {
  readonly name: string;
  /** Kinds of requests that show it. */
  readonly only: string;
  readonly mutate: Mutate;
}

const lists = (answer: TreeObject, key: string): Tree[] => {
  const list = answer.get(key);
  return Array.isArray(list) ? list : [];
};

const swapEnds =
  (key: string): Mutate =>
  (answer) => {
    const list = lists(answer, key);
    const last = list.length - 1;
    if (last < 1 || printTree(list[0] as Tree) === printTree(list[last] as Tree)) return false;
    [list[0], list[last]] = [list[last] as Tree, list[0] as Tree];
    return true;
  };

const change =
  (key: string, next: (value: NumberText) => Tree): Mutate =>
  (answer) => {
    const value = answer.get(key);
    if (!(value instanceof NumberText)) return false;
    answer.set(key, next(value));
    return true;
  };

const plusOne = (value: NumberText) => new NumberText(String(Number(value.text) + 1));

/** The first facet with at least so many values. */
function facet(answer: TreeObject, size: number): TreeObject | undefined {
  const all = answer.get('facetDistribution');
  if (!(all instanceof Map)) return undefined;
  for (const values of all.values()) {
    if (values instanceof Map && values.size >= size) return values;
  }
  return undefined;
}

const eachHit =
  (mutate: (hit: TreeObject) => boolean): Mutate =>
  (answer) =>
    lists(answer, 'hits').reduce<boolean>(
      (done, hit) => (hit instanceof Map && mutate(hit)) || done,
      false,
    );

/** All the ways. */
export const MUTATIONS: readonly Mutation[] = [
  { name: 'first and last hit swapped', only: 'search-sort', mutate: swapEnds('hits') },
  {
    name: 'a hit left out',
    only: 'search',
    mutate: (a) => lists(a, 'hits').splice(1, 1).length > 0,
  },
  {
    name: 'a hit twice',
    only: 'search',
    mutate(answer) {
      const hits = lists(answer, 'hits');
      if (hits.length < 2) return false;
      hits[1] = hits[0] as Tree;
      return true;
    },
  },
  {
    name: 'an internal field shown',
    only: 'search',
    mutate: eachHit((hit) => Boolean(hit.set('_miroir_version', '⊐'))),
  },
  {
    name: 'a number written otherwise',
    only: 'search,documents-fetch',
    mutate: eachHit((hit) => {
      const [key, value] =
        [...hit].find(([, v]) => v instanceof NumberText && /^\d+$/.test(v.text)) ?? [];
      if (key === undefined || !(value instanceof NumberText)) return false;
      hit.set(key, new NumberText(`${value.text}.0`));
      return true;
    }),
  },
  {
    name: 'a field left out',
    only: 'search',
    mutate: eachHit((hit) => hit.delete([...hit.keys()].at(-1) ?? '')),
  },
  {
    name: 'a total one too high',
    only: 'search-sort',
    mutate: change('estimatedTotalHits', plusOne),
  },
  {
    name: 'a page total one too high',
    only: 'search-pages',
    mutate: change('totalPages', plusOne),
  },
  {
    name: 'a facet value left out',
    only: 'search-facets',
    mutate(answer) {
      const values = facet(answer, 2);
      return values?.delete([...values.keys()][0] ?? '') ?? false;
    },
  },
  {
    name: 'a facet count one too high',
    only: 'search-facets',
    mutate(answer) {
      const values = facet(answer, 1);
      const [key, count] = [...(values ?? [])][0] ?? [];
      if (key === undefined || !(count instanceof NumberText)) return false;
      values?.set(key, plusOne(count));
      return true;
    },
  },
  {
    name: 'facet values in reverse order',
    only: 'search-facets',
    mutate(answer) {
      const values = facet(answer, 2);
      if (values === undefined) return false;
      const reversed = [...values].reverse();
      values.clear();
      for (const [key, count] of reversed) values.set(key, count);
      return true;
    },
  },
  { name: 'a request id left out', only: 'search', mutate: (a) => a.delete('requestUid') },
  {
    name: 'another query echoed',
    only: 'search',
    mutate: (a) => a.has('query') && Boolean(a.set('query', 'x')),
  },
  {
    name: 'another error code',
    only: 'bad-input',
    mutate: (a) => a.has('code') && Boolean(a.set('code', 'bad')),
  },
  {
    name: 'another error message',
    only: 'bad-input',
    mutate: (a) => a.has('message') && Boolean(a.set('message', 'x')),
  },
  {
    name: 'results of a multi-search swapped',
    only: 'multi-search',
    mutate: swapEnds('results'),
  },
  {
    name: 'a document left out of a list',
    only: 'documents-list',
    mutate: (a) => lists(a, 'results').pop() !== undefined,
  },
  {
    name: 'a document count one too high',
    only: 'stats',
    mutate: change('numberOfDocuments', plusOne),
  },
  {
    name: 'an internal field in the statistics',
    only: 'stats',
    mutate(answer) {
      const fields = answer.get('fieldDistribution');
      return fields instanceof Map && Boolean(fields.set('_miroir_shard', new NumberText('3')));
    },
  },
  {
    name: 'a facet hit left out',
    only: 'facet-search',
    mutate: (a) => lists(a, 'facetHits').shift() !== undefined,
  },
  { name: 'a total of fields one too high', only: 'fields', mutate: change('total', plusOne) },
];

/** A running proxy. */
export interface Mutant {
  readonly url: string;
  /** How many answers it changed. */
  changed(): number;
  close(): Promise<void>;
}

/** Starts a proxy before a server. Answers to writes and tasks pass as they are. */
export async function startMutant(target: string, mutate: Mutate): Promise<Mutant> {
  const pool = new Pool(target, { connections: 8 });
  let changed = 0;
  const server = createServer((request, response) => {
    pass(pool, request, response, (text) => {
      const path = request.url ?? '';
      const isRead = /search|similar|fetch|fields|stats|documents(\?|\/|$)/.test(path);
      if (!isRead || (path.includes('/documents') && !isListing(request))) return text;
      const answer = text === '' ? null : parseTree(text);
      if (!(answer instanceof Map) || answer.has('taskUid') || !mutate(answer, path)) return text;
      changed += 1;
      return printTree(answer);
    }).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changed: () => changed,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.destroy();
    },
  };
}

function isListing(request: IncomingMessage): boolean {
  return request.method === 'GET' || (request.url ?? '').includes('/fetch');
}

async function pass(
  pool: Pool,
  request: IncomingMessage,
  response: ServerResponse,
  change: (text: string) => string,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const hop = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);
  const headers = Object.entries(request.headers).filter(([name]) => !hop.has(name));
  const answer = await pool.request({
    method: (request.method ?? 'GET') as 'GET',
    path: request.url ?? '/',
    headers: Object.fromEntries(headers),
    body: chunks.length === 0 ? null : Buffer.concat(chunks),
  });
  const text = change(await answer.body.text());
  response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? '' });
  response.end(text);
}
