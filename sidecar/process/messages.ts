/** What the supervisor and its workers say to each other over the channel that fork() gives them. */
import type { MetricsSnapshot } from '../../core/telemetry/index.ts';

/** From a worker to its supervisor. */
export type WorkerMessage =
  /** Its sockets are open. */
  | { readonly kind: 'listening'; readonly socket: string }
  /** Whether it can answer requests; told at every change. */
  | { readonly kind: 'readiness'; readonly isReady: boolean }
  /** The answer to a question of the same number. */
  | { readonly kind: 'metrics'; readonly question: number; readonly snapshot: MetricsSnapshot };

/** From the supervisor to a worker. */
export type SupervisorMessage =
  | { readonly kind: 'metrics'; readonly question: number }
  /** Finish what is at work and end. */
  | { readonly kind: 'stop' };
