/**
 * Goal: the cluster that is meant is the one that is called, and a token never goes to another one.
 * Method: every source at once, taken away one by one; real files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findTarget, type TargetFlags } from '../../../../control/cli/context/find.ts';
import { runCli } from '../../../../control/cli/run.ts';
import { suite } from '../../../kit/suite.ts';
import { emptyFolder, type FakeWorld, fakeIo } from './fake-io.ts';

const { test, run } = suite('cli context');

/** A checkout with a run file, a home with two contexts, and a folder deep inside the checkout. */
function setUp(pid = process.pid) {
  const checkout = emptyFolder();
  const home = emptyFolder();
  const cwd = join(checkout, 'docs', 'guide');
  mkdirSync(cwd, { recursive: true });
  mkdirSync(join(checkout, '.miroir'));
  const parts = [
    { part: 'control', address: '127.0.0.1:1001' },
    { part: 'control', address: '127.0.0.1:1002' },
    { part: 'node', address: 'http://127.0.0.1:1' },
  ];
  writeFileSync(
    join(checkout, '.miroir', 'run.json'),
    JSON.stringify({ pid, admin_token: 'run-token', parts }),
  );
  mkdirSync(join(home, '.config', 'miroir'), { recursive: true });
  writeFileSync(join(home, 'prod-token'), 'prod-token\n');
  const contexts = {
    prod: { control: ['10.0.0.1:7701', '10.0.0.2:7701'], token_file: join(home, 'prod-token') },
    other: { control: ['10.9.9.9:7701'], ca_file: '/ca.pem', cert_file: '/c', key_file: '/k' },
  };
  writeFileSync(
    join(home, '.config', 'miroir', 'contexts.yaml'),
    JSON.stringify({ current: 'prod', contexts }),
  );
  return { checkout, home, cwd };
}

function find(flags: TargetFlags, world: FakeWorld) {
  return findTarget(flags, fakeIo(world));
}

test('flag > context flag > variable > run file > current context', () => {
  const { home, cwd } = setUp();
  const env = { MIROIR_CONTROL: '10.5.5.5:7701' };
  const all = { control: 'a:1,b:2', context: 'other' };
  assert.equal(find(all, { cwd, home, env }).addresses, ['a:1', 'b:2']);
  assert.equal(find({ context: 'other' }, { cwd, home, env }).addresses, ['10.9.9.9:7701']);
  assert.equal(find({}, { cwd, home, env }).addresses, ['10.5.5.5:7701']);
  const local = find({}, { cwd, home });
  assert.equal(local.addresses, ['127.0.0.1:1001', '127.0.0.1:1002']);
  assert.is(local.token, 'run-token');
  const current = find({}, { home });
  assert.equal(current.addresses, ['10.0.0.1:7701', '10.0.0.2:7701']);
  assert.is(current.token, 'prod-token');
  assert.throws(() => find({}, {}), /no cluster: .*npm start/);
});

test('a token goes only to the addresses it stands beside', () => {
  const { home, cwd } = setUp();
  assert.is(find({ control: '10.5.5.5:7701' }, { cwd, home }).token, undefined);
  assert.is(find({ control: '127.0.0.1:1001,10.5.5.5:1' }, { cwd, home }).token, undefined);
  assert.is(find({ control: '127.0.0.1:1002' }, { cwd, home }).token, 'run-token');
  assert.is(find({ context: 'other' }, { cwd, home }).token, undefined);
  const env = { MIROIR_ADMIN_TOKEN: 'mine' };
  assert.is(find({ control: '10.5.5.5:7701' }, { cwd, home, env }).token, 'mine');
  const tokenFile = join(home, 'prod-token');
  assert.is(find({ tokenFile, control: 'a:1' }, { cwd, home, env }).token, 'prod-token');
});

test('a bad token is refused without showing it', () => {
  const env = { MIROIR_CONTROL: 'a:1', MIROIR_ADMIN_TOKEN: 'se cret' };
  assert.throws(
    () => find({}, { env }),
    (error: Error) => /MIROIR_ADMIN_TOKEN/.test(error.message) && !/cret/.test(error.message),
  );
  assert.throws(() => find({ control: 'a:1', tokenFile: '/nowhere' }, {}), /--token-file: ENOENT/);
});

test('a start that is gone is told', () => {
  const { cwd } = setUp(2 ** 22 + 1);
  assert.match(find({}, { cwd }).doubt ?? '', 'npm start');
  assert.is(find({}, { cwd: setUp().cwd }).doubt, undefined);
});

test('addresses are checked', () => {
  for (const control of ['a', 'a:0', 'a:70000', 'http://a:1', 'a:1,', 'a b:1', ':1', '::1:7701']) {
    assert.throws(() => find({ control }, {}), /--control: .*HOST:PORT/, control);
  }
  assert.equal(find({ control: '[::1]:7701, b.example:7701' }, {}).addresses, [
    '[::1]:7701',
    'b.example:7701',
  ]);
});

test('TLS files of flags win over those of the context; all three belong together', () => {
  const { home } = setUp();
  const files = { ca_file: '/ca.pem', cert_file: '/c', key_file: '/k' };
  assert.equal(find({ context: 'other' }, { home }).tls, files);
  assert.equal(find({ context: 'other', ca: '/b' }, { home }).tls, {
    ...files,
    ca_file: '/b',
  });
  assert.is(find({ context: 'prod' }, { home }).tls, undefined);
  assert.throws(() => find({ control: 'a:1', cert: '/c.pem', key: '/k' }, {}), /--ca/);
});

test('contexts: set, list, use, remove, and what is wrong is said', async () => {
  const home = emptyFolder();
  const cwd = home;
  const call = async (...argv: string[]) => {
    const io = fakeIo({ home, cwd });
    const code = await runCli(argv, io);
    return { code, out: io.out(), err: io.err() };
  };
  assert.match((await call('context')).out, 'no contexts');
  const first = ['context', 'set', 'one', '--control', 'a:1', '--token-file', 'token'];
  assert.is((await call(...first)).code, 0);
  assert.is((await call('context', 'set', 'two', '--control', 'b:1,c:2')).code, 0);
  assert.is((await call('context', 'use', 'two')).code, 0);
  const listed = JSON.parse((await call('context', 'list', '-o', 'json')).out);
  assert.equal(listed.contexts, [
    { name: 'one', is_current: false, control: ['a:1'], token_file: join(cwd, 'token') },
    { name: 'two', is_current: true, control: ['b:1', 'c:2'] },
  ]);
  assert.is(
    (await call('context')).out,
    'CURRENT   NAME   CONTROL   TLS   TOKEN-FILE\n' +
      `-         one    a:1       no    ${join(cwd, 'token')}\n` +
      '*         two    b:1,c:2   no    -\n',
  );
  const wrong = await call('context', 'use', 'three');
  assert.is(wrong.code, 2);
  assert.match(wrong.err, 'there are one, two');
  assert.is((await call('context', 'set', '../x', '--control', 'a:1')).code, 2);
  assert.is((await call('context', 'set', 'x')).code, 2);
  assert.is((await call('context', 'remove', 'two')).code, 0);
  assert.match((await call('status')).err, 'no cluster');
  writeFileSync(join(home, '.config', 'miroir', 'contexts.yaml'), 'contexts: {a: {control: 5}}');
  assert.match((await call('context')).err, 'contexts.a.control: must be a list');
});

run();
