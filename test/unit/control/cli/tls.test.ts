/**
 * Goal: miroirctl talks to control over TLS with a certificate of its role, and says in words what is wrong else.
 * Method: a gRPC server with control's credentials; certificates by openssl.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../../../control/cli/client/index.ts';
import { CliError, UsageError } from '../../../../control/cli/errors.ts';
import { serverCredentials } from '../../../../core/tls/credentials.ts';
import { NodeServiceService } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import { Authority, type IssuedFiles, opensslMissing } from '../../../kit/certificates.ts';
import { suite } from '../../../kit/suite.ts';
import { fakeIo } from './fake-io.ts';

const { testUnless, after, run } = suite('cli over TLS');
const folder = mkdtempSync(join(tmpdir(), 'miroir-cli-tls-'));
const server = new Server();
after(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });
});

/** What listing the nodes came to: their number, or the words of the error. */
async function ask(address: string, files: Partial<IssuedFiles> | undefined): Promise<string> {
  const { ca_file: caFile, cert_file: certFile, key_file: keyFile } = files ?? {};
  const tls = files === undefined ? undefined : { caFile, certFile, keyFile };
  const target = { addresses: [address], origin: 'test', token: 'token', tls };
  try {
    const client = new ControlClient(target, fakeIo(), 5_000);
    const { nodes } = await client.call(NodeServiceService.listNodes, {}, 'read');
    client.close();
    return String(nodes.length);
  } catch (error) {
    if (error instanceof CliError || error instanceof UsageError) return error.message;
    throw error;
  }
}

testUnless(
  opensslMissing,
  'a certificate of its role is served, others are told why not',
  async () => {
    const authority = new Authority(folder, 'ours');
    const issue = (role: string) => authority.issue(role, { uri: `miroir://shop/${role}` });
    const { listNodes } = NodeServiceService;
    const handler = (_: unknown, answer: (error: null, response: object) => void): void =>
      answer(null, { nodes: [] });
    server.addService({ listNodes }, { listNodes: handler } as never);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', serverCredentials(issue('control')), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const address = `127.0.0.1:${port}`;
    assert.is(await ask(address, issue('cli')), '0');
    assert.match(await ask(address, issue('sidecar')), /that of sidecar; this call is for cli/);
    const stranger = new Authority(folder, 'theirs').issue('cli', { uri: 'miroir://shop/cli' });
    assert.match(await ask(address, stranger), /TLS: self-signed/);
    assert.match(await ask(address, undefined), /is TLS wanted there/);
    assert.match(await ask(address, { ca_file: authority.caFile }), /--ca, --cert and --key/);
    const absent = { ...issue('cli'), key_file: join(folder, 'absent') };
    assert.match(await ask(address, absent), /TLS files: .*cannot be read/);
  },
);

run();
