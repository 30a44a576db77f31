/**
 * Goal: whatever a client's filter says, with ours beside it exactly the documents come out that the
 * client's lets through and that lie on the shards asked for; what a node refuses by itself it refuses
 * beside ours too.
 * Method: random filters, hostile ones among them, sent to one real node twice: alone, and composed. In
 * multi-searches of many queries, since a request costs more than a search. MIROIR_FILTERS sets how many.
 */
import fc from 'fast-check';
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import { composeFilter, inFilter } from '../../../../core/filter/index.ts';
import { shardOfKey } from '../../../../core/placement/index.ts';
import { encodeShard, SHARD_FIELD } from '../../../../core/reserved/index.ts';
import { toNodeSettings } from '../../../../core/settings/index.ts';
import { findMeilisearch } from '../../../kit/cluster.ts';
import { seed, suite } from '../../../kit/suite.ts';
import { meilisearchTarget, type RunningTarget } from '../../../stories/targets.ts';
import { FIELDS, filter, hostile, VALUES } from './random-filter.ts';

const MINUTES = 60_000;
const COUNT = Number(process.env['MIROIR_FILTERS'] ?? 2_000);
/** One in so many is hostile, and asked by itself. */
const HOSTILE_EVERY = 10;
const BATCH = 100;
/** A node's parser takes time in the square of the number of ORs: 10,000 keep it busy for half a minute. */
const ORS = COUNT >= 50_000 ? 10_000 : 1_000;
const DOCUMENTS = 60;
const SHARDS = 8;
const KEY = 'masterKey-masterKey';

const { testUnless, before, after, run } = suite('composed filters');
const missing = findMeilisearch() === undefined ? 'no Meilisearch binary' : undefined;
let node: RunningTarget;
let pool: Pool;
/** Shard of each document by its id. */
const shards = Array.from({ length: DOCUMENTS }, (_, id) => shardOfKey(String(id), SHARDS));

before(async () => {
  if (missing !== undefined) return;
  const story = { name: 'filters', family: '', masterKey: KEY, flags: [] };
  const nothing = { volatileKeys: new Set<string>(), volatilePaths: [], steps: [] };
  node = await meilisearchTarget(process.env, MINUTES)({ ...story, ...nothing });
  pool = new Pool(node.url, { connections: 2, headersTimeout: 5 * MINUTES });
  await send('PATCH', '/experimental-features', { containsFilter: true });
  const settings = toNodeSettings(
    { filterableAttributes: [...FIELDS] },
    { hasSeveralOwners: true },
  );
  await send('POST', '/indexes', { uid: 'f', primaryKey: 'id' });
  await send('PATCH', '/indexes/f/settings', settings);
  await send('POST', '/indexes/f/documents', documents());
  for (;;) {
    const { body } = await send('GET', '/tasks?statuses=enqueued,processing');
    if (body['total'] === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { body } = await send('GET', '/indexes/f/stats');
  assert.is(body['numberOfDocuments'], DOCUMENTS);
}, MINUTES);

after(async () => {
  if (missing !== undefined) return;
  await pool.destroy();
  await node.stop();
}, MINUTES);

/** Documents in which every field is at times a number, a text, null, empty, or absent. */
function documents(): unknown[] {
  const pick = (id: number, step: number): unknown =>
    [id % 9, VALUES[(id * step) % VALUES.length], null, [], true, [id % 3, VALUES[id % 7]]][
      (id + step) % 6
    ];
  return shards.map((shard, id) => {
    const document: Record<string, unknown> = { id, [SHARD_FIELD]: encodeShard(shard) };
    for (const [place, name] of FIELDS.entries()) {
      if ((id + place) % 5 === 0) continue;
      const value = name === 'n' ? (id % 13) - 3 : pick(id, place + 1);
      if (name === 'o.x') document['o'] = { x: value };
      else document[name] = value;
    }
    return document;
  });
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await pool.request({
    method: method as 'GET',
    path,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, body: JSON.parse(text) as Record<string, unknown> };
}

const query = (one: unknown) => ({
  filter: one,
  limit: DOCUMENTS,
  attributesToRetrieve: ['id'],
});

function composed(one: unknown, asked: readonly number[]): unknown {
  return composeFilter(one, inFilter(SHARD_FIELD, asked.map(encodeShard)));
}

interface Pair {
  readonly filter: unknown;
  readonly asked: readonly number[];
}

type Hits = { readonly id: number }[];

const idsOf = (hits: Hits) => hits.map(({ id }) => id).sort((left, right) => left - right);

/** What is wrong with a pair of answers; undefined if nothing is. */
function faultOf(pair: Pair, alone: Hits, both: Hits): string | undefined {
  const wanted = idsOf(alone).filter((id) => pair.asked.includes(shards[id] ?? -1));
  const got = idsOf(both);
  if (wanted.join() === got.join()) return undefined;
  return `${JSON.stringify(pair.filter)} on shards ${pair.asked}: ${got} instead of ${wanted}`;
}

/** Asks pairs in one request; those that a node refuses are asked by themselves. */
async function check(pairs: readonly Pair[]): Promise<number> {
  let rest = pairs;
  const compared = 0;
  for (;;) {
    if (rest.length === 0) return compared;
    const queries = rest.flatMap((pair) => [
      { indexUid: 'f', ...query(pair.filter) },
      { indexUid: 'f', ...query(composed(pair.filter, pair.asked)) },
    ]);
    const { status, body } = await send('POST', '/multi-search', { queries });
    if (status === 200) {
      const results = body['results'] as { hits: Hits }[];
      for (const [place, pair] of rest.entries()) {
        const fault = faultOf(
          pair,
          results[2 * place]?.hits ?? [],
          results[2 * place + 1]?.hits ?? [],
        );
        assert.is(fault, undefined, fault);
      }
      return compared + rest.length;
    }
    const refused = Number(/queries\[(\d+)\]/.exec(String(body['message']))?.[1]);
    const place = Math.floor(refused / 2);
    const pair = rest[place];
    assert.ok(pair !== undefined, JSON.stringify(body));
    await checkAlone(pair);
    rest = rest.filter((_, other) => other !== place);
  }
}

/** Both are answered, with the right documents, or both are refused with the same code. */
async function checkAlone(pair: Pair, compose = composed): Promise<'answered' | 'refused'> {
  const path = '/indexes/f/search';
  const alone = await send('POST', path, query(pair.filter));
  const both = await send('POST', path, query(compose(pair.filter, pair.asked)));
  const text = JSON.stringify(pair.filter);
  assert.is(both.status, alone.status, `${text}: ${JSON.stringify(both.body)}`);
  if (alone.status !== 200) {
    assert.is(both.body['code'], alone.body['code'], text);
    return 'refused';
  }
  const fault = faultOf(pair, alone.body['hits'] as Hits, both.body['hits'] as Hits);
  assert.is(fault, undefined, fault);
  return 'answered';
}

const asked = fc
  .subarray([...Array(SHARDS).keys()], { minLength: 1, maxLength: SHARDS })
  .map((list): readonly number[] => list);

function sample(arbitrary: fc.Arbitrary<unknown>, count: number): Pair[] {
  const pairs = fc.record({ filter: arbitrary, asked });
  return fc.sample(pairs, { seed, numRuns: count });
}

testUnless(
  missing,
  `${COUNT} filters composed with ours`,
  async () => {
    const pairs = sample(filter, COUNT - Math.floor(COUNT / HOSTILE_EVERY));
    let compared = 0;
    for (let at = 0; at < pairs.length; at += BATCH) {
      compared += await check(pairs.slice(at, at + BATCH));
    }
    assert.ok(compared > pairs.length * 0.9, `only ${compared} of ${pairs.length} were answered`);
  },
  10 * MINUTES,
);

testUnless(
  missing,
  'filters that try to get out of their place',
  async () => {
    const counts = { answered: 0, refused: 0 };
    for (const pair of sample(hostile, Math.floor(COUNT / HOSTILE_EVERY))) {
      counts[await checkAlone(pair)] += 1;
    }
    assert.ok(counts.answered > 0 && counts.refused > 0, JSON.stringify(counts));
  },
  10 * MINUTES,
);

testUnless(
  missing,
  `filters of ${ORS} ORs, and deep ones`,
  async () => {
    const conditions = Array.from({ length: ORS }, (_, at) => `n = ${at}`);
    const ors = conditions.join(' OR ');
    const list = `n IN [${Array.from({ length: 10_000 }, (_, at) => at).join(', ')}]`;
    const deep = (depth: number) => `${'('.repeat(depth)}n = 1${')'.repeat(depth)}`;
    const nots = (depth: number) => `${'NOT '.repeat(depth)}n = 1`;
    const outcomes = new Set<string>();
    for (const one of [
      ors,
      ['n = 1', [ors, 'n = 2']],
      [conditions],
      list,
      // A node follows 36 parentheses and 148 NOTs: ours beside them must not take a level away.
      ...[10, 30, 34, 35, 36, 37, 38, 100, 1000].map(deep),
      ...[10, 100, 146, 147, 148, 149, 150, 2001].map(nots),
      Array.from({ length: 500 }, () => 'n >= -100'),
      Array.from({ length: 500 }, () => ['n EXISTS', 'n NOT EXISTS']),
    ]) {
      outcomes.add(await checkAlone({ filter: one, asked: [1, 2, 5] }));
    }
    assert.is(outcomes.size, 2, 'some are answered and some are too deep');
  },
  10 * MINUTES,
);

testUnless(
  missing,
  'no filter, and filters of other kinds',
  async () => {
    for (const one of [
      undefined,
      null,
      '',
      '   ',
      [],
      [[]],
      [''],
      [[], 'n = 1'],
      5,
      {},
      [5],
      [[[]]],
    ]) {
      await checkAlone({ filter: one, asked: [0, 3] });
    }
  },
  MINUTES,
);

testUnless(
  missing,
  'filters joined as text would be noticed',
  async () => {
    for (const join of [
      (one: string, ours: string) => `${one} AND ${ours}`,
      (one: string, ours: string) => `(${one}) AND ${ours}`,
    ]) {
      let faults = 0;
      for (const pair of sample(hostile, 300)) {
        if (typeof pair.filter !== 'string') continue;
        const asText = (one: unknown, places: readonly number[]) =>
          join(String(one), inFilter(SHARD_FIELD, places.map(encodeShard)));
        await checkAlone(pair, asText).catch(() => {
          faults += 1;
        });
      }
      assert.ok(faults > 0, String(join));
    }
  },
  MINUTES,
);

run();
