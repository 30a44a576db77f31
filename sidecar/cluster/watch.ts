/**
 * Follows control's view. A life is a row of attempts: open a stream on a fresh channel, take one whole
 * view, then changes and a heartbeat each second. Silence of 3 s ends the attempt, also when the channel
 * itself noticed nothing (half-open connections, a peer that hangs); the next begins after a bounded,
 * growing pause. The position held never goes back: a stream whose whole view is older than what is
 * held (control restored from an old copy, a replica that lags) is cut and tried again.
 *
 * Any replica of control can be followed. A worker stays with the one it has; when that falls silent, it
 * goes on to the next, or to the one that a refusal names.
 */
import type { Logger } from '../../core/telemetry/index.ts';
import {
  ClusterServiceClient,
  type WatchResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { channelOptions } from './channel.ts';
import { type ControlEndpoint, leaderIn, PATIENCE_MS } from './control-endpoint.ts';
import { applyDelta, comparePositions, fromView, type HeldView } from './view.ts';

const SILENCE_MS = 3_000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 2_000;
/** A restart of a lone replica may take so long before calls that wait for an answer are given up. */
const GRACE_MS = 2_000;

/** What a follower needs. */
export interface WatchOptions {
  readonly endpoint: ControlEndpoint;
  readonly sidecarId: string;
  readonly logger: Logger;
  /** What was loaded from the file, if anything. */
  readonly held: HeldView | undefined;
  /** Called after each change, and never with an older position than before. */
  readonly onChange: (held: HeldView) => void;
}

/** Follows until closed. */
export class Watch {
  readonly #options: WatchOptions;
  #held: HeldView | undefined;
  #isClosed = false;
  #isFollowing = false;
  #pauseMs = PAUSE_MIN_MS;
  /** Which replica is followed, or tried next. */
  #address: string;
  /** Attempts that failed in a row. */
  #failures = 0;
  #cutAttempt: ((reason: string, nextAddress?: string) => void) | undefined;
  #pause: NodeJS.Timeout | undefined;
  #lost = new AbortController();
  #grace: NodeJS.Timeout | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#held = options.held;
    this.#address = options.endpoint.address;
    this.#startGrace();
    this.#attempt();
  }

  /**
   * Fires when control has been gone for 2 s, or where replicas can take over for as long as that may last:
   * calls to it will get no answer. A control that hangs keeps its connections open, so the calls themselves
   * would not notice.
   */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether the stream lives and its whole view was taken: what is held is at most 3 s old. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Ends the stream and opens another, to the leader: it does not know this worker any more. */
  restart(): void {
    if (this.#isFollowing)
      this.#cutAttempt?.('control forgot this worker', this.#options.endpoint.address);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#grace);
    this.#cutAttempt?.('closed');
  }

  #startGrace(): void {
    const graceMs = this.#options.endpoint.isAlone ? GRACE_MS : PATIENCE_MS;
    this.#grace ??= setTimeout(() => this.#lost.abort(), graceMs);
  }

  #follow(): void {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    if (this.#lost.signal.aborted) this.#lost = new AbortController();
    this.#isFollowing = true;
    this.#pauseMs = PAUSE_MIN_MS;
    this.#failures = 0;
  }

  #attempt(): void {
    const { endpoint, sidecarId } = this.#options;
    const client = new ClusterServiceClient(
      this.#address,
      endpoint.credentials,
      channelOptions(endpoint.isAlone),
    );
    const seen = this.#held?.view.position ?? { epoch: 0n, index: 0n };
    const stream = client.watch({ sidecarId, seen }, endpoint.metadata());
    let hasView = false;
    let hasEnded = false;
    const end = (reason: string, nextAddress?: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(watchdog);
      stream.cancel();
      client.close();
      this.#ended(reason, nextAddress);
    };
    let watchdog = setTimeout(() => end('silence'), SILENCE_MS);
    this.#cutAttempt = end;
    stream.on('data', (message: WatchResponse) => {
      if (hasEnded) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => end('silence'), SILENCE_MS);
      hasView = hasView || message.event?.$case === 'view';
      if (!hasView) return;
      if (!this.#take(message)) end('older than what is held');
    });
    stream.on('error', (error) => {
      const named = leaderIn(error);
      end((error as { details?: string }).details ?? error.name, named === '' ? undefined : named);
    });
    // It lives, and may have become the leader or ceased to be.
    stream.on('end', () => end('control ended the stream', this.#address));
  }

  /** Takes one event in; false if it would go back. */
  #take(message: WatchResponse): boolean {
    const { event, position } = message;
    if (event === undefined || position === undefined) return true;
    if (event.$case === 'heartbeat') return true;
    const held = this.#held;
    if (held !== undefined && comparePositions(position, held.view.position) < 0) return false;
    if (event.$case === 'view') {
      this.#held = fromView(position, event.value);
      this.#follow();
      this.#options.logger.info(
        { position: positionText(position), address: this.#address },
        'following control',
      );
    } else {
      if (held === undefined) return false;
      this.#held = applyDelta(held, position, event.value);
    }
    this.#options.onChange(this.#held);
    return true;
  }

  #ended(reason: string, nextAddress: string | undefined): void {
    const wasFollowing = this.#isFollowing;
    this.#isFollowing = false;
    if (this.#isClosed) return;
    this.#startGrace();
    if (wasFollowing)
      this.#options.logger.warn({ reason }, 'lost control; going on with what is held');
    this.#pause = setTimeout(() => this.#attempt(), this.#pauseMs);
    const { addresses } = this.#options.endpoint;
    this.#failures += 1;
    // Each replica is asked once before the pauses grow.
    if (this.#failures % addresses.length === 0)
      this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
    const at = addresses.indexOf(this.#address);
    // A name is followed once in a row: it may be that of a dead one.
    const isNamed = nextAddress !== undefined && this.#failures === 1;
    this.#address =
      (isNamed ? nextAddress : addresses[(at + 1) % addresses.length]) ?? this.#address;
  }
}

function positionText(position: { epoch: bigint; index: bigint }): string {
  return `${position.epoch}.${position.index}`;
}
