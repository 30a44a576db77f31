/**
 * Goal: the whole path on real input. All Debian packages go through Envoy into three nodes, once on
 * one node's worth of spread and once over all; every query of the corpus is answered with full
 * coverage, no internal field is seen anywhere, and 64-bit integers come back digit by digit.
 */
import * as assert from 'uvu/assert';
import { type Answer, startCluster, type TestCluster } from '../kit/cluster.ts';
import { corpusFile, corpusMissing, PACKAGE_COUNT, packages, queries } from '../kit/corpus.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const PART_DOCUMENTS = 10_000;

for (const spread of ['1', 'all'] as const) {
  const e2e = suite(`packages, spread ${spread}`);
  let cluster: TestCluster;

  e2e.before(async () => {
    if (corpusMissing === undefined) cluster = await startCluster(['--spread', spread]);
  }, 5 * MINUTES);
  e2e.after(async () => {
    if (corpusMissing === undefined) await cluster.stop();
  }, MINUTES);

  e2e.testUnless(
    corpusMissing,
    'loads all packages',
    async () => {
      const settings = await cluster.call('PATCH', '/indexes/packages/settings', {
        filterableAttributes: ['section', 'priority', 'size'],
        sortableAttributes: ['size', 'name'],
      });
      assert.is(settings.status, 202, settings.text);
      let last = 0;
      for (const part of parts(packages(), PART_DOCUMENTS)) {
        const added = await cluster.call(
          'POST',
          '/indexes/packages/documents?primaryKey=id',
          part,
          {
            'content-type': 'application/x-ndjson',
          },
        );
        assert.is(added.status, 202, added.text);
        assert.ok(Number.isInteger(added.body.taskUid));
        last = added.body.taskUid;
      }
      const task = await cluster.waitForTask(last);
      assert.is(task.status, 'succeeded', JSON.stringify(task));
      assert.is(task.details.indexedDocuments, task.details.receivedDocuments);
      const stats = await cluster.call('GET', '/indexes/packages/stats');
      assert.is(stats.body.numberOfDocuments, PACKAGE_COUNT);
      assert.is(stats.body.fieldDistribution.id, PACKAGE_COUNT);
    },
    10 * MINUTES,
  );

  e2e.testUnless(
    corpusMissing,
    'stripes them as asked',
    async () => {
      const counts = await countsPerNode(cluster);
      assert.is(
        counts.reduce((total, count) => total + count, 0),
        PACKAGE_COUNT,
      );
      const holders = counts.filter((count) => count > 0).length;
      assert.is(holders, spread === '1' ? 1 : 3);
      if (spread === 'all') {
        const fair = PACKAGE_COUNT / 3;
        for (const count of counts) assert.ok(Math.abs(count - fair) < fair * 0.15, `${counts}`);
      }
    },
    MINUTES,
  );

  e2e.testUnless(
    corpusMissing,
    'answers every query, complete, without internal fields',
    async () => {
      for (const q of queries()) {
        const answer = await cluster.call('POST', '/indexes/packages/search', {
          q,
          limit: 5,
          facets: ['section'],
          attributesToHighlight: ['*'],
          showRankingScore: true,
          showRankingScoreDetails: true,
        });
        assert.is(answer.status, 200, `${q}: ${answer.text}`);
        assert.ok(Array.isArray(answer.body.hits));
        assertCoverage(answer);
        assert.not.match(answer.text, '_miroir');
        assert.not.match(answer.text, /[\u2290-\u229f]/);
      }
    },
    5 * MINUTES,
  );

  e2e.testUnless(
    corpusMissing,
    'pages through a sorted list without gap or repeat',
    async () => {
      const seen = new Set<number>();
      for (let offset = 0; offset < 500; offset += 50) {
        const answer = await cluster.call('POST', '/indexes/packages/search', {
          sort: ['size:desc'],
          offset,
          limit: 50,
          attributesToRetrieve: ['id', 'size'],
        });
        for (const hit of answer.body.hits) seen.add(hit.id);
      }
      assert.is(seen.size, 500);
    },
    MINUTES,
  );

  e2e.testUnless(
    corpusMissing,
    'keeps 64-bit integers and texts of tricky documents',
    async () => {
      const added = await cluster.call(
        'POST',
        '/indexes/tricky/documents?primaryKey=id',
        corpusFile('tricky.ndjson'),
        { 'content-type': 'application/x-ndjson' },
      );
      assert.is((await cluster.waitForTask(added.body.taskUid)).status, 'succeeded');
      const big = await cluster.call('GET', '/indexes/tricky/documents/18446744073709551615');
      assert.match(big.text, '"id":18446744073709551615');
      const list = await cluster.call('GET', '/indexes/tricky/documents?limit=1000');
      assert.is(list.body.results.length, 280);
      assert.match(list.text, '9007199254740993');
      assert.not.match(list.text, '_miroir');
      for (const path of [
        '/indexes',
        '/stats',
        '/indexes/tricky/settings',
        '/indexes/tricky/stats',
      ]) {
        assert.not.match((await cluster.call('GET', path)).text, '_miroir', path);
      }
    },
    2 * MINUTES,
  );

  e2e.testUnless(
    corpusMissing,
    'deletes by id and batch',
    async () => {
      const one = await cluster.call('DELETE', '/indexes/packages/documents/1');
      const batch = await cluster.call('POST', '/indexes/packages/documents/delete-batch', [
        2,
        '3',
        4,
      ]);
      assert.is((await cluster.waitForTask(one.body.taskUid)).details.deletedDocuments, 1);
      assert.is((await cluster.waitForTask(batch.body.taskUid)).details.deletedDocuments, 3);
      const gone = await cluster.call('GET', '/indexes/packages/documents/3');
      assert.is(gone.status, 404);
      assert.is(gone.body.code, 'document_not_found');
      const stats = await cluster.call('GET', '/indexes/packages/stats');
      assert.is(stats.body.numberOfDocuments, PACKAGE_COUNT - 4);
    },
    2 * MINUTES,
  );

  e2e.run();
}

function assertCoverage(answer: Answer): void {
  const coverage = answer.headers['x-miroir-coverage'];
  if (coverage !== undefined) {
    const [have, all] = String(coverage).split('/');
    assert.is(have, all, `coverage ${coverage}`);
  }
  assert.is(answer.headers['x-miroir-degraded'], undefined);
}

async function countsPerNode(cluster: TestCluster): Promise<number[]> {
  return Promise.all(
    cluster.nodeUrls.map(async (url) => {
      const answer = await fetch(`${url}/indexes/packages/stats`, {
        headers: { authorization: `Bearer ${cluster.masterKey}` },
      });
      const body = (await answer.json()) as { numberOfDocuments?: number };
      return body.numberOfDocuments ?? 0;
    }),
  );
}

function* parts(ndjson: Buffer, documents: number): Generator<Buffer> {
  let start = 0;
  let count = 0;
  for (let at = ndjson.indexOf(10); at !== -1; at = ndjson.indexOf(10, at + 1)) {
    count += 1;
    if (count % documents === 0) {
      yield ndjson.subarray(start, at + 1);
      start = at + 1;
    }
  }
  if (start < ndjson.length) yield ndjson.subarray(start);
}
