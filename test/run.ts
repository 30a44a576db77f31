/**
 * Runs every test file in a process of its own, two at a time, each with a hard limit, and prints one
 * closing line. Fails if a file fails, hangs, or runs no test, or if no file is found.
 *
 * Usage: node dist/test/run.js [part of a path ...]
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildRoot } from './kit/paths.ts';

const FILE_LIMIT_MS = 600_000;
const PARALLEL = 2;

interface FileResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const wanted = process.argv.slice(2);
const files = findTests(join(buildRoot, 'test')).filter(
  (file) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
);
if (files.length === 0) {
  console.log('no test file found');
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const results: FileResult[] = [];
const queue = [...files];
await Promise.all(Array.from({ length: PARALLEL }, () => worker()));
const sum = (pick: (result: FileResult) => number) =>
  results.reduce((total, result) => total + pick(result), 0);
const failed = sum((result) => result.failed);
console.log(
  `${sum((result) => result.passed)} passed, ${failed} failed, ${sum((result) => result.skipped)} skipped`,
);
process.exit(failed === 0 ? 0 : 1);

async function worker(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    results.push(await runFile(file));
  }
}

function findTests(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return findTests(path);
      return entry.name.endsWith('.test.js') ? [path] : [];
    })
    .sort();
}

function runFile(file: string): Promise<FileResult> {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const limit = setTimeout(() => {
      output += `\nstopped after ${FILE_LIMIT_MS / 1000} s\n`;
      killGroup(child.pid);
    }, FILE_LIMIT_MS);
    child.on('exit', (code) => {
      clearTimeout(limit);
      killGroup(child.pid);
      resolve(report(file, output, code, Date.now() - startedAt));
    });
  });
}

/** Whatever a test file left running in its process group ends with it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // the group is already gone
  }
}

function report(file: string, output: string, code: number | null, tookMs: number): FileResult {
  const name = relative(join(buildRoot, 'test'), file).replace(/\.js$/, '');
  const total = Number(/Total:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const passed = Number(/Passed:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const skipped = [...output.matchAll(/^## skipped (\d+)$/gm)].reduce(
    (count, match) => count + Number(match[1]),
    0,
  );
  const isGreen = code === 0 && total === passed && total + skipped > 0;
  const failed = isGreen ? 0 : Math.max(1, total - passed);
  console.log(`${isGreen ? 'ok  ' : 'FAIL'} ${name} (${passed} passed, ${tookMs} ms)`);
  for (const line of output.match(/^## skip .*$/gm) ?? []) console.log(`     ${line.slice(3)}`);
  if (!isGreen) console.log(total + skipped === 0 ? `no test ran\n${output}` : output);
  return { passed, failed, skipped };
}
