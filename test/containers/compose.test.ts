/**
 * Goal: compose.yaml brings up a Miroir that takes documents and finds them.
 * Method: the very file, built and run by a Docker engine where one answers; skipped elsewhere.
 */
import {
  DockerComposeEnvironment,
  type StartedDockerComposeEnvironment,
  Wait,
} from 'testcontainers';
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import { findOnPath, runCommand } from '../../envoy/start/command.ts';
import { findDocker } from '../../envoy/start/docker.ts';
import { freePort, request, sleep } from '../kit/cluster.ts';
import { projectRoot } from '../kit/paths.ts';
import { suite } from '../kit/suite.ts';

const BUILD_LIMIT_MS = 540_000;
const MASTER_KEY = 'compose-master-key-0123456789';

const { testUnless, after, run } = suite('compose');
let environment: StartedDockerComposeEnvironment | undefined;

after(async () => {
  await environment?.down({ removeVolumes: true });
}, 120_000);

testUnless(
  await whyNot(),
  'documents go in and are found',
  async () => {
    const port = await freePort();
    environment = await new DockerComposeEnvironment(projectRoot, 'compose.yaml')
      .withEnvironment({
        MIROIR_MASTER_KEY: MASTER_KEY,
        MIROIR_ADMIN_TOKEN: 'compose-admin-token',
        MIROIR_PORT: String(port),
      })
      .withBuild()
      .withWaitStrategy('envoy-1', Wait.forHealthCheck())
      .withStartupTimeout(BUILD_LIMIT_MS)
      .up();
    const pool = new Pool(`http://127.0.0.1:${port}`);
    const headers = { authorization: `Bearer ${MASTER_KEY}` };
    try {
      const documents = Array.from({ length: 30 }, (_, id) => ({ id, title: `mirror ${id}` }));
      const path = '/indexes/movies/documents';
      const added = await request(pool, { method: 'POST', path, body: documents, headers });
      assert.is(added.status, 202, added.text);
      const task = `/tasks/${added.body.taskUid}`;
      for (let attempt = 0; attempt < 300; attempt += 1) {
        const { body } = await request(pool, { method: 'GET', path: task, headers });
        if (body.status === 'succeeded') break;
        await sleep(100);
      }
      const found = await request(pool, {
        method: 'GET',
        path: '/indexes/movies/search?q=mirror&limit=100',
        headers,
      });
      assert.is(found.body.hits.length, 30, found.text);
    } finally {
      await pool.destroy();
    }
  },
  BUILD_LIMIT_MS + 60_000,
);

run();

async function whyNot(): Promise<string | undefined> {
  const docker = await findDocker(process.env);
  if (docker === undefined)
    return findOnPath('docker', process.env) === undefined
      ? 'no docker on PATH'
      : 'no Docker engine answers';
  const compose = await runCommand(docker, ['compose', 'version'], { timeoutMs: 10_000 });
  return compose.kind === 'ok' ? undefined : 'docker has no compose';
}
