/**
 * Compares a gateway with one real node on made-up corpora, settings and requests.
 *
 *   npm run fuzz:equality -- --seed S --count N --target URL --reference URL [--spread 1|all]
 *
 * Both servers must be empty. Prints counts per class and kind, and the first failing cases; failing
 * cases are cut down and written as stories to --out. Exit 1 if there is any difference.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { KINDS, type Kind } from './kinds.ts';
import { clear } from './load.ts';
import { failureLines, signature, Tally } from './report.ts';
import { type Arena, runScenario } from './run.ts';
import { makeScenario } from './scenario.ts';
import { Server } from './server.ts';
import { shrink } from './shrink.ts';
import { storyText } from './story-file.ts';

interface Options {
  readonly seed: string;
  readonly count: string;
  readonly target: string;
  readonly reference: string;
  readonly key: string;
  readonly referenceKey?: string;
  readonly spread: string;
  readonly copies: string;
  readonly only?: string;
  readonly scenario?: string;
  readonly perCorpus: string;
  readonly json?: string;
  readonly out?: string;
  readonly cases: string;
  readonly shrinkSeconds: string;
  readonly examples?: boolean;
  readonly seconds?: string;
}

const program = new Command('fuzz:equality')
  .option('--seed <seed>', 'a whole number', '1')
  .option('--count <requests>', 'how many requests', '2000')
  .requiredOption('--target <url>', 'the gateway')
  .requiredOption('--reference <url>', 'one real node')
  .addOption(
    new Option('--key <key>', 'key for both servers')
      .env('MIROIR_MASTER_KEY')
      .default('', 'MIROIR_MASTER_KEY'),
  )
  .option('--reference-key <key>', 'key of the reference, if it has another')
  .option('--spread <spread>', 'spread of the gateway: 1, a number, or all', '1')
  .option('--copies <copies>', 'copies the gateway keeps', '1')
  .option('--only <kinds>', `comma-separated kinds: ${KINDS.join(',')}`)
  .option('--scenario <number>', 'only this scenario of the seed')
  .option('--per-corpus <requests>', 'requests asked of one corpus', '200')
  .option('--json <file>', 'write counts and failures as JSON')
  .option('--out <folder>', 'write failing cases as stories')
  .option('--cases <count>', 'how many failing cases to print and cut down', '5')
  .option('--shrink-seconds <seconds>', 'how long to cut down one case', '60')
  .option('--examples', 'print an example of each class')
  .option('--seconds <seconds>', 'begin no corpus after so long; what was asked by then is judged')
  .parse();

try {
  process.exitCode = await main(program.opts<Options>());
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(options: Options): Promise<number> {
  const only = parseOnly(options.only);
  const arena: Arena = {
    target: new Server('target', options.target, options.key),
    reference: new Server('reference', options.reference, options.referenceKey ?? options.key),
    freedom: {
      hasSpread: options.spread !== '1',
      hasSeveralOwners: options.spread !== '1' || options.copies !== '1',
    },
    isGateway: await isGateway(options),
  };
  try {
    await Promise.all([clear(arena.target), clear(arena.reference)]);
    const tally = await runAll(arena, options, only);
    return await finish(arena, options, tally);
  } finally {
    await Promise.all([arena.target.close(), arena.reference.close()]);
  }
}

async function runAll(
  arena: Arena,
  options: Options,
  only: ReadonlySet<Kind> | undefined,
): Promise<Tally> {
  const tally = new Tally();
  const startedAt = Date.now();
  const wanted = Number(options.count);
  let number = Number(options.scenario ?? 0);
  while (tally.requestCount < wanted) {
    const requestCount = Math.min(Number(options.perCorpus), wanted - tally.requestCount);
    const before = tally.requestCount;
    const seed = Number(options.seed);
    const scenario = makeScenario({ seed, number, requestCount, only });
    tally.add(number, await runScenario(arena, scenario));
    number += 1;
    if (tally.requestCount === before) {
      // the indexes could not be made alike: the requests count as asked for and not answered
      tally.requestCount += requestCount;
    }
    if (number % 4 === 0) progress(tally, startedAt);
    if (options.scenario !== undefined) break;
    if (Date.now() - startedAt > 1000 * Number(options.seconds ?? Number.POSITIVE_INFINITY)) break;
  }
  const seconds = (Date.now() - startedAt) / 1000;
  console.log(`${tally.requestCount} requests in ${seconds.toFixed(1)} s, seed ${options.seed}`);
  return tally;
}

async function finish(arena: Arena, options: Options, tally: Tally): Promise<number> {
  for (const line of tally.table()) console.log(line);
  if (options.examples === true) {
    for (const [name, failure] of tally.examples) {
      console.log(`example of ${name}`);
      for (const line of failureLines(failure)) console.log(`  ${line}`);
    }
  }
  const distinct = [...new Map(tally.failures.map((f) => [signature(f.outcome), f])).values()];
  for (const [at, failure] of distinct.slice(0, Number(options.cases)).entries()) {
    console.log('');
    for (const line of failureLines(failure)) console.log(line);
    if (options.out === undefined || failure.outcome.kind === 'write') continue;
    const scenario = makeScenario({
      seed: Number(options.seed),
      number: failure.scenario,
      requestCount: 0,
    });
    const small = await shrink(
      arena,
      { ...scenario, requests: [failure.outcome.request] },
      {
        limitMs: Number(options.shrinkSeconds) * 1000,
        signature: signature(failure.outcome),
      },
    );
    if (small === undefined) {
      console.log('  not seen again on its own');
      continue;
    }
    mkdirSync(options.out, { recursive: true });
    const name = `fuzz-${options.seed}-${failure.scenario}-${at}-${failure.outcome.kind}`;
    const file = join(options.out, `${name}.json`);
    writeFileSync(file, await storyText(arena.reference, name, small.scenario));
    console.log(`  cut down to ${small.documentCount} documents: ${file}`);
    for (const line of failureLines({ ...failure, outcome: small.outcome }))
      console.log(`  ${line}`);
  }
  if (options.json !== undefined) writeFileSync(options.json, jsonReport(options, tally));
  const differences = tally.count('difference');
  const passed = tally.count('equal');
  console.log(`${distinct.length} kinds of difference`);
  console.log(`${passed} equal, ${differences} differences`);
  return differences === 0 && passed > 0 ? 0 : 1;
}

function jsonReport(options: Options, tally: Tally): string {
  const failures = tally.failures.map(({ scenario, outcome }) => ({
    scenario,
    kind: outcome.kind,
    signature: signature(outcome),
    why: outcome.verdict.why,
    request: outcome.request,
    differences: outcome.differences,
  }));
  return JSON.stringify({ seed: options.seed, counts: tally.toJson(), failures }, null, 1);
}

function progress(tally: Tally, startedAt: number): void {
  const rate = (1000 * tally.requestCount) / (Date.now() - startedAt);
  const differences = tally.count('difference');
  console.log(`${tally.requestCount} requests, ${rate.toFixed(0)}/s, ${differences} differences`);
}

function parseOnly(text: string | undefined): ReadonlySet<Kind> | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',');
  const unknown = names.filter((name) => !(KINDS as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`unknown kind ${unknown.join(', ')}`);
  return new Set(names as Kind[]);
}

/** A gateway answers under `/_miroir/`, a plain node does not. */
async function isGateway(options: Options): Promise<boolean> {
  const server = new Server('target', options.target, '');
  try {
    return (await server.send({ method: 'GET', path: '/_miroir/livez' })).status === 200;
  } finally {
    await server.close();
  }
}
