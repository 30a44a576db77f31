/**
 * Everything a worker knows of the cluster and every way it reaches the other parts: the followed view
 * with its lease and its file, pools of connections to the nodes, and the calls to control.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assert } from '../../core/assert.ts';
import type { MiroirConfig } from '../../core/config/index.ts';
import type { Logger } from '../../core/telemetry/index.ts';
import { nodeCertificates } from '../../core/tls/certificate-files.ts';
import { channelCredentials } from '../../core/tls/credentials.ts';
import type { ClusterView, Position } from '../../core/topology.ts';
import type { DescribeCopiesResponse } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { GrpcConfirmClient } from './confirm-client.ts';
import { type ControlEndpoint, endpointOf } from './control-endpoint.ts';
import { GrpcKeyClient } from './key-client.ts';
import { TopologyLease } from './lease.ts';
import { NodePools } from './node-pools.ts';
import { loadSnapshot, saveSnapshot } from './snapshot-file.ts';
import { GrpcTaskClient } from './task-client.ts';
import { comparePositions, type HeldView } from './view.ts';
import { Watch } from './watch.ts';
import { GrpcWriteClient } from './write-client.ts';

/** The file is written at most this often, however fast the view changes. */
const SAVE_PAUSE_MS = 1_000;
/** Longest a request waits for the view to reach a position that control named. */
const REACH_MS = 3_000;

/** One worker's cluster. */
export class Cluster {
  readonly nodes: NodePools;
  readonly writes: GrpcWriteClient;
  readonly tasks: GrpcTaskClient;
  readonly keys: GrpcKeyClient;
  /** Names this process to control; new at each start. */
  readonly sidecarId: string;
  readonly #logger: Logger;
  readonly #path: string;
  readonly #watch: Watch;
  readonly #confirmations: GrpcConfirmClient;
  readonly #lease: TopologyLease;
  readonly #endpoint: ControlEndpoint;
  #wasReady = false;
  #held: HeldView | undefined;
  #save: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  private constructor(
    config: MiroirConfig,
    options: { workerIndex: number; logger: Logger; held: HeldView | undefined; path: string },
  ) {
    this.#logger = options.logger;
    this.#path = options.path;
    this.sidecarId = `w${options.workerIndex}-${randomBytes(8).toString('hex')}`;
    const onProblem = (problem: string): void =>
      this.#logger.error({ problem }, 'renewed certificates are not used');
    const credentials = channelCredentials(config.control.tls, { onProblem });
    const endpoint = endpointOf(config.control.addresses, credentials);
    this.#endpoint = endpoint;
    this.writes = new GrpcWriteClient(endpoint, this.sidecarId, () => this.#watch.lost);
    const reach = (position: Position): Promise<void> => this.reach(position);
    this.tasks = new GrpcTaskClient(endpoint, reach);
    this.keys = new GrpcKeyClient(endpoint, {
      reach,
      current: () => {
        assert(this.view !== undefined, 'keys are asked for only with a view');
        return this.view;
      },
    });
    this.#confirmations = new GrpcConfirmClient(endpoint, this.sidecarId);
    this.nodes = new NodePools({
      certificates: nodeCertificates(config.node_tls, onProblem),
      gate: (nodeId) => ({
        confirm: () => this.#confirmations.confirmNode(nodeId),
        reach,
        position: () => this.view?.position,
        isCurrent: () => this.isCurrent,
      }),
    });
    this.#lease = new TopologyLease({
      confirm: (position) => this.#confirmations.confirm(position),
      position: () => (this.isFollowing ? this.view?.position : undefined),
      onForgotten: () => this.#watch.restart(),
      nowMs: () => performance.now(),
    });
    if (options.held !== undefined) this.#hold(options.held);
    this.#watch = new Watch({
      endpoint,
      sidecarId: this.sidecarId,
      logger: options.logger,
      held: options.held,
      onChange: (held) => {
        this.#hold(held);
        void this.#lease.confirm();
        this.#save ??= setTimeout(() => this.#saveNow(), SAVE_PAUSE_MS);
      },
    });
  }

  /** Loads the file of an earlier run and begins to follow control; does not wait for it. */
  static async start(config: MiroirConfig, workerIndex: number, logger: Logger): Promise<Cluster> {
    const path = join(config.listen.socket_dir, `view-${workerIndex}.bin`);
    const held = await loadSnapshot(path);
    return new Cluster(config, { workerIndex, logger, held, path });
  }

  /** The newest view, or undefined before the first. */
  get view(): ClusterView | undefined {
    return this.#held?.view;
  }

  /** Whether control is being followed right now. */
  get isFollowing(): boolean {
    return this.#watch.isFollowing;
  }

  /** Why copies are not in-sync, by control's notes; undefined if it cannot be asked. */
  describeCopies(): Promise<DescribeCopiesResponse | undefined> {
    return this.#confirmations.describeCopies();
  }

  /** Whether what is held is what control counts on: the topology lease is held. */
  get isCurrent(): boolean {
    return this.#lease.isHeld;
  }

  /**
   * Whether requests can be answered: a view is held, and where control is there, also its word that it is
   * current, so that the first answers are not labelled for nothing.
   */
  get isReady(): boolean {
    this.#wasReady ||= this.view !== undefined && (this.isCurrent || !this.isFollowing);
    return this.#wasReady;
  }

  /**
   * Resolves once the view is at least as new as `position`, or after 3 s: control may die in between,
   * and an answer from an older view is better than none.
   */
  reach(position: Position): Promise<void> {
    const isThere = (): boolean =>
      this.view !== undefined && comparePositions(this.view.position, position) >= 0;
    if (isThere()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (isThere()) end();
      };
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const timer = setTimeout(end, REACH_MS);
      this.#waiting.add(check);
    });
  }

  async close(): Promise<void> {
    this.#lease.close();
    this.#watch.close();
    this.#confirmations.close();
    if (this.#save !== undefined) {
      clearTimeout(this.#save);
      this.#saveNow();
    }
    this.writes.close();
    this.tasks.close();
    this.keys.close();
    await Promise.all([this.nodes.close(), this.#saving]);
  }

  #hold(held: HeldView): void {
    const epoch = this.#held?.view.position.epoch;
    this.#held = held;
    this.#endpoint.see(held.view.position);
    const isNewLeader = epoch !== undefined && held.view.position.epoch > epoch;
    if (isNewLeader && !this.#endpoint.isAlone) this.writes.leaderChanged();
    this.nodes.update(held.view.nodes);
    for (const check of [...this.#waiting]) check();
  }

  #saveNow(): void {
    this.#save = undefined;
    const held = this.#held;
    if (held === undefined) return;
    this.#saving = this.#saving
      .then(() => saveSnapshot(this.#path, held))
      .catch((error: unknown) => {
        // Searches do not need the file now; the next change tries again.
        this.#logger.error({ err: error }, 'the snapshot of the cluster could not be written');
      });
  }
}
