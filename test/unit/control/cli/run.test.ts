/**
 * Goal: the command line itself: codes, one-line errors with what was probably meant, questions before
 * dangerous acts, and everything that needs no cluster.
 * Method: the whole program in this process, in a recorded world; `npx` once, as users run it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { runCli } from '../../../../control/cli/run.ts';
import { projectRoot } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';
import { emptyFolder, type FakeWorld, fakeIo } from './fake-io.ts';

const { test, run } = suite('cli run');

async function call(argv: readonly string[], world: FakeWorld = {}) {
  const io = fakeIo(world);
  const code = await runCli(argv, io);
  return { code, out: io.out(), err: io.err(), questions: io.questions };
}

/** Nobody listens there. */
const NOBODY = ['--control', '127.0.0.1:1'];

test('what is mistyped ends with 2, one line, and what was probably meant', async () => {
  for (const [line, words] of [
    ['statsu', 'Did you mean status?'],
    ['status --ouput json', 'Did you mean --output?'],
    ['nodes lst', 'Did you mean list?'],
    ['nodes list extra', 'too many arguments'],
    ['status -o xml', 'table, wide, json, yaml'],
    ['status --timeout never', 'duration'],
    ['tasks --limit 0', 'whole number'],
    ['tasks --status done', 'enqueued, processing'],
    ['tasks --after yesterday', '2026-'],
    ['nodes add', "missing required argument 'url'"],
    ['nodes update n', '--url or --weight'],
    ['tasks get nine', 'whole number'],
    ['completion tcsh', 'bash, zsh, fish'],
  ] as const) {
    const { code, out, err } = await call([...line.split(' '), ...NOBODY]);
    assert.is(code, 2, line);
    assert.is(out, '', line);
    assert.match(err, words, line);
    assert.is(err.trim().split('\n').length, 1, err);
    assert.ok(err.startsWith('miroirctl: '), err);
  }
});

test('help goes to stdout and ends with 0, also of subcommands, with the flags of every command', async () => {
  for (const line of [['--help'], ['nodes', '--help'], ['jobs', 'start', 'recovery', '-h']]) {
    const { code, out, err } = await call(line);
    assert.is(code, 0);
    assert.is(err, '');
    assert.match(out, 'Usage: miroirctl');
    assert.match(out, '--output <format>');
  }
  assert.is((await call(['--version'])).out.trim().split('.').length, 3);
  const bare = await call([]);
  assert.is(bare.code, 2);
  assert.match(bare.err, 'Usage: miroirctl');
});

test('dangerous acts: a pipe is refused, a person is asked, -y goes on', async () => {
  const line = ['nodes', 'remove', 'node-1', ...NOBODY];
  const piped = await call(line);
  assert.is(piped.code, 2);
  assert.match(piped.err, 'give -y');
  const declined = await call(line, { answers: [''] });
  assert.is(declined.code, 1);
  assert.match(declined.questions[0] ?? '', 'forgets node node-1');
  assert.match(declined.err, 'nothing was done');
  // Past the question it fails only because nobody listens.
  for (const world of [{ answers: ['y'] }, { answers: ['Yes'] }]) {
    assert.match((await call(line, world)).err, 'connection refused');
  }
  assert.match((await call([...line, '-y'])).err, 'connection refused');
  assert.match((await call([...line, '--dry-run'])).err, 'connection refused');
});

test('force-leader needs --accept-loss, the word, and one address', async () => {
  const line = ['control', 'force-leader', ...NOBODY];
  assert.match((await call([...line, '-y'])).err, '--accept-loss');
  const asked = await call([...line, '--accept-loss'], { answers: ['y'] });
  assert.match(asked.err, 'nothing was done');
  const typed = await call([...line, '--accept-loss'], { answers: ['lose'] });
  assert.match(typed.err, 'connection refused');
  const several = [
    'control',
    'force-leader',
    '--accept-loss',
    '-y',
    '--control',
    '127.0.0.1:1,127.0.0.1:2',
  ];
  assert.is((await call(several)).code, 2);
});

test('config check: a good file, a bad one, variables only when asked', async () => {
  const folder = emptyFolder();
  const file = join(folder, 'config.yaml');
  writeFileSync(file, 'listen: {port: 7700}\n');
  assert.equal(await call(['config', 'check', file]), {
    code: 0,
    out: `ok   ${file}\n`,
    err: '',
    questions: [],
  });
  const env = { MIROIR_LISTEN_PORT: 'x' };
  assert.is((await call(['config', 'check', file], { env })).code, 0);
  assert.match((await call(['config', 'check', file, '--env'], { env })).err, 'MIROIR_LISTEN_PORT');
  writeFileSync(file, 'listen:\n  prot: 7700\n');
  const bad = await call(['config', 'check', file]);
  assert.is(bad.code, 1);
  assert.match(bad.err, `${file}:2: listen.prot: unknown option, did you mean \`listen.port\`?`);
  assert.is(bad.err.trim().split('\n').length, 1);
  const machine = await call(['config', 'check', file, '-o', 'json']);
  assert.is(machine.code, 1);
  const { valid, problems } = JSON.parse(machine.out);
  assert.is(valid, false);
  assert.equal(problems[0], {
    path: 'listen.prot',
    message: 'unknown option, did you mean `listen.port`?',
    suggestion: 'listen.port',
    line: 2,
  });
  writeFileSync(file, 'listen:\n  prot: 7700\n  host: 5\n');
  const several = await call(['config', 'check', file]);
  assert.is(several.code, 1);
  assert.match(several.err, `${file}:2: listen.prot`);
  assert.match(several.err, `${file}:3: listen.host`);
  assert.match(several.err, `miroirctl: ${file}: 2 problems`);
  assert.is((await call(['config', 'check', '/nowhere'])).code, 1);
});

test('config explain: an option, a section, a mistyped one', async () => {
  const { out } = await call(['config', 'explain', 'listen.port', '-o', 'yaml']);
  assert.equal(Object.keys(parse(out)).sort(), [
    'default',
    'description',
    'path',
    'takes',
    'variable',
  ]);
  assert.match((await call(['config', 'explain', 'listen.port'])).out, 'MIROIR_LISTEN_PORT');
  assert.match((await call(['config', 'explain', 'listen'])).out, /^OPTION {3}.*\nlisten\./);
  const wrong = await call(['config', 'explain', 'max_body']);
  assert.is(wrong.code, 2);
  assert.match(wrong.err, 'did you mean `listen.max_body`?');
});

test('version without a cluster still tells its own', async () => {
  const { code, out, err } = await call(['version', '-o', 'json', ...NOBODY]);
  assert.is(code, 0);
  assert.equal(Object.keys(JSON.parse(out)), ['miroirctl']);
  assert.match(err, 'connection refused');
});

test('nobody answers: 1, nothing on stdout, and what to do about a start that is gone', async () => {
  const { code, out, err } = await call(['status', '-o', 'json', ...NOBODY]);
  assert.is(code, 1);
  assert.is(out, '');
  assert.match(err, 'control cannot be reached: 127.0.0.1:1: connection refused');
  const cwd = emptyFolder();
  mkdirSync(join(cwd, '.miroir'));
  const parts = [{ part: 'control', address: '127.0.0.1:1' }];
  const content = { pid: 2 ** 22 + 1, admin_token: 'run-token-123', parts };
  writeFileSync(join(cwd, '.miroir', 'run.json'), JSON.stringify(content));
  const gone = await call(['status'], { cwd });
  assert.match(gone.err, 'run `npm start` again');
  assert.not.match(gone.err, 'run-token-123');
});

test('npx miroirctl: works in a checkout, without a network; says how to build it where it is not built', () => {
  const cache = emptyFolder();
  const npx = (cwd: string) =>
    spawnSync('npx', ['miroirctl', 'config', 'explain', 'listen.port'], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, npm_config_cache: cache, npm_config_offline: 'true' },
    });
  const built = npx(projectRoot);
  assert.is(built.status, 0, built.stderr);
  assert.match(built.stdout, 'MIROIR_LISTEN_PORT');
  const fresh = emptyFolder();
  for (const path of ['package.json', '.npmrc', 'control/cli/bin.js']) {
    cpSync(join(projectRoot, path), join(fresh, path));
  }
  const missing = spawnSync(process.execPath, [join(fresh, 'control/cli/bin.js')], {
    encoding: 'utf8',
  });
  assert.is(missing.status, 1);
  assert.is(missing.stdout, '');
  assert.match(
    missing.stderr,
    /^miroirctl: it is not built yet: run `npm start`.*`npm run build`\n$/,
  );
}, 120_000);

run();
