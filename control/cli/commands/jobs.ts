/**
 * `miroirctl jobs`: the long operations of control. `--watch` follows them with a bar on stderr until they
 * are over, so that a script can wait for a recovery; the end is told on stdout and by the exit code.
 */
import { type Command, Option } from 'commander';
import { JobKind, JobServiceService, JobState } from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import type { Cli, Runner } from '../cli.ts';
import { confirm, dryRunOption, yesOption } from '../confirm.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { valueOfWord, wordsOf } from '../output/data.ts';
import { isOver, jobColumns, jobData, jobView } from './job-view.ts';
import { listView } from './list-view.ts';
import { limitOption, noteLeftOut, readPages } from './pages.ts';
import { planView } from './plan.ts';
import { watchJobs } from './watch-jobs.ts';

const JOBS_DEFAULT = 100;

interface ListFlags {
  readonly kind?: readonly string[];
  readonly state?: readonly string[];
  readonly index?: string;
  readonly node?: string;
  readonly limit: number;
  readonly watch?: boolean;
}

interface ActFlags {
  readonly watch?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Adds the commands. */
export function addJobs(program: Command, run: Runner): void {
  const jobs = program
    .command('jobs')
    .description('Long operations: recoveries, backups, moves of copies.');
  jobs
    .command('list', { isDefault: true })
    .description('Jobs: those that are not over first, then the newest first.')
    .addOption(new Option('--kind <kind...>', 'only these').choices(wordsOf(JobKind)))
    .addOption(new Option('--state <state...>', 'only these').choices(wordsOf(JobState)))
    .option('--index <uid>', 'only about this index')
    .option('--node <id>', 'only about this node')
    .addOption(limitOption(JOBS_DEFAULT))
    .addOption(watchOption('follow those that are not over until they are; 1 if one failed'))
    .action(run<ListFlags>(listJobs));
  jobs
    .command('get <id>')
    .description('One job.')
    .addOption(watchOption('follow it until it is over; 1 if it failed'))
    .action(run<ActFlags>((cli, flags, [id]) => getJob(cli, id ?? '', flags.watch === true)));
  addChanges(jobs, run);
  addStarts(jobs, run);
}

function watchOption(description: string): Option {
  return new Option('-w, --watch', description);
}

function addChanges(jobs: Command, run: Runner): void {
  jobs
    .command('pause <id>')
    .description('Let a job stop at the next safe place.')
    .action(run((cli, _flags, [id]) => change(cli, id ?? '', 'pauseJob')));
  jobs
    .command('resume <id>')
    .description('Let a paused job go on, and a waiting one try again at once.')
    .action(run((cli, _flags, [id]) => change(cli, id ?? '', 'resumeJob')));
  jobs
    .command('cancel <id>')
    .description('End a job. What it did is kept; what it was for stays undone.')
    .addOption(yesOption())
    .action(
      run<ActFlags>(async (cli, flags, [id]) => {
        await confirm(cli, `This ends job ${id} before it is done`, flags);
        return change(cli, id ?? '', 'cancelJob');
      }),
    );
}

function addStarts(jobs: Command, run: Runner): void {
  const start = jobs.command('start').description('Start a job.');
  start
    .command('recovery <index> <node>')
    .description('Bring the copies of an index on a node up to date, at once.')
    .addOption(dryRunOption())
    .addOption(watchOption('follow it until it is over'))
    .action(
      run<ActFlags>((cli, flags, [indexUid = '', nodeId = '']) =>
        startJob(cli, { $case: 'recovery', value: { indexUid, nodeId } }, flags),
      ),
    );
  start
    .command('backup [file-name]')
    .description("Write a backup into the folder `backups` of the leader's data folder.")
    .addOption(dryRunOption())
    .addOption(watchOption('follow it until it is over'))
    .action(
      run<ActFlags>((cli, flags, [fileName = '']) =>
        startJob(cli, { $case: 'backup', value: { fileName } }, flags),
      ),
    );
}

async function listJobs(cli: Cli, flags: ListFlags): Promise<ExitCode> {
  const states = valuesOf(JobState, flags.state);
  const { entries, total } = await readPages(flags.limit, async (page) => {
    const answer = await cli.control().call(
      JobServiceService.listJobs,
      {
        page,
        kinds: valuesOf(JobKind, flags.kind),
        states,
        indexUid: flags.index ?? '',
        nodeId: flags.node ?? '',
      },
      'read',
    );
    return { entries: answer.jobs, page: answer.page };
  });
  if (flags.watch === true) {
    const open = entries.filter((job) => !isOver(job));
    if (open.length > 0) return watchJobs(cli, open);
    cli.note('no job is under way');
    return EXIT.ok;
  }
  cli.emit(
    listView({
      name: 'jobs',
      rows: entries,
      columns: jobColumns(cli.io.wallMs()),
      data: jobData,
      none: 'no jobs',
      more: { total },
    }),
  );
  noteLeftOut(cli, entries.length, total);
  return EXIT.ok;
}

function valuesOf<Value extends number>(
  names: Readonly<Record<string, Value>>,
  words: readonly string[] = [],
): Value[] {
  return words.flatMap((word) => valueOfWord(names, word) ?? []);
}

async function getJob(cli: Cli, jobId: string, isWatching: boolean): Promise<ExitCode> {
  const { job } = await cli.control().call(JobServiceService.getJob, { jobId }, 'read');
  if (job === undefined) throw new CliError(`no job ${jobId}`);
  if (isWatching) return watchJobs(cli, [job]);
  cli.emit(jobView(job, cli.io.wallMs()));
  return EXIT.ok;
}

async function change(
  cli: Cli,
  jobId: string,
  call: 'pauseJob' | 'resumeJob' | 'cancelJob',
): Promise<ExitCode> {
  const { job } = await cli.control().call(JobServiceService[call], { jobId }, 'change');
  if (job === undefined) throw new CliError('control answered without the job');
  cli.emit(jobView(job, cli.io.wallMs()));
  return EXIT.ok;
}

async function startJob(
  cli: Cli,
  spec:
    | { readonly $case: 'recovery'; readonly value: { indexUid: string; nodeId: string } }
    | { readonly $case: 'backup'; readonly value: { fileName: string } },
  flags: ActFlags,
): Promise<ExitCode> {
  const { dryRun = false, watch = false } = flags;
  const request = { job: spec, dryRun };
  const { job, plan } = await cli.control().call(JobServiceService.startJob, request, 'change');
  if (watch && job !== undefined) return watchJobs(cli, [job]);
  const id = job?.id ?? '';
  const done = `job ${id} began; miroirctl jobs get ${id} --watch follows it`;
  const data = job === undefined ? {} : { job: jobData(job) };
  cli.emit(planView(plan, { isDryRun: dryRun, done, data }));
  return EXIT.ok;
}
