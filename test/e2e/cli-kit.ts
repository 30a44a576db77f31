/** miroirctl in a folder that looks like a checkout with a running cluster: in this process, or as its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { runCli } from '../../control/cli/run.ts';
import { sleep, type TestCluster } from '../kit/cluster.ts';
import { buildRoot } from '../kit/paths.ts';
import { type FakeWorld, fakeIo } from '../unit/control/cli/fake-io.ts';

const MINUTE = 60_000;

/** A command that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly tookMs: number;
}

/** The folder, and the program in it. */
export class CliCheckout {
  readonly path = mkdtempSync(join(tmpdir(), 'miroir-checkout-'));
  /** Everything any command wrote. */
  everything = '';

  constructor(cluster: TestCluster) {
    mkdirSync(join(this.path, '.miroir'));
    copyFileSync(join(cluster.dataFolder, 'run.json'), join(this.path, '.miroir', 'run.json'));
  }

  /** The program as a process of its own. */
  start(args: readonly string[]): ChildProcess {
    const program = join(buildRoot, 'control', 'cli', 'main.js');
    return spawn(process.execPath, [program, ...args], {
      cwd: this.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: this.path },
    });
  }

  /** What a process writes until it ends. */
  collect(child: ChildProcess): Promise<Omit<Ended, 'tookMs'>> {
    let out = '';
    let err = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    return new Promise((resolve) => {
      child.on('close', (code) => {
        this.everything += out + err;
        resolve({ code, out, err });
      });
    });
  }

  /** The program in this process. */
  async call(line: string, world: FakeWorld = {}): Promise<Ended> {
    const startedMs = performance.now();
    const io = fakeIo({ cwd: this.path, home: this.path, isRealTime: true, ...world });
    const code = await runCli(line.split(' '), io);
    this.everything += io.out() + io.err();
    return { code, out: io.out(), err: io.err(), tookMs: performance.now() - startedMs };
  }

  /** A command whose JSON is wanted. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  async json(line: string, code = 0): Promise<any> {
    const ended = await this.call(`${line} -o json`);
    assert.is(ended.code, code, `${line}: ${ended.out}${ended.err}`);
    return JSON.parse(ended.out);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Waits for something to become true. */
export async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const giveUpMs = Date.now() + MINUTE; Date.now() < giveUpMs; await sleep(200)) {
    if (await check()) return;
  }
  throw new Error(`did not come: ${what}`);
}

/** The words of a table's header. */
export function headers(text: string): string[] {
  const [first = ''] = text.split('\n');
  return first.split(/ {3,}/).map((word) => word.trim());
}
