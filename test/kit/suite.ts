/**
 * uvu with what it lacks: a time limit per test, a seed that is printed and can be given again
 * (MIROIR_SEED), and skips that carry a reason. Every test file calls `suite(name)` and `run()`.
 */
import { suite as uvuSuite } from 'uvu';

const TEST_TIMEOUT_MS = 30_000;

/**
 * Seed of this run. It is the same unless MIROIR_SEED says otherwise (a number, or `random`), so that a
 * run turns red because of a change, never because of luck; looking for what luck finds is done on purpose.
 */
export const seed: number = readSeed(process.env['MIROIR_SEED'] ?? '1');

function readSeed(text: string): number {
  return text === 'random' ? Date.now() % 2 ** 31 : Number(text);
}

/** One group of tests. */
export interface Suite {
  /** Adds a test; fails if it takes longer than `timeoutMs` (default 30 s). */
  test(name: string, body: () => void | Promise<void>, timeoutMs?: number): void;
  /** Adds a test that is reported as skipped, with the reason, if `reason` is a text. */
  testUnless(
    reason: string | undefined,
    name: string,
    body: () => void | Promise<void>,
    timeoutMs?: number,
  ): void;
  before(body: () => void | Promise<void>, timeoutMs?: number): void;
  after(body: () => void | Promise<void>, timeoutMs?: number): void;
  /** To be called once, after the last test. */
  run(): void;
}

/** Makes a group of tests. The runner reads the lines beginning with `##`. */
export function suite(name: string): Suite {
  const tests = uvuSuite(name);
  let skipped = 0;
  return {
    test(title, body, timeoutMs = TEST_TIMEOUT_MS) {
      tests(title, () => withLimit(title, body, timeoutMs));
    },
    testUnless(reason, title, body, timeoutMs = TEST_TIMEOUT_MS) {
      if (reason === undefined) {
        tests(title, () => withLimit(title, body, timeoutMs));
      } else {
        skipped += 1;
        console.log(`## skip ${name}: ${title}: ${reason}`);
      }
    },
    before(body, timeoutMs = TEST_TIMEOUT_MS) {
      tests.before(() => withLimit('before', body, timeoutMs));
    },
    after(body, timeoutMs = TEST_TIMEOUT_MS) {
      tests.after(() => withLimit('after', body, timeoutMs));
    },
    run() {
      // Nothing is left to wait for. Without this Node takes its handles apart one by one, and may turn for
      // ever about one that was being connected.
      process.once('beforeExit', (code) => process.exit(code));
      console.log(`## seed ${seed}`);
      console.log(`## skipped ${skipped}`);
      tests.run();
    },
  };
}

async function withLimit(
  title: string,
  body: () => void | Promise<void>,
  timeoutMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`"${title}" took longer than ${timeoutMs} ms (seed ${seed})`)),
      timeoutMs,
    );
  });
  try {
    await Promise.race([Promise.resolve().then(body), limit]);
  } finally {
    clearTimeout(timer);
  }
}
