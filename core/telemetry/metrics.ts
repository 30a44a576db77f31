/**
 * Every metric, made once per process on one registry. Label values come from bounded sets only: path
 * templates never paths, known methods, node ids of the configuration; what is not known is `other`.
 * Children are bound once and kept, so counting a request costs two map look-ups.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ClusterView } from '../topology.ts';
import { miroirVersion } from './version.ts';
import { figuresOf, type ViewFigures } from './view-figures.ts';

const SECONDS_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const FAN_OUT_BUCKETS = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128];
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Most label combinations kept per metric; the templates of the whole API stay far below it. */
const CHILDREN_MAX = 4096;

/** What is counted about one node; bound to its id. */
interface NodeMetrics {
  /** One call: `operation` is a short fixed word such as `search` or `documents`. */
  observe(operation: string, seconds: number): void;
  /** One failed call: `type` is the kind of its outcome, such as `timeout` or `refused`. */
  error(type: string): void;
  setHealthy(isHealthy: boolean): void;
  /** By what it is compared with others that hold the same shards; lower is better. */
  setScore(scoreMs: number): void;
}

/** The metrics of one process. Values without a doc comment are the plain metric of that name. */
export interface Metrics {
  /** One answered client request. `route` is its template, never its path. */
  observeRequest(method: string, route: string, status: number, seconds: number): void;
  readonly requestsInFlight: Gauge;
  /** The same object for the same id; node ids come from the topology. */
  node(nodeId: string): NodeMetrics;
  /** Shards, copies and settings version are read from the view at each scrape. To be called once. */
  followView(read: () => ClusterView | undefined): void;
  readonly fanOutSize: Histogram;
  readonly partialResponses: Counter;
  readonly retries: Counter;
  /** Reads asked twice because the first answer was late: `won`, `lost` or `failed`. */
  readonly hedges: Counter<'outcome'>;
  /** Acknowledged writes that control did not confirm: `refused` or `unreachable`. */
  readonly reportsFailed: Counter<'outcome'>;
  readonly tasks: Counter<'status'>;
  readonly taskRegistrySize: Gauge;
  /** Age of the oldest task that is not terminal, in seconds; 0 if there is none. */
  readonly taskProcessingAge: Gauge;
  readonly laneWait: Histogram;
  readonly replication: ReplicationMetrics;
  readonly registry: Registry;
}

/** What a replica of control knows of itself and, if it leads, of the others. */
export interface ReplicationFigures {
  readonly role: string;
  readonly epoch: number;
  readonly inSyncCount: number;
  /** Entries that each other replica lacks, by its id; empty unless this one leads. */
  readonly lagEntries: ReadonlyMap<string, number>;
}

/** What is counted about several replicas of control. */
export interface ReplicationMetrics {
  /** The figures are read at each scrape; the last to be given counts. */
  follow(read: () => ReplicationFigures): void;
  readonly commitSeconds: Histogram;
  /** Times that this replica began to lead. */
  readonly takeovers: Counter;
  /** `sent`, `failed` or `installed`. */
  readonly snapshots: Counter<'outcome'>;
  /** Calls of the engine that failed: `read` or `cas`. */
  readonly engineErrors: Counter<'call'>;
  readonly engineConflicts: Counter;
}

/** What a process may choose. */
interface MetricsOptions {
  /** Leaves out what only the other program counts; default: everything. */
  readonly program?: 'sidecar' | 'control';
  /** Adds the figures of the Node.js runtime (event loop, heap, garbage collection). */
  readonly withRuntime?: boolean;
}

/** Makes the metrics of one process on a registry of their own. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.withRuntime === true) collectDefaultMetrics({ register: registry });
  const make = makers(registry);
  // What only the other program counts is made but not shown: a 0 there would mean something.
  const unseen = makers(new Registry());
  const makeFor = (program: 'sidecar' | 'control') =>
    options.program === undefined || options.program === program ? make : unseen;
  new Gauge({
    name: 'miroir_build_info',
    help: 'Always 1; the version is in the labels.',
    labelNames: ['version', 'node_version'],
    registers: [registry],
    aggregator: 'first',
  }).set({ version: miroirVersion, node_version: process.version }, 1);
  return {
    registry,
    ...requestMetrics(makeFor('sidecar')),
    node: nodeMetrics(make, makeFor('sidecar')),
    followView: viewMetrics(makeFor('sidecar')),
    ...scatterMetrics(makeFor('sidecar')),
    ...taskMetrics(makeFor('control')),
    replication: replicationMetrics(makeFor('control')),
  };
}

type Makers = ReturnType<typeof makers>;

function makers(registry: Registry) {
  const registers = [registry];
  return {
    counter: <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[] = [],
    ) => new Counter({ name, help, labelNames, registers }),
    /** A gauge that every worker of a sidecar holds with the same value is averaged, not summed. */
    shared: <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[] = [],
      collect: (gauge: Gauge<Label>) => void = () => {},
    ) =>
      new Gauge({
        ...{ name, help, labelNames, registers },
        aggregator: 'average',
        collect() {
          collect(this);
        },
      }),
    gauge: <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Gauge({ name, help, labelNames, registers }),
    histogram: <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[] = [],
      buckets: number[] = SECONDS_BUCKETS,
    ) => new Histogram({ name, help, labelNames, registers, buckets }),
  };
}

function requestMetrics(make: Makers): Pick<Metrics, 'observeRequest' | 'requestsInFlight'> {
  const labels = ['method', 'path_template', 'status'] as const;
  const total = make.counter('miroir_requests_total', 'Client requests answered.', labels);
  const duration = make.histogram(
    'miroir_request_duration_seconds',
    'Time from the headers of a client request to the end of the answer.',
    labels,
  );
  const children = boundedCache((method: string, path_template: string, status: string) => {
    const values = { method, path_template, status };
    return { total: total.labels(values), duration: duration.labels(values) };
  });
  return {
    observeRequest(method, route, status, seconds) {
      const child = children(METHODS.has(method) ? method : 'other', route, String(status));
      child.total.inc();
      child.duration.observe(seconds);
    },
    requestsInFlight: make.gauge('miroir_requests_in_flight', 'Client requests being answered.'),
  };
}

function nodeMetrics(make: Makers, makeSidecar: Makers): Metrics['node'] {
  const scores = makeSidecar.shared(
    'miroir_replica_selection_score',
    'Average latency of a node in milliseconds, raised by the calls under way; lower is preferred.',
    ['node_id'],
  );
  const score = boundedCache((node_id: string) => scores.labels({ node_id }));
  const healthy = make.shared('miroir_node_healthy', '1 if the node answers.', ['node_id']);
  const duration = make.histogram(
    'miroir_node_request_duration_seconds',
    'Time of a call to a node.',
    ['node_id', 'operation'],
  );
  const errors = make.counter('miroir_node_errors_total', 'Failed calls to a node.', [
    'node_id',
    'error_type',
  ]);
  return boundedCache((node_id: string) => {
    const durations = boundedCache((operation: string) => duration.labels({ node_id, operation }));
    const failures = boundedCache((error_type: string) => errors.labels({ node_id, error_type }));
    const health = healthy.labels({ node_id });
    return {
      observe: (operation: string, seconds: number) => durations(operation).observe(seconds),
      error: (type: string) => failures(type).inc(),
      setHealthy: (isHealthy: boolean) => health.set(isHealthy ? 1 : 0),
      setScore: (scoreMs: number) => score(node_id).set(scoreMs),
    };
  });
}

function viewMetrics(make: Makers): Metrics['followView'] {
  return (read) => {
    let view: ClusterView | undefined;
    let figures: ViewFigures | undefined;
    const now = (): ViewFigures | undefined => {
      const current = read();
      if (current !== view) figures = current === undefined ? undefined : figuresOf(current);
      view = current;
      return figures;
    };
    const single = (name: string, help: string, pick: (given: ViewFigures) => number) =>
      make.shared(name, help, [], (gauge) => {
        const given = now();
        if (given !== undefined) gauge.set(pick(given));
      });
    const labelled = (
      label: string,
      [name, help]: readonly [name: string, help: string],
      pick: (given: ViewFigures) => ReadonlyMap<string, number>,
    ) =>
      make.shared(name, help, [label], (gauge) => {
        const given = now();
        gauge.reset();
        for (const [value, count] of given === undefined ? [] : pick(given))
          gauge.labels({ [label]: value }).set(count);
      });
    single('miroir_shard_coverage', 'Shards with a copy in sync.', (it) => it.coveredShards);
    single(
      'miroir_degraded_shards_total',
      'Shards without a copy in sync; 0 is healthy.',
      (it) => it.degradedShards,
    );
    single(
      'miroir_settings_version',
      'Highest settings version in force.',
      (it) => it.settingsVersion,
    );
    const onNodes = ['miroir_shard_distribution', 'Copies on each node.'] as const;
    labelled('node_id', onNodes, (it) => it.copiesByNode);
    labelled('state', ['miroir_copies', 'Copies in each state.'], (it) => it.copiesByState);
  };
}

function scatterMetrics(
  make: Makers,
): Pick<Metrics, 'fanOutSize' | 'partialResponses' | 'retries' | 'hedges' | 'reportsFailed'> {
  return {
    fanOutSize: make.histogram(
      'miroir_scatter_fan_out_size',
      'Nodes asked for one search.',
      [],
      FAN_OUT_BUCKETS,
    ),
    partialResponses: make.counter(
      'miroir_scatter_partial_responses_total',
      'Answers that lack at least one shard.',
    ),
    retries: make.counter('miroir_scatter_retries_total', 'Calls repeated on another copy.'),
    hedges: make.counter(
      'miroir_hedge_fired_total',
      'Reads asked of a second copy because the first answer was late.',
      ['outcome'],
    ),
    reportsFailed: make.counter(
      'miroir_write_reports_failed_total',
      'Acknowledged writes that control did not confirm; their tasks tell what became of them.',
      ['outcome'],
    ),
  };
}

function taskMetrics(
  make: Makers,
): Pick<Metrics, 'tasks' | 'taskRegistrySize' | 'taskProcessingAge' | 'laneWait'> {
  return {
    tasks: make.counter('miroir_tasks_total', 'Client tasks that came to an end.', ['status']),
    taskRegistrySize: make.gauge('miroir_task_registry_size', 'Client tasks that are kept.'),
    taskProcessingAge: make.gauge(
      'miroir_task_processing_age_seconds',
      'Age of the oldest unfinished task.',
    ),
    laneWait: make.histogram(
      'miroir_lane_wait_seconds',
      'Time a write waits for its permission to be sent.',
    ),
  };
}

function replicationMetrics(make: Makers): ReplicationMetrics {
  let read: (() => ReplicationFigures) | undefined;
  const single = (name: string, help: string, pick: (figures: ReplicationFigures) => number) =>
    make.shared(name, help, [], (gauge) => {
      if (read !== undefined) gauge.set(pick(read()));
    });
  single('miroir_control_epoch', 'Epoch of the leader that this replica knows.', (it) => it.epoch);
  single('miroir_control_in_sync_replicas', 'Replicas in sync.', (it) => it.inSyncCount);
  make.shared('miroir_control_role', '1 for the part this replica plays.', ['role'], (gauge) => {
    gauge.reset();
    if (read !== undefined) gauge.labels({ role: read().role }).set(1);
  });
  make.shared(
    'miroir_control_lag_entries',
    'Entries of the log that another replica lacks, as its leader knows.',
    ['replica'],
    (gauge) => {
      gauge.reset();
      for (const [replica, lag] of read?.().lagEntries ?? []) gauge.labels({ replica }).set(lag);
    },
  );
  return {
    follow: (next) => {
      read = next;
    },
    commitSeconds: make.histogram(
      'miroir_control_commit_seconds',
      'Time from a change to its acknowledgement by every replica in sync.',
    ),
    takeovers: make.counter('miroir_control_takeovers_total', 'Times this replica began to lead.'),
    snapshots: make.counter(
      'miroir_control_snapshots_total',
      'Snapshots for other replicas (sent, failed) and from the leader (installed).',
      ['outcome'],
    ),
    engineErrors: make.counter(
      'miroir_control_engine_errors_total',
      'Calls of the engine (etcd, Lease) that failed or whose outcome is not known.',
      ['call'],
    ),
    engineConflicts: make.counter(
      'miroir_control_engine_conflicts_total',
      'Changes of the record that came too late: somebody else had changed it.',
    ),
  };
}

/** Remembers what `make` made for each set of labels; beyond the bound everything is `other`. */
function boundedCache<Labels extends string[], Child>(
  make: (...labels: Labels) => Child,
): (...labels: Labels) => Child {
  const children = new Map<string, Child>();
  return (...labels) => {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\u0000');
    const known = children.get(key);
    if (known !== undefined) return known;
    if (children.size >= CHILDREN_MAX) {
      const others = labels.map(() => 'other') as Labels;
      const otherKey = others.join('\u0000');
      const other = children.get(otherKey) ?? make(...others);
      children.set(otherKey, other);
      return other;
    }
    const child = make(...labels);
    children.set(key, child);
    return child;
  };
}
