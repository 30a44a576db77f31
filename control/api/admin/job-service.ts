/** JobService: long operations, and what operators do to them. */
import type { Plan } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type {
  CancelJobRequest,
  CancelJobResponse,
  Job,
  JobServiceServer,
  ListJobsRequest,
  PauseJobRequest,
  PauseJobResponse,
  ResumeJobRequest,
  ResumeJobResponse,
  StartJobRequest,
  StartJobResponse,
} from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import { refuseCommand } from '../../admin/index.ts';
import { headOf, notesOf, shardsOn, stateOf } from '../../copies/index.ts';
import { findJob } from '../../jobs/index.ts';
import { methodFor } from '../../recovery/index.ts';
import type { AdminCommand, AuditInput, JobRecord } from '../../state/index.ts';
import { streaming, unary } from './calls.ts';
import { changing } from './changes.ts';
import { invalidRequest, refusalError } from './errors.ts';
import { listJobs, toJob } from './job-messages.ts';
import { cutPage } from './pages.ts';
import type { ServiceParts } from './parts.ts';

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Handlers for the gRPC server. */
export function jobHandlers(parts: ServiceParts): Partial<JobServiceServer> {
  const { jobSources, settled } = parts;
  return {
    listJobs: unary(parts, async (request: ListJobsRequest) => {
      await settled();
      const found = listJobs(jobSources).filter((job) => isWanted(job, request));
      const { entries, page } = cutPage(found, ({ id }) => id, request.page);
      return { jobs: entries, page };
    }),
    getJob: unary(parts, async ({ jobId }) => {
      await settled();
      return { job: toJob(jobSources, jobOf(parts, jobId)) };
    }),
    watchJobs: streaming(parts, async (call) => {
      await settled();
      for (const id of call.request.jobIds) jobOf(parts, id);
      await parts.jobHub.add(call);
    }),
    startJob: changing<StartJobRequest, StartJobResponse>(parts, {
      action: 'StartJob',
      target: ({ job }) =>
        job?.$case === 'recovery'
          ? `${job.value.indexUid} on ${job.value.nodeId}`
          : (job?.$case ?? ''),
      plan: async (request) => ({ job: undefined, plan: (await planStart(parts, request)).plan }),
      run: async (request, _context, audit) => {
        const { plan, command } = await planStart(parts, request);
        return { job: await changed(parts, command, audit), plan };
      },
    }),
    pauseJob: changing<PauseJobRequest, PauseJobResponse>(parts, {
      action: 'PauseJob',
      target: ({ jobId }) => jobId,
      run: async ({ jobId }, _context, audit) => ({
        job: await changeJob(parts, { jobId, kind: 'pauseJob' }, audit),
      }),
    }),
    resumeJob: changing<ResumeJobRequest, ResumeJobResponse>(parts, {
      action: 'ResumeJob',
      target: ({ jobId }) => jobId,
      run: async ({ jobId }, _context, audit) => ({
        job: await changeJob(parts, { jobId, kind: 'resumeJob' }, audit),
      }),
    }),
    cancelJob: changing<CancelJobRequest, CancelJobResponse>(parts, {
      action: 'CancelJob',
      target: ({ jobId }) => jobId,
      run: async ({ jobId }, _context, audit) => ({
        job: await changeJob(parts, { jobId, kind: 'cancelJob' }, audit),
      }),
    }),
  };
}

async function changeJob(
  parts: ServiceParts,
  of: { readonly jobId: string; readonly kind: 'pauseJob' | 'resumeJob' | 'cancelJob' },
  audit: AuditInput,
): Promise<Job> {
  await parts.settled();
  const job = jobOf(parts, of.jobId);
  return changed(parts, { kind: of.kind, job: job.number }, audit);
}

async function changed(
  parts: ServiceParts,
  command: AdminCommand,
  audit: AuditInput,
): Promise<Job> {
  const number = await parts.changes.make(command, audit);
  const job = parts.jobSources.state.jobs.records.get(number ?? -1);
  if (job === undefined) throw noJob(String(number));
  return toJob(parts.jobSources, job);
}

async function planStart(
  parts: ServiceParts,
  { job }: StartJobRequest,
): Promise<{ readonly plan: Plan; readonly command: AdminCommand }> {
  await parts.settled();
  switch (job?.$case) {
    case 'recovery': {
      const { indexUid, nodeId } = job.value;
      const command: AdminCommand = { kind: 'recover', indexUid, nodeId };
      const { state } = parts.sources;
      const refusal = refuseCommand(state, command);
      if (refusal !== undefined) throw refusalError(refusal, { index: indexUid, node: nodeId });
      return { command, plan: planRecovery(parts, indexUid, nodeId) };
    }
    case 'backup': {
      const fileName = job.value.fileName || `miroir-${stamp(parts.wallMs())}.backup`;
      if (!FILE_NAME.test(fileName)) {
        throw invalidRequest('backup.file_name: letters, digits, ".", "_", "-", without a folder.');
      }
      const steps = [
        `Write the state as of the newest commit to ${parts.backupFolder}/${fileName} on the machine of the leader.`,
        'Read the file once more and check it before it takes its name.',
      ];
      return {
        command: { kind: 'startJob', job: 'backup', spec: { fileName } },
        plan: { steps, warnings: [] },
      };
    }
    default:
      throw invalidRequest('job: say which: `recovery` or `backup`.');
  }
}

/** What recovery would compare and write, by the ways it finds that out. */
function planRecovery({ sources }: ServiceParts, indexUid: string, nodeId: string): Plan {
  const { state } = sources;
  const index = state.entryOf(indexUid)?.index;
  const plan: Plan = { steps: [], warnings: [] };
  if (index === undefined) return plan;
  const ways = new Map<string, number[]>();
  let reread = 0;
  for (const shard of shardsOn(index, nodeId)) {
    const copyState = stateOf(index, shard, nodeId);
    if (copyState === 'in-sync' || copyState === 'held' || copyState === 'leaving') continue;
    const notes = notesOf(state, { index, shard, nodeId });
    const from = notes?.from ?? notes?.fill?.from ?? headOf(state) + 1;
    const { method, words } = methodFor(from, notes?.isKeyless === true);
    const way = `${method}: ${words}`;
    ways.set(way, [...(ways.get(way) ?? []), shard]);
    reread += notes?.reread.size ?? 0;
  }
  for (const [way, shards] of ways) {
    plan.steps.push(
      `Shards ${shards.slice(0, 20).join(', ')}${shards.length > 20 ? ' …' : ''}: ${way}.`,
    );
  }
  if (reread > 0) plan.steps.push(`Write ${reread} documents anew that writes may have missed.`);
  plan.steps.push('Compare the whole content of each copy with its source, then read it again.');
  if (state.downNodes.has(nodeId)) {
    plan.warnings.push(`Node ${nodeId} does not answer: the job waits for it.`);
  }
  return plan;
}

function isWanted(job: Job, request: ListJobsRequest): boolean {
  const { kinds, states, indexUid, nodeId } = request;
  return (
    (kinds.length === 0 || kinds.includes(job.kind)) &&
    (states.length === 0 || states.includes(job.state)) &&
    (indexUid === '' || indexUid === job.indexUid) &&
    (nodeId === '' || nodeId === job.nodeId)
  );
}

function jobOf({ jobSources }: ServiceParts, id: string): JobRecord {
  const job = findJob(jobSources.state, id);
  if (job === undefined) throw noJob(id);
  return job;
}

function noJob(id: string): Error {
  const message = `There is no job "${id}"; of those that are over only the newest are kept.`;
  return refusalError({ status: 'notFound', code: 'miroir_job_not_found', message }, { job: id });
}

/** A time in a file name. */
function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replaceAll(/[-:]/g, '').replace(/\..*$/, 'Z');
}
