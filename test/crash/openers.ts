/** Has images opened by a worker process, which is replaced when one kills it or keeps it busy for too long. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildRoot } from '../kit/paths.ts';
import type { Answer } from './worker/main.ts';

const IMAGE_LIMIT_MS = 30_000;
/** Environments that one process opens, before a fresh one goes on. */
const IMAGES_PER_WORKER = 100;

/** The last word on an image; `killed`: after the look had found nothing. */
export type Outcome =
  | Exclude<Answer, { readonly kind: 'trusted' }>
  | { readonly kind: 'killed'; readonly reason: string };

/** Opens images one after the other. */
export class Openers {
  readonly #root: string;
  #worker: Worker | undefined;
  #count = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /** What becomes of a data folder with this file. */
  async open(bytes: Buffer): Promise<Outcome> {
    this.#count += 1;
    const folder = join(this.#root, `image-${this.#count}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'data.mdb'), bytes);
    if (this.#count % IMAGES_PER_WORKER === 0) this.close();
    this.#worker ??= new Worker();
    const outcome = await this.#worker.open(folder);
    if (this.#worker.isGone) this.close();
    rmSync(folder, { recursive: true });
    return outcome;
  }

  close(): void {
    this.#worker?.end();
    this.#worker = undefined;
  }
}

class Worker {
  readonly #child: ChildProcess;
  #onAnswer: (answer: Answer) => void = () => {};
  #onEnd: (reason: string) => void = () => {};
  isGone = false;

  constructor() {
    const program = join(buildRoot, 'test', 'crash', 'worker', 'main.js');
    this.#child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'ignore'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('a pipe was asked for');
    createInterface(stdout).on('line', (line) => this.#onAnswer(JSON.parse(line) as Answer));
    this.#child.once('close', (code, signal) => {
      this.isGone = true;
      this.#onEnd(String(signal ?? code));
    });
  }

  open(folder: string): Promise<Outcome> {
    return new Promise((resolve) => {
      let isTrusted = false;
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), IMAGE_LIMIT_MS);
      const end = (outcome: Outcome) => {
        clearTimeout(limit);
        resolve(outcome);
      };
      this.#onAnswer = (answer) => {
        if (answer.kind === 'trusted') isTrusted = true;
        else end(answer);
      };
      // A look that is killed is a refusal: control looks in a process of its own.
      this.#onEnd = (reason) => end({ kind: isTrusted ? 'killed' : 'refused', reason });
      this.#child.stdin?.write(`${folder}\n`);
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}
