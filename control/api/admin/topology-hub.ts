/**
 * Those who watch the topology. Commits and changes of health come in bursts, so a change is told a moment
 * after the first of them, as the difference to what was told before.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type {
  Topology,
  WatchTopologyRequest,
  WatchTopologyResponse,
} from '../../../proto/gen/miroir/admin/v1/topology.ts';
import { FanOut } from './fan-out.ts';
import { changeBetween, type TopologySources, toTopology } from './topology-messages.ts';

/** From a change until it is told; a tenth of a second if making the view takes long. */
const GATHER_MS = 10;
/** The view is made at most this part of the time. */
const SHARE = 5;

type WatchCall = ServerWritableStream<WatchTopologyRequest, WatchTopologyResponse>;

/** What the hub reads. */
export interface TopologyHubOptions {
  readonly sources: TopologySources;
  /** Resolves when the state holds nothing that is not committed. */
  readonly settled: () => Promise<void>;
}

/** Serves them. */
export class TopologyHub {
  readonly #options: TopologyHubOptions;
  readonly #full: FanOut<WatchTopologyResponse>;
  readonly #short: FanOut<WatchTopologyResponse>;
  #told: Topology | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tookMs = 0;
  #isClosed = false;

  constructor(options: TopologyHubOptions) {
    this.#options = options;
    const { steadyMs, position } = options.sources;
    const heartbeat = (): WatchTopologyResponse => ({
      event: { $case: 'heartbeat', value: { position: position() } },
    });
    const whole = (): WatchTopologyResponse => snapshot(this.#told ?? toTopology(options.sources));
    this.#full = new FanOut({ heartbeat, whole, steadyMs });
    this.#short = new FanOut({ heartbeat, whole: () => withoutIndexes(whole()), steadyMs });
  }

  /** Takes a reader. */
  async add(call: WatchCall): Promise<void> {
    await this.#options.settled();
    if (this.#isClosed) {
      call.end();
      return;
    }
    // Everybody holds the same before the next change is told.
    this.#tell();
    this.#told ??= toTopology(this.#options.sources);
    const first = snapshot(this.#told);
    if (call.request.withoutIndexes) this.#short.add(call, withoutIndexes(first));
    else this.#full.add(call, first);
  }

  /** Something may look different now. */
  changed(): void {
    if (this.#timer !== undefined || this.#readerCount === 0 || this.#isClosed) return;
    this.#timer = setTimeout(
      () => {
        void this.#options.settled().then(
          () => {
            this.#timer = undefined;
            this.#tell();
          },
          () => {},
        );
      },
      Math.max(GATHER_MS, this.#tookMs * SHARE),
    );
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#full.close();
    this.#short.close();
  }

  get #readerCount(): number {
    return this.#full.size + this.#short.size;
  }

  #tell(): void {
    if (this.#isClosed) return;
    if (this.#readerCount === 0) {
      this.#told = undefined;
      return;
    }
    const { sources } = this.#options;
    const startedMs = sources.steadyMs();
    const now = toTopology(sources);
    const before = this.#told;
    this.#told = now;
    const change = before === undefined ? undefined : changeBetween(before, now);
    this.#tookMs = sources.steadyMs() - startedMs;
    if (change === undefined) return;
    const message: WatchTopologyResponse = { event: { $case: 'change', value: change } };
    this.#full.send(message);
    if (this.#short.size > 0) this.#short.send(withoutIndexes(message));
  }
}

function snapshot(topology: Topology): WatchTopologyResponse {
  return { event: { $case: 'snapshot', value: topology } };
}

function withoutIndexes({ event }: WatchTopologyResponse): WatchTopologyResponse {
  switch (event?.$case) {
    case 'snapshot':
      return snapshot({ ...event.value, indexes: [] });
    case 'change':
      return {
        event: { $case: 'change', value: { ...event.value, indexes: [], removedIndexUids: [] } },
      };
    default:
      return { event };
  }
}
