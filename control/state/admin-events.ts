/** Changes that operators ask for, and what follows from them; a part of the machine's events and effects. */
import type { AuditInput, JobKind } from './admin-records.ts';
import type { Now } from './now.ts';
import type { JsonObject } from './records.ts';

/** A change of the cluster or of a job. */
export type AdminCommand =
  | {
      readonly kind: 'addNode';
      readonly node: {
        readonly id: string;
        readonly url: string;
        readonly group: number;
        readonly weight: number;
      };
    }
  | {
      readonly kind: 'updateNode';
      readonly nodeId: string;
      readonly url: string | null;
      readonly weight: number | null;
    }
  | { readonly kind: 'removeNode'; readonly nodeId: string }
  /** Brings copies up to date at once, also where that was given up. */
  | { readonly kind: 'recover'; readonly indexUid: string; readonly nodeId: string }
  /** A job that a driver of its kind runs. */
  | { readonly kind: 'startJob'; readonly job: JobKind; readonly spec: JsonObject }
  | { readonly kind: 'pauseJob'; readonly job: number }
  | { readonly kind: 'resumeJob'; readonly job: number }
  | { readonly kind: 'cancelJob'; readonly job: number }
  /** Nothing but the audit entry: the change was done, or refused, elsewhere. */
  | { readonly kind: 'note'; readonly outcome: string };

/** Why a change is refused. Says what to do instead. */
export interface AdminRefusal {
  readonly status: 'invalid' | 'notFound' | 'alreadyExists' | 'precondition';
  /** A code of the error table. */
  readonly code:
    | 'miroir_invalid_request'
    | 'miroir_node_not_found'
    | 'miroir_node_exists'
    | 'miroir_node_in_use'
    | 'miroir_job_not_found'
    | 'miroir_job_state'
    | 'index_not_found';
  readonly message: string;
}

/** Answer to a change: committed, with the job it is about, or refused. */
export type AdminReply =
  | { readonly kind: 'done'; readonly job: number | null }
  | { readonly kind: 'refused'; readonly refusal: AdminRefusal };

/** Events of operators' doing. */
export type AdminEvent =
  | {
      readonly kind: 'admin';
      readonly command: AdminCommand;
      /** Written in the same commit. */
      readonly audit: AuditInput;
      /** Names the caller that waits. */
      readonly ticket: number;
      readonly now: Now;
    }
  /** A driver's job is over. */
  | {
      readonly kind: 'jobEnded';
      readonly job: number;
      readonly phase: 'succeeded' | 'failed';
      readonly reason: string;
      readonly now: Now;
    };

/** Effects of operators' doing. */
export type AdminEffect =
  | { readonly kind: 'adminReply'; readonly ticket: number; readonly reply: AdminReply }
  /** The nodes, or their addresses, are others than before. */
  | { readonly kind: 'nodesChanged' }
  /** A job of a driver began, goes on, or must stop. */
  | { readonly kind: 'jobChanged'; readonly job: number };
