/** What every route is handed, and the few services behind it. */
import type { MiroirConfig } from '../../core/config/index.ts';
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import type { ClusterView } from '../../core/topology.ts';
import type { DescribeCopiesResponse } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { Access } from '../auth/access.ts';
import type { Action } from '../auth/actions.ts';
import type { KeyClient } from '../cluster/key-client.ts';
import type { NodeCaller } from '../cluster/node-pools.ts';
import type { TaskClient } from '../cluster/task-client.ts';
import type { WriteClient } from '../cluster/write-client.ts';
import type { CopyChooser } from '../copies/chooser.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import type { OpenReports } from '../writes/index.ts';
import type { ReadTrace } from './trace.ts';

/** What a worker holds for all its requests. */
export interface Services {
  readonly config: MiroirConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly nodes: NodeCaller;
  /** What is known of copies from their answers. */
  readonly copies: CopyChooser;
  readonly writes: WriteClient;
  /** Writes that are answered and not yet confirmed by control. */
  readonly openReports: OpenReports;
  readonly tasks: TaskClient;
  readonly keys: KeyClient;
  /** The newest view at this moment; a route that spans awaits keeps the one in its context. */
  readonly view: () => ClusterView | undefined;
  /** Whether control is being followed right now. */
  readonly isFollowing: () => boolean;
  /** Why copies are not in-sync, by control's notes; undefined if it cannot be asked. */
  readonly describeCopies: () => Promise<DescribeCopiesResponse | undefined>;
  /** Whether the view is current by control's word: the topology lease is held. */
  readonly isCurrent: () => boolean;
}

/** One request on its way, after routing and judging. */
export interface RouteContext {
  readonly request: GatewayRequest;
  readonly services: Services;
  /** The view the whole request is answered from. */
  readonly view: ClusterView;
  /** Whether that view was known to be current when the request came. */
  readonly wasCurrent: boolean;
  readonly access: Access;
  /** Values of the template's names, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** What follows `?`, as sent; empty if nothing does. */
  readonly query: string;
  /** The route's template. */
  readonly template: string;
  /** Where somebody wants to know how the request is answered. */
  readonly trace?: ReadTrace;
  /** When reads give up, by the clock of `performance.now()`: retries share one allowance. */
  readonly deadlineAtMs: number;
}

/** Answers one route. */
export type RouteHandler = (context: RouteContext) => Promise<GatewayReply>;

/** A method of the table. */
export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One row of the table of routes. */
export interface Route {
  readonly method: RouteMethod;
  /** `/indexes/{index_uid}/search`. */
  readonly template: string;
  /** What a key must hold; `none` for routes that need no key, `admin` for the admin token. */
  readonly action: Action | readonly [Action, Action] | 'none' | 'admin';
  /** Absent: the route is not built and answers 501. */
  readonly handler?: RouteHandler;
  /** For routes that one node answers from its own part only: what to do instead, as a sentence. */
  readonly instead?: string;
}
