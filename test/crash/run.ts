/** Records the store, makes images of it and judges what opening them gives. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../sim/random.ts';
import { crashImage, DAMAGES, damaged, wholeFile } from './images.ts';
import { Openers, type Outcome } from './openers.ts';
import { type RecordedEvent, recordByCopies, recordByStrace } from './recording.ts';
import type { Version } from './version.ts';

/** What is to be done. */
export interface CrashOptions {
  readonly seed: number;
  /** Losses of power; there are as many spoiled files. */
  readonly imageCount: number;
  /** Nothing is begun after this long. */
  readonly limitMs: number;
  readonly writeCount: number;
  /** Default: strace where there is one. */
  readonly recorder?: 'strace' | 'copies';
}

/** What was found. */
export interface CrashReport {
  readonly recorder: 'strace' | 'copies';
  readonly versionCount: number;
  readonly syncCount: number;
  readonly lossCount: number;
  /** Why files were refused though something had been acknowledged; one line each. */
  readonly lossRefusals: readonly string[];
  readonly spoiledCount: number;
  readonly spoiledRefusedCount: number;
  /** One line each. */
  readonly violations: readonly string[];
}

/** Whether the calls of a process can be recorded here. */
export function hasStrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}

/** Runs. */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const root = mkdtempSync(join(tmpdir(), 'miroir-crash-'));
  const openers = new Openers(root);
  try {
    const recorder = options.recorder ?? (hasStrace() ? 'strace' : 'copies');
    const folder = join(root, 'recorded');
    mkdirSync(folder);
    const { seed, writeCount } = options;
    const record = recorder === 'strace' ? recordByStrace : recordByCopies;
    const events = await record({ folder, seed, writeCount });
    return { recorder, ...(await new Run(options, events, openers).run()) };
  } finally {
    openers.close();
    rmSync(root, { recursive: true });
  }
}

class Run {
  readonly #options: CrashOptions;
  readonly #events: readonly RecordedEvent[];
  readonly #openers: Openers;
  readonly #random: Random;
  readonly #refusals: string[] = [];
  readonly #violations: string[] = [];

  constructor(options: CrashOptions, events: readonly RecordedEvent[], openers: Openers) {
    this.#options = options;
    this.#events = events;
    this.#openers = openers;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<Omit<CrashReport, 'recorder'>> {
    const { imageCount, limitMs } = this.#options;
    const endsAtMs = performance.now() + limitMs;
    const counts = { lossCount: 0, spoiledCount: 0, spoiledRefusedCount: 0 };
    while (counts.lossCount < imageCount && performance.now() < endsAtMs) {
      counts.lossCount += 1;
      await this.#loss(counts.lossCount);
      counts.spoiledCount += 1;
      const spoiled = await this.#spoiled(counts.spoiledCount);
      if (spoiled.kind === 'refused') counts.spoiledRefusedCount += 1;
    }
    const countOf = (kind: RecordedEvent['kind']) =>
      this.#events.filter((event) => event.kind === kind).length;
    return {
      ...counts,
      versionCount: countOf('version'),
      syncCount: countOf('sync'),
      lossRefusals: this.#refusals,
      violations: this.#violations,
    };
  }

  async #loss(number: number): Promise<void> {
    const cut = this.#random.below(this.#events.length);
    const image = crashImage(this.#events, cut, this.#random);
    const outcome = await this.#openers.open(image.bytes);
    // A first start that was cut short may leave nothing, or what cannot be used.
    if (image.acknowledged === undefined && isEmpty(outcome)) return;
    const what = `loss of power ${number} before event ${cut}`;
    this.#judge(what, outcome, [image.acknowledged, image.underWay]);
    if (outcome.kind === 'refused' && image.acknowledged !== undefined) {
      this.#refusals.push(`${what}: ${outcome.reason}`);
    }
  }

  async #spoiled(number: number): Promise<Outcome> {
    const events = this.#events;
    const cut = this.#random.between(Math.floor(events.length / 4), events.length - 1);
    const now = events.slice(
      0,
      events.findIndex((event, at) => at >= cut && event.kind === 'sync'),
    );
    const whole = wholeFile(now.length === 0 ? events : now);
    const old = wholeFile(events.slice(0, this.#random.between(Math.floor(cut / 2), cut)));
    const how = DAMAGES[number % DAMAGES.length] as (typeof DAMAGES)[number];
    const outcome = await this.#openers.open(damaged(whole, old, how, this.#random));
    // Any version that was ever acknowledged is the store's own word; which one, no file can tell.
    const versions = events.map((event) => (event.kind === 'version' ? event.version : undefined));
    this.#judge(`${how} ${number}`, outcome, versions);
    return outcome;
  }

  #judge(what: string, outcome: Outcome, allowed: readonly (Version | undefined)[]): void {
    if (outcome.kind === 'refused') return;
    const isRight =
      outcome.kind === 'opened' &&
      allowed.some((version) => version !== undefined && isSame(version, outcome.version));
    if (isRight) return;
    const words = outcome.kind === 'opened' ? JSON.stringify(outcome.version) : outcome.reason;
    this.#violations.push(`${what}: ${outcome.kind} ${words}`);
  }
}

function isEmpty(outcome: Outcome): boolean {
  return outcome.kind === 'opened' && outcome.version.index === 0;
}

function isSame(left: Version, right: Version): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
