/** ClusterService as the leader serves it. */
import {
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import type {
  DescribeCopiesResponse,
  RefreshKeysResponse,
  WatchRequest,
  WatchResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { Runner } from '../machine/index.ts';
import type { State } from '../state/index.ts';
import type { ClusterCalls } from './cluster-calls.ts';
import { describeCopies } from './describe-copies.ts';
import { toPosition } from './view-messages.ts';
import type { WatchHub } from './watch-hub.ts';

/** What the handlers work with. */
export interface ClusterServiceOptions {
  readonly state: State;
  readonly runner: Pick<Runner, 'settled'>;
  readonly watchers: WatchHub;
  readonly clusterCalls: ClusterCalls;
  /** A sidecar begins to follow the view. */
  readonly onWatch: (sidecarId: string) => void;
  /** Reads the keys of the nodes again; false if no node answered. */
  readonly refreshKeys: () => Promise<boolean>;
  readonly viewPosition: () => Position;
}

const STORE_FAILED = { code: status.UNAVAILABLE, details: 'the store failed' };

/** Handlers for the gRPC server. */
export function clusterHandlers(options: ClusterServiceOptions): UntypedServiceImplementation {
  const { runner, watchers, clusterCalls, onWatch, viewPosition, refreshKeys } = options;
  return {
    confirm: clusterCalls.confirm.bind(clusterCalls),
    confirmNode: clusterCalls.confirmNode.bind(clusterCalls),
    describeCopies: (_call: unknown, answer: sendUnaryData<DescribeCopiesResponse>) => {
      runner.settled().then(
        () => answer(null, describeCopies(options.state)),
        () => answer(STORE_FAILED),
      );
    },
    watch: (call: ServerWritableStream<WatchRequest, WatchResponse>) => {
      // Known before it can read: its lease counts from here.
      if (call.request.sidecarId !== '') onWatch(call.request.sidecarId);
      runner.settled().then(
        () => watchers.add(call),
        () => call.emit('error', STORE_FAILED),
      );
    },
    refreshKeys: (
      _call: unknown,
      answer: (error: object | null, response?: RefreshKeysResponse) => void,
    ) => {
      const unavailable = { code: status.UNAVAILABLE, details: 'no node answered' };
      refreshKeys()
        .then(async (isRead) => {
          if (!isRead) return answer(unavailable);
          await runner.settled();
          return answer(null, { position: toPosition(viewPosition()) });
        })
        .catch(() => answer(unavailable));
    },
  };
}
