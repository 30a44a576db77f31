/**
 * Goal: a node with an https URL is talked to only if its certificate is signed by whom the configuration names, and
 * renewed files serve the next connection.
 * Method: an HTTPS server with certificates made by openssl; files replaced under the client.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { NodeClient } from '../../../../core/meilisearch/client.ts';
import { NodeWitness } from '../../../../core/meilisearch/witness.ts';
import { CertificateFiles, nodeCertificates } from '../../../../core/tls/certificate-files.ts';
import { Authority, type IssuedFiles, opensslMissing } from '../../../kit/certificates.ts';
import { suite } from '../../../kit/suite.ts';

const { testUnless, before, after, run } = suite('node client over TLS');

let folder = '';
let authority: Authority;
let stranger: Authority;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-node-tls-'));
  if (opensslMissing !== undefined) return;
  authority = new Authority(folder, 'ours');
  stranger = new Authority(folder, 'theirs');
});
after(() => rmSync(folder, { recursive: true, force: true }));

const NOT_SHOWN = { cert_file: '', key_file: '' };

async function withServer(
  files: IssuedFiles,
  body: (url: string, server: Server) => Promise<void>,
  clientCa?: string,
): Promise<void> {
  const own = { cert: readFileSync(files.cert_file), key: readFileSync(files.key_file) };
  const asking = { requestCert: true, ca: clientCa === undefined ? [] : readFileSync(clientCa) };
  const options = clientCa === undefined ? own : { ...own, ...asking };
  const server = createServer(options, (_, response) => response.end('{"status":"available"}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function ask(url: string, certificates: CertificateFiles | undefined): Promise<string> {
  const client = new NodeClient(url, { certificates });
  const call = { method: 'GET', path: '/health', headers: {}, deadlineMs: 5_000 } as const;
  const outcome = await client.call(call);
  await client.close();
  return outcome.kind;
}

const files = (paths: Partial<IssuedFiles>) =>
  nodeCertificates({ ca_file: '', ...NOT_SHOWN, ...paths }, () => {});

testUnless(opensslMissing, 'only a node whose authority is named', async () => {
  assert.is(files({}), undefined);
  await withServer(authority.issue('node', { ip: '127.0.0.1' }), async (url) => {
    assert.is(await ask(url, files({ ca_file: authority.caFile })), 'answered');
    assert.is(await ask(url, files({ ca_file: stranger.caFile })), 'refused');
    assert.is(await ask(url, undefined), 'refused');
  });
  await withServer(authority.issue('node', { ip: '127.0.0.9' }), async (url) => {
    assert.is(await ask(url, files({ ca_file: authority.caFile })), 'refused');
  });
  const expired = authority.issue('node', { ip: '127.0.0.1', isExpired: true });
  await withServer(expired, async (url) => {
    assert.is(await ask(url, files({ ca_file: authority.caFile })), 'refused');
  });
});

testUnless(opensslMissing, 'a node that asks who we are', async () => {
  const body = async (url: string): Promise<void> => {
    const shown = authority.issue('gateway', {});
    assert.is(await ask(url, files(shown)), 'answered');
    assert.is.not(await ask(url, files({ ca_file: authority.caFile })), 'answered');
  };
  await withServer(authority.issue('node', { ip: '127.0.0.1' }), body, authority.caFile);
});

testUnless(opensslMissing, 'a renewed authority is trusted by the next connection', async () => {
  const ca = join(folder, 'renewed.ca');
  copyFileSync(stranger.caFile, ca);
  const paths = { ca_file: ca, ...NOT_SHOWN };
  const certificates = new CertificateFiles({ section: 'node_tls', paths, lookAgainMs: 20 });
  await withServer(authority.issue('node', { ip: '127.0.0.1' }), async (url) => {
    const states: string[] = [];
    const witness = new NodeWitness(
      url,
      { onUp: () => states.push('up'), onLost: () => {}, onRefused: () => states.push('refused') },
      certificates,
    );
    const client = new NodeClient(url, { certificates });
    const call = { method: 'GET', path: '/health', headers: {}, deadlineMs: 5_000 } as const;
    assert.is((await client.call(call)).kind, 'refused');
    copyFileSync(authority.caFile, ca);
    for (let tries = 0; tries < 1_000 && !witness.isUp; tries += 1) {
      await client.call(call);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.is((await client.call(call)).kind, 'answered');
    assert.is(states.at(-1), 'up');
    await witness.close();
    await client.close();
  });
});

run();
