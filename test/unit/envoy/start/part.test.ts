/**
 * Goal: a part is waited for, its failure is told with its own last words, it comes back when it dies, and
 * it ends when it is told to, or when the starter is killed.
 * Method: real processes of a few lines.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { oneLine } from '../../../../envoy/start/error.ts';
import { type Guard, startGuard } from '../../../../envoy/start/guard.ts';
import { createPart, type Part, type PartSpec } from '../../../../envoy/start/part.ts';
import { sleep } from '../../../kit/cluster.ts';
import { buildRoot } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('start: parts');
let folder = '';
let guard: Guard;
let count = 0;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-part-'));
  guard = startGuard();
});
after(async () => {
  await guard.close();
  rmSync(folder, { recursive: true, force: true });
});

const READY = `console.log('starting'); console.log(JSON.stringify({ ready: true, port: 7 }));`;
const STAY = 'setInterval(() => {}, 1000);';

function part(script: string, spec: Partial<PartSpec> = {}) {
  const lines: string[] = [];
  let changes = 0;
  count += 1;
  const made = createPart(
    {
      name: 'piece',
      command: process.execPath,
      args: ['-e', script],
      env: { PATH: process.env['PATH'] },
      logFile: join(folder, 'logs', `${count}.log`),
      workingDir: folder,
      hasReadyLine: true,
      startLimitMs: 10_000,
      stopLimitMs: 1000,
      ...spec,
    },
    {
      guard,
      announce: (line) => lines.push(line),
      changed: () => {
        changes += 1;
      },
    },
  );
  return { made, lines, changes: () => changes };
}

async function failure(made: Part): Promise<string> {
  try {
    await made.start();
  } catch (error) {
    return oneLine(error);
  }
  throw new Error('it started');
}

async function until(claim: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 500 && !claim(); attempt += 1) await sleep(20);
  assert.ok(claim());
}

test('ready line, log, stop', async () => {
  const { made } = part(`${READY} console.log('later'); console.error('on stderr'); ${STAY}`);
  await made.start();
  assert.is(made.ready()['port'], 7);
  const pid = made.pid() ?? 0;
  assert.ok(isAlive(pid));
  await until(() => readFileSync(made.logFile, 'utf8').includes('later'));
  const log = readFileSync(made.logFile, 'utf8');
  assert.match(log, 'starting');
  assert.match(log, 'on stderr');
  await made.stop();
  assert.not.ok(isAlive(pid));
  assert.is(made.pid(), undefined);
});

test('a part that ends during start is told with its last words', async () => {
  const words = part(`console.error('earlier'); console.error('port is taken'); process.exit(3)`);
  assert.match(
    await failure(words.made),
    /^piece ended with 3 during start: port is taken \(log: /,
  );
  const json = part(
    `console.error(JSON.stringify({ level: 'fatal', msg: 'bad store' })); process.exit(1)`,
  );
  assert.match(await failure(json.made), /during start: bad store \(log/);
  const crash = part(`throw new TypeError('no such thing')`);
  assert.match(await failure(crash.made), /TypeError: no such thing/);
  const absent = part('', { command: join(folder, 'absent') });
  assert.match(await failure(absent.made), /piece could not be started \(.*ENOENT/);
});

test('a part that is not ready in time fails the start and can be stopped', async () => {
  const { made } = part(STAY, { startLimitMs: 300 });
  assert.match(await failure(made), /piece is not ready after 0\.3 s/);
  const pid = made.pid() ?? 0;
  await made.stop();
  assert.not.ok(isAlive(pid));
});

test('a part that ignores SIGTERM is killed after its limit', async () => {
  const { made } = part(`process.on('SIGTERM', () => {}); ${READY} ${STAY}`, { stopLimitMs: 300 });
  await made.start();
  const startedAtMs = Date.now();
  await made.stop();
  assert.ok(Date.now() - startedAtMs >= 290);
  assert.ok(Date.now() - startedAtMs < 5000);
});

test('a part that dies later comes back, and says so', async () => {
  const { made, lines, changes } = part(`${READY} ${STAY}`);
  await made.start();
  made.watch();
  const first = made.pid() ?? 0;
  process.kill(first, 'SIGKILL');
  await until(() => changes() === 1);
  assert.ok(made.pid() !== first && isAlive(made.pid() ?? 0));
  assert.match(lines.join('\n'), /piece got SIGKILL; starting it again/);
  assert.match(lines.join('\n'), /piece is back/);
  await made.stop();
});

test('a part that does not come up again is tried again, ever more slowly', async () => {
  const flag = join(folder, 'flag');
  const { made, lines } = part(
    `const fs = require('node:fs'); if (fs.existsSync(${JSON.stringify(flag)})) { console.error('broken'); process.exit(1); } ${READY} ${STAY}`,
  );
  await made.start();
  made.watch();
  writeFileSync(flag, '');
  process.kill(made.pid() ?? 0, 'SIGKILL');
  await until(() => lines.filter((line) => line.includes('during start: broken')).length === 2);
  rmSync(flag);
  await until(() => lines.at(-1) === 'piece is back');
  await made.stop();
  const said = lines.length;
  await sleep(300);
  assert.is(lines.length, said);
});

test('a stopped part does not come back', async () => {
  const { made, lines } = part(`${READY} ${STAY}`);
  await made.start();
  made.watch();
  process.kill(made.pid() ?? 0, 'SIGKILL');
  await made.stop();
  await sleep(800);
  assert.is(made.pid(), undefined);
  assert.equal(lines, []);
});

test('parts end when the starter is killed, even those that ignore SIGTERM', async () => {
  const module = join(buildRoot, 'envoy', 'start', 'guard.js');
  const program = `
    import { spawn } from 'node:child_process';
    const { startGuard } = await import(${JSON.stringify(module)});
    const guard = startGuard();
    const run = (script) => spawn(process.execPath, ['-e', script], { stdio: 'ignore' }).pid;
    const pids = [run('setInterval(() => {}, 1e3)'), run("process.on('SIGTERM', () => {}); setInterval(() => {}, 1e3)"), run('')];
    for (const pid of pids) guard.add(pid);
    guard.drop(pids[2]);
    setTimeout(() => console.log(JSON.stringify(pids)), 300);
    setInterval(() => {}, 1e3);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  starter.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => text.includes('\n'));
  const [plain = 0, stubborn = 0] = JSON.parse(text) as number[];
  assert.ok(isAlive(plain) && isAlive(stubborn));
  starter.kill('SIGKILL');
  await until(() => !isAlive(plain));
  await until(() => !isAlive(stubborn));
});

test('what a part says anew while it runs is taken over', async () => {
  const again = `setTimeout(() => console.log(JSON.stringify({ ready: true, port: 8 })), 300);`;
  const { made, changes } = part(`${READY} ${again} ${STAY}`);
  await made.start();
  made.watch();
  await until(() => changes() === 1);
  assert.is(made.ready()['port'], 8);
  await made.stop();
});

run();

/** Alive and not a zombie that nobody has waited for. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
