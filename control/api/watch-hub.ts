/**
 * The watchers. Each gets one whole view, then a change per commit, and a heartbeat each second. A watcher
 * that does not read is not written to: what it missed is kept as names only (so it is bounded by the
 * number of indexes) and sent as they are then, in one message. One that stays deaf is dropped and starts
 * anew with a whole view.
 */
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import type { WatchRequest, WatchResponse } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { ViewChange } from '../machine/index.ts';
import {
  allUids,
  type Secrets,
  type ShownState,
  toCluster,
  toIndex,
  toPosition,
} from './view-messages.ts';

const HEARTBEAT_MS = 1_000;
const DEAF_MS = 10_000;
const WATCHERS_MAX = 1_024;

type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

interface Watcher {
  readonly call: WatchCall;
  readonly missedUids: Set<string>;
  isClusterMissed: boolean;
  /** The last write filled the buffer. */
  isFull: boolean;
  fullSinceMs: number;
}

/** What the hub reads. */
export interface WatchHubOptions {
  readonly state: ShownState;
  readonly secrets: () => Secrets;
  readonly steadyMs: () => number;
  /** Of the last commit. */
  readonly position: () => Position;
}

/** Serves all watchers. */
export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #heartbeat: NodeJS.Timeout;
  #viewPosition: Position;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
    this.#viewPosition = options.position();
  }

  /** Of the last commit that changed what watchers see: whoever is as new has seen all there is. */
  get viewPosition(): Position {
    return this.#viewPosition;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Takes a new watcher. To be called when the state holds nothing that is not committed. */
  add(call: WatchCall): void {
    if (this.#watchers.size >= WATCHERS_MAX) {
      call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'too many watchers' });
      return;
    }
    const watcher: Watcher = {
      call,
      missedUids: new Set(),
      isClusterMissed: false,
      isFull: false,
      fullSinceMs: 0,
    };
    this.#watchers.add(watcher);
    const end = (): void => {
      this.#watchers.delete(watcher);
    };
    call.on('cancelled', end);
    call.on('error', end);
    call.on('close', end);
    call.on('drain', () => {
      watcher.isFull = false;
      this.#sendMissed(watcher);
    });
    this.#write(watcher, this.#wholeView());
  }

  /** Tells all watchers of a commit. The message is made once. */
  publish(change: ViewChange): void {
    this.#viewPosition = change.position;
    const message = this.#delta(change.uids, change.isClusterChanged);
    for (const watcher of this.#watchers) {
      if (!watcher.isFull && watcher.missedUids.size === 0 && !watcher.isClusterMissed) {
        this.#write(watcher, message);
        continue;
      }
      for (const uid of change.uids) watcher.missedUids.add(uid);
      watcher.isClusterMissed ||= change.isClusterChanged;
    }
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const { call } of this.#watchers) call.end();
    this.#watchers.clear();
  }

  #sendMissed(watcher: Watcher): void {
    if (watcher.missedUids.size === 0 && !watcher.isClusterMissed) return;
    const message = this.#delta(watcher.missedUids, watcher.isClusterMissed);
    watcher.missedUids.clear();
    watcher.isClusterMissed = false;
    this.#write(watcher, message);
  }

  #beat(): void {
    const now = this.#options.steadyMs();
    for (const watcher of this.#watchers) {
      if (watcher.isFull) {
        if (now - watcher.fullSinceMs < DEAF_MS) continue;
        this.#watchers.delete(watcher);
        watcher.call.emit('error', {
          code: status.RESOURCE_EXHAUSTED,
          details: 'the watcher does not read; watch again',
        });
        continue;
      }
      const position = toPosition(this.#options.position());
      this.#write(watcher, { position, event: { $case: 'heartbeat', value: {} } });
    }
  }

  #write(watcher: Watcher, message: WatchResponse): void {
    if (watcher.call.cancelled || watcher.call.destroyed) return;
    if (watcher.call.write(message)) return;
    if (!watcher.isFull) watcher.fullSinceMs = this.#options.steadyMs();
    watcher.isFull = true;
  }

  #wholeView(): WatchResponse {
    const { state, secrets, position } = this.#options;
    const indexes = [...allUids(state)].flatMap((uid) => toIndex(state, uid) ?? []);
    return {
      position: toPosition(position()),
      event: { $case: 'view', value: { cluster: toCluster(state, secrets()), indexes } },
    };
  }

  #delta(uids: ReadonlySet<string>, isClusterChanged: boolean): WatchResponse {
    const { state, secrets, position } = this.#options;
    const entries = [...uids].map((uid) => ({ uid, entry: toIndex(state, uid) }));
    return {
      position: toPosition(position()),
      event: {
        $case: 'delta',
        value: {
          ...(isClusterChanged ? { cluster: toCluster(state, secrets()) } : {}),
          indexes: entries.flatMap(({ entry }) => entry ?? []),
          removedIndexUids: entries
            .filter(({ entry }) => entry === undefined)
            .map(({ uid }) => uid),
        },
      },
    };
  }
}
