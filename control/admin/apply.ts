/**
 * One change that an operator asked for: checked against the state as it is now, applied, and noted in the
 * audit, all within one event, so in one commit. A refused change is noted, too.
 */
import { assertNever } from '../../core/assert.ts';
import { addJob, changeJob, recover, refuseJobChange, refuseRecovery } from '../jobs/index.ts';
import type {
  AdminCommand,
  AdminRefusal,
  AdminReply,
  MachineEvent,
  State,
} from '../state/index.ts';
import { formatTime } from '../tasks/index.ts';
import { addNode, refuseNodeChange, removeNode, updateNode } from './nodes.ts';

/** Entries of the audit that are kept. */
const AUDIT_KEPT = 10_000;

type AdminEvent = Extract<MachineEvent, { kind: 'admin' }>;

/** Applies a change and answers it. */
export function applyAdmin(state: State, event: AdminEvent): void {
  const reply = applyCommand(state, event);
  noteAudit(state, event, reply);
  state.emit({ kind: 'adminReply', ticket: event.ticket, reply });
}

/** Why a change would be refused now; undefined if it would be done. Changes nothing. */
export function refuseCommand(state: State, command: AdminCommand): AdminRefusal | undefined {
  switch (command.kind) {
    case 'addNode':
    case 'updateNode':
    case 'removeNode':
      return refuseNodeChange(state, command);
    case 'recover':
      return refuseRecovery(state, command);
    case 'pauseJob':
    case 'resumeJob':
    case 'cancelJob':
      return refuseJobChange(state.jobs.records.get(command.job), command.kind);
    case 'startJob':
    case 'note':
      return undefined;
    default:
      return assertNever(command);
  }
}

function applyCommand(state: State, { command, audit, now }: AdminEvent): AdminReply {
  switch (command.kind) {
    case 'addNode':
    case 'updateNode':
    case 'removeNode': {
      const refusal = refuseNodeChange(state, command);
      if (refusal !== undefined) return { kind: 'refused', refusal };
      if (command.kind === 'addNode') addNode(state, command.node, now);
      else if (command.kind === 'updateNode') updateNode(state, command);
      else removeNode(state, command.nodeId);
      return { kind: 'done', job: null };
    }
    case 'recover': {
      const job = recover(state, command, audit.actor);
      if ('status' in job) return { kind: 'refused', refusal: job };
      return { kind: 'done', job: job.number };
    }
    case 'startJob': {
      const { job: kind, spec } = command;
      const job = addJob(state, { kind, requestedBy: audit.actor, spec });
      state.emit({ kind: 'jobChanged', job: job.number });
      return { kind: 'done', job: job.number };
    }
    case 'pauseJob':
    case 'resumeJob':
    case 'cancelJob': {
      const refusal = changeJob(state, command.job, command.kind);
      return refusal === undefined
        ? { kind: 'done', job: command.job }
        : { kind: 'refused', refusal };
    }
    case 'note':
      return { kind: 'done', job: null };
    default:
      return assertNever(command);
  }
}

function noteAudit(state: State, { audit, command }: AdminEvent, reply: AdminReply): void {
  const { jobs } = state;
  const outcome = reply.kind === 'refused' ? reply.refusal.code : 'ok';
  jobs.newAudits.push({
    ...audit,
    number: jobs.nextAudit,
    at: formatTime(jobs.wallNs),
    outcome: command.kind === 'note' ? command.outcome : outcome,
  });
  jobs.nextAudit += 1;
  for (; jobs.nextAudit - jobs.firstAudit > AUDIT_KEPT; jobs.firstAudit += 1) {
    jobs.droppedAudits.push(jobs.firstAudit);
  }
}
