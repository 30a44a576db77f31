/**
 * Goal: with certificates the CLI and control know each other; whatever does not fit is refused in words that
 * say what.
 * Method: real certificates, the credentials of control's own listener.
 */
import { rmSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { runCli } from '../../../../control/cli/run.ts';
import { serverCredentials } from '../../../../core/tls/credentials.ts';
import { Authority, opensslMissing } from '../../../kit/certificates.ts';
import { suite } from '../../../kit/suite.ts';
import { emptyFolder, fakeIo } from './fake-io.ts';
import { ok, server } from './scripted-control.ts';

const { testUnless, after, run } = suite('cli tls');
const folder = emptyFolder();
after(() => rmSync(folder, { recursive: true }));

testUnless(
  opensslMissing,
  'certificates of one authority: in; anything else: 1 and why',
  async () => {
    const authority = new Authority(folder, 'ours');
    const own = authority.issue('control', { uri: 'miroir://shop/control' });
    const cli = authority.issue('cli', { uri: 'miroir://shop/cli' });
    const sidecar = authority.issue('sidecar', { uri: 'miroir://shop/sidecar' });
    const stranger = new Authority(folder, 'other').issue('cli', { uri: 'miroir://shop/cli' });
    const control = await server(ok, serverCredentials(own));
    const call = async (files: typeof cli) => {
      const tls = ['--ca', files.ca_file, '--cert', files.cert_file, '--key', files.key_file];
      const io = fakeIo({ isRealTime: true });
      const line = ['nodes', '--control', control.address, ...tls];
      return { code: await runCli(line, io), err: io.err() };
    };
    try {
      assert.equal(await call(cli), { code: 0, err: '' });
      const elsewhere = authority.issue('cli', { uri: 'miroir://other/cli' });
      const misnamed = await call(elsewhere);
      assert.is(misnamed.code, 1);
      assert.match(misnamed.err, 'other');
      const other = await call(sidecar);
      assert.is(other.code, 1);
      assert.match(other.err, 'the certificate is that of sidecar');
      const unknown = await call(stranger);
      assert.is(unknown.code, 1);
      assert.match(unknown.err, /control cannot be reached: .*TLS/);
      const missing = await call({ ...cli, cert_file: '/nowhere' });
      assert.is(missing.code, 2);
      assert.match(missing.err, '/nowhere');
      const plain = fakeIo({ isRealTime: true });
      assert.is(await runCli(['nodes', '--control', control.address], plain), 1);
      assert.match(plain.err(), 'TLS', plain.err());
      assert.is(control.calls.length, 1);
    } finally {
      control.close();
    }
  },
);

run();
