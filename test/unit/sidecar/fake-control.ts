/**
 * A control service whose answers a test chooses, behind real gRPC on a real socket: what a worker
 * follows and calls, without a lane or a store.
 */
import { createHash } from 'node:crypto';
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type CallHandlers, CallStreams } from '../../../control/api/call-streams.ts';
import { LEADS_NO_MORE, type Services, switched } from '../../../control/api/services.ts';
import {
  type Cluster,
  type ClusterServiceServer,
  ClusterServiceService,
  type CopyGroup,
  type Index,
  type Position,
  type WatchRequest,
  type WatchResponse,
} from '../../../proto/gen/miroir/cluster/v1/cluster.ts';
import {
  type KeysServiceServer,
  KeysServiceService,
} from '../../../proto/gen/miroir/keys/v1/keys.ts';
import {
  type TaskServiceServer,
  TaskServiceService,
} from '../../../proto/gen/miroir/tasks/v1/tasks.ts';
import {
  type BeginRequest,
  type BeginResponse,
  type WriteServiceServer,
  WriteServiceService,
} from '../../../proto/gen/miroir/write/v1/write.ts';

/** Master key of all tests here. */
export const MASTER_KEY = 'masterKey-masterKey';

type WatchStream = ServerWritableStream<WatchRequest, WatchResponse>;

/** What a test sees and sets. */
export class FakeControl {
  readonly begins: BeginRequest[] = [];
  readonly watchers = new Set<WatchStream>();
  readonly tasks = new Map<bigint, string>();
  keyRefreshes = 0;
  position: Position = { epoch: 1n, index: 1n };
  cluster: Cluster;
  indexes: Index[] = [];
  /** Stops heartbeats and answers: the connection stays. */
  isSilent = false;
  /** What a confirmed view is granted in milliseconds; undefined: nothing is answered in time. */
  leaseMs: number | undefined = 2_000;
  /** Positions confirmed, the newest last. */
  readonly confirmed: bigint[] = [];
  /** Nodes it was asked to look at. */
  readonly looked: string[] = [];
  /** What it notes about copies. */
  notes: CopyGroup[] = [];
  /** Whether it finds a node when asked to look at it. */
  canLook = true;
  /** Undefined: no answer. */
  answerBegin: (request: BeginRequest) => BeginResponse | undefined = (request) => ({
    outcome: {
      $case: 'settled',
      value: { seq: BigInt(this.begins.length - 1), enqueuedAt: `at-${request.indexUid}` },
    },
  });
  onRefresh: () => void = () => {};
  /** Whether it answers more than Watch. */
  leads = true;
  /** Whom it names as the leader if it does not lead. */
  leader = '';
  /** Values of `miroir-seen` that calls carried. */
  readonly seen: string[] = [];
  /** Calls of the key routes that came. */
  keyCalls = 0;
  /** What the next call of the key routes fails with. */
  keyFailure: number | undefined;
  #streams: CallStreams | undefined;
  address = '';
  #server: Server | undefined;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(nodeUrls: readonly string[]) {
    this.cluster = fakeCluster(nodeUrls);
    this.#heartbeat = setInterval(() => {
      if (!this.isSilent) this.#sendAll({ $case: 'heartbeat', value: {} });
    }, 200);
  }

  /** Starts to serve; on the same port after a stop. */
  async start(): Promise<void> {
    const server = new Server();
    const all: Services = new Map<ServiceDefinition, UntypedServiceImplementation>([
      [ClusterServiceService, this.#clusterService() as unknown as UntypedServiceImplementation],
      [WriteServiceService, this.#writeService() as unknown as UntypedServiceImplementation],
      [TaskServiceService, this.#taskService() as unknown as UntypedServiceImplementation],
      [KeysServiceService, this.#keysService() as unknown as UntypedServiceImplementation],
    ]);
    const watchAlone: Services = new Map([
      [ClusterServiceService, { watch: this.#clusterService().watch } as never],
    ]);
    for (const definition of all.keys()) {
      const current = (): Services => (this.leads ? all : watchAlone);
      const serving = { current, leaderAddress: () => this.leader, hasSeen: () => true };
      server.addService(definition, switched(definition, serving));
    }
    const bound = this.address === '' ? '127.0.0.1:0' : this.address;
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(bound, ServerCredentials.createInsecure(), (error, free) =>
        error === null ? resolve(free) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
    this.#server = server;
    this.#streams = undefined;
  }

  /** Dies at once: connections are cut. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.watchers.clear();
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.kill();
  }

  /** Leads no more: what it has taken ends unanswered, what comes is sent to `leader`. */
  resign(leader: string): void {
    this.leads = false;
    this.leader = leader;
    this.#streams?.abort(LEADS_NO_MORE);
  }

  /** Moves the position on and sends a change to every watcher. */
  change(change: { indexes?: Index[]; removed?: string[]; cluster?: Partial<Cluster> }): void {
    this.position = { epoch: this.position.epoch, index: this.position.index + 1n };
    if (change.cluster !== undefined) this.cluster = { ...this.cluster, ...change.cluster };
    const gone = new Set([...(change.removed ?? []), ...(change.indexes ?? []).map((i) => i.uid)]);
    this.indexes = [
      ...this.indexes.filter((index) => !gone.has(index.uid)),
      ...(change.indexes ?? []),
    ];
    this.#sendAll({
      $case: 'delta',
      value: {
        cluster: change.cluster === undefined ? undefined : this.cluster,
        indexes: change.indexes ?? [],
        removedIndexUids: change.removed ?? [],
      },
    });
  }

  #clusterService(): ClusterServiceServer {
    return {
      watch: (stream) => this.#watch(stream),
      refreshKeys: (_call, answer) => {
        this.keyRefreshes += 1;
        this.onRefresh();
        answer(null, { position: this.position });
      },
      describeCopies: (_call, answer) => answer(null, { groups: this.notes, leftOut: 0 }),
      confirm: (call, answer) => {
        this.confirmed.push(call.request.position?.index ?? 0n);
        const { leaseMs } = this;
        if (leaseMs === undefined) answer({ code: status.UNAVAILABLE });
        else answer(null, { leaseMs });
      },
      confirmNode: (call, answer) => {
        this.looked.push(call.request.nodeId);
        if (this.canLook) answer(null, { position: this.position });
        else answer({ code: status.UNAVAILABLE });
      },
    };
  }

  #writeService(): WriteServiceServer {
    const calls: CallHandlers = {
      begin: (call, answer) => {
        this.begins.push(call.request);
        const response = this.answerBegin(call.request);
        if (response !== undefined) answer(null, response);
      },
      renew: (_call, answer) => answer(null, { lostSeqs: [] }),
      report: (_call, answer) => answer(null, { stands: true, refusal: undefined, missed: [] }),
    };
    return {
      ...calls,
      talk: (stream) => {
        this.seen.push(String(stream.metadata.get('miroir-seen')[0]));
        this.#streams ??= new CallStreams(calls);
        this.#streams.serve(stream);
      },
    };
  }

  #taskService(): TaskServiceServer {
    return {
      getTask: (call, answer) => {
        const json = this.tasks.get(call.request.uid);
        answer(null, {
          taskJson: json === undefined ? undefined : Buffer.from(json),
          position: this.position,
        });
      },
      getBatch: (_call, answer) => answer(null, { batchJson: undefined, position: this.position }),
      listBatches: (_call, answer) => {
        answer(null, {
          batchesJson: [],
          total: 0n,
          from: undefined,
          next: undefined,
          position: this.position,
        });
      },
      listTasks: (call, answer) => {
        const uids = [...this.tasks.keys()].slice(0, call.request.limit);
        answer(null, {
          tasksJson: uids.map((uid) => Buffer.from(this.tasks.get(uid) ?? '')),
          total: BigInt(this.tasks.size),
          from: uids[0],
          next: undefined,
          position: this.position,
        });
      },
    };
  }

  #keysService(): KeysServiceServer {
    return {
      call: (call, answer) => {
        this.keyCalls += 1;
        if (this.keyFailure !== undefined) {
          answer({ code: this.keyFailure, details: 'broken off' });
          return;
        }
        const said = `{"method":"${call.request.method}","key":"${call.request.uidOrKey}"}`;
        answer(null, { status: 201, body: Buffer.from(said), contentType: 'application/json' });
      },
    };
  }

  #watch(stream: WatchStream): void {
    if (this.isSilent) return;
    this.watchers.add(stream);
    stream.on('cancelled', () => this.watchers.delete(stream));
    stream.on('error', () => this.watchers.delete(stream));
    const value = { cluster: this.cluster, indexes: this.indexes };
    stream.write({ position: this.position, event: { $case: 'view', value } });
  }

  #sendAll(event: WatchResponse['event']): void {
    for (const stream of this.watchers) stream.write({ position: this.position, event });
  }
}

function fakeCluster(nodeUrls: readonly string[]): Cluster {
  return {
    clusterId: '0123456789abcdef',
    nodes: nodeUrls.map((url, place) => ({ id: `n${place}`, url, group: 0, weight: 1 })),
    keys: [],
    masterKeyHash: sha256(MASTER_KEY),
    internalKey: MASTER_KEY,
    versionJson: Buffer.from('{"pkgVersion":"1.50.0"}'),
    experimentalFeaturesJson: Buffer.alloc(0),
  };
}

/** Bytes of a key's hash. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** An index with one in-sync copy of each shard; `ownerOf` gives the node's place. */
export function fakeIndex(
  uid: string,
  shardCount: number,
  nodeIds: readonly string[],
  ownerOf: (shard: number) => number,
  more: Partial<Index> = {},
): Index {
  const owners = Buffer.alloc(shardCount * 2);
  for (let shard = 0; shard < shardCount; shard += 1) {
    owners.writeUInt16LE(ownerOf(shard), shard * 2);
  }
  return {
    id: createHash('md5').update(uid).digest('hex'),
    uid,
    primaryKey: 'id',
    createdAt: '2026-01-01T00:00:00.000000001Z',
    updatedAt: '2026-01-02T00:00:00.000000001Z',
    shardCount,
    nodeIds: [...nodeIds],
    copiesPerShard: 1,
    owners,
    copyStates: Buffer.alloc(shardCount),
    settingsJson: Buffer.from('{}'),
    settingsVersion: 1n,
    visible: true,
    foreignNodeIds: [],
    ...more,
  };
}
