/**
 * Replays recorded stories against a server and compares every answer.
 *
 *   npm run stories -- --target engine DIR...        the built-in stand-in (not Meilisearch)
 *   npm run stories -- --target meilisearch DIR...   a real node, as a check of this runner
 *   npm run stories -- --start 'CMD {port} {data}' DIR...
 *
 * Prints `name  passed/total` per story and, last, `N passed, N failed` (steps).
 */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { replayStory, type StepResult } from './replay.ts';
import { findStories, readStory } from './story.ts';
import { commandTarget, engineTarget, meilisearchTarget, type Target } from './targets.ts';

interface Options {
  readonly target?: string;
  readonly start?: string;
  readonly only: string;
  readonly verbose?: boolean;
  readonly json?: string;
  readonly minPercent: string;
  readonly readySeconds: string;
  readonly taskSeconds: string;
}

interface StoryReport {
  readonly name: string;
  readonly family: string;
  readonly passed: number;
  readonly total: number;
  readonly failures: readonly StepResult[];
}

const program = new Command('stories')
  .argument('<paths...>', 'folders of stories, or story files')
  .option('--target <name>', 'engine or meilisearch')
  .option('--start <command>', 'command that serves {port} with its data in {data}')
  .option('--only <numbers>', 'comma-separated numbers of stories, e.g. 04,05', '')
  .option('--verbose', 'print every difference')
  .option('--json <file>', 'write the whole result as JSON')
  .option('--min-percent <percent>', 'exit 0 if at least this part of the steps passed', '100')
  .option('--ready-seconds <seconds>', 'how long a server may take to start', '180')
  .option('--task-seconds <seconds>', 'how long to wait for one task', '30')
  .parse();

const options = program.opts<Options>();
try {
  process.exitCode = await main(program.args);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(paths: readonly string[]): Promise<number> {
  const only = options.only.split(',').filter((part) => part !== '');
  const files = findStories(paths, only);
  if (files.length === 0) throw new Error('no story found');
  const target = chooseTarget();
  const reports: StoryReport[] = [];
  for (const file of files) {
    const report = await tell(file, target);
    reports.push(report);
    console.log(`${report.name}  ${report.passed}/${report.total}`);
    if (options.verbose === true) printFailures(report);
  }
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(reports, null, 1));
  return summarize(reports);
}

function chooseTarget(): Target {
  const readyLimitMs = Number(options.readySeconds) * 1000;
  if (options.start !== undefined) return commandTarget(options.start, process.env, readyLimitMs);
  if (options.target === 'engine') return engineTarget;
  if (options.target === 'meilisearch') return meilisearchTarget(process.env, readyLimitMs);
  throw new Error('give --target engine, --target meilisearch or --start COMMAND');
}

async function tell(file: string, target: Target): Promise<StoryReport> {
  const story = readStory(file);
  let results: StepResult[];
  try {
    const running = await target(story);
    try {
      results = await replayStory(story, {
        url: running.url,
        taskLimitMs: Number(options.taskSeconds) * 1000,
      });
    } finally {
      await running.stop();
    }
  } catch (error) {
    const got = String(error);
    results = story.steps.map((_, step) => ({
      step,
      request: '',
      differences: [{ pointer: '', expected: 'a running server', got }],
    }));
  }
  const failures = results.filter((result) => result.differences.length > 0);
  return {
    name: story.name,
    family: story.family,
    passed: results.length - failures.length,
    total: results.length,
    failures,
  };
}

function printFailures(report: StoryReport): void {
  for (const failure of report.failures) {
    console.log(`  step ${failure.step}  ${failure.request}`);
    for (const { pointer, expected, got } of failure.differences) {
      console.log(`    ${pointer}\n      expected ${expected}\n      got      ${got}`);
    }
  }
}

function summarize(reports: readonly StoryReport[]): number {
  const families = new Map<string, { passed: number; total: number }>();
  for (const report of reports) {
    const sum = families.get(report.family) ?? { passed: 0, total: 0 };
    families.set(report.family, {
      passed: sum.passed + report.passed,
      total: sum.total + report.total,
    });
  }
  for (const [family, { passed, total }] of families) {
    console.log(`${family}: ${passed}/${total} (${percent(passed, total)} %)`);
  }
  const passed = reports.reduce((sum, report) => sum + report.passed, 0);
  const total = reports.reduce((sum, report) => sum + report.total, 0);
  console.log(`all: ${passed}/${total} (${percent(passed, total)} %)`);
  console.log(`${passed} passed, ${total - passed} failed`);
  return (100 * passed) / total >= Number(options.minPercent) ? 0 : 1;
}

function percent(passed: number, total: number): string {
  return total === 0 ? '0' : ((100 * passed) / total).toFixed(1);
}
