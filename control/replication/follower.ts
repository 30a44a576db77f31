/** What a replica serves while it does not lead: Watch, from what is committed and on its disk. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import type { WatchRequest, WatchResponse } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import {
  CLUSTER_SERVICE,
  notLeading,
  type Secrets,
  type Services,
  WatchHub,
} from '../api/index.ts';
import { decodeEntry, type Store } from '../store/index.ts';
import { CommittedView } from './view.ts';

const READ_BYTES = 4 * 1024 * 1024;

/** What following needs. */
export interface FollowerOptions {
  readonly store: Store;
  readonly secrets: () => Secrets;
  readonly leaderAddress: () => string;
  readonly steadyMs: () => number;
}

/** Serves watchers from the state on disk. */
export class Follower {
  readonly services: Services;
  readonly #store: Store;
  readonly #view: CommittedView;
  readonly #hub: WatchHub;
  #position: Position;

  constructor(options: FollowerOptions) {
    const { store, secrets, leaderAddress, steadyMs } = options;
    this.#store = store;
    this.#view = new CommittedView(store);
    const index = store.appliedIndex;
    this.#position = { epoch: store.placeAt(index)?.epoch ?? 0n, index };
    this.#hub = new WatchHub({
      state: this.#view,
      secrets,
      steadyMs,
      position: () => this.#position,
    });
    const watch = (call: ServerWritableStream<WatchRequest, WatchResponse>): void => {
      if (this.#view.isEmpty) call.emit('error', notLeading(leaderAddress()));
      else this.#hub.add(call);
    };
    this.services = new Map([[CLUSTER_SERVICE, { watch }]]) as unknown as Services;
  }

  /** The state on disk has moved on to here. */
  applied(position: Position): void {
    const entries = this.#store.entriesFrom(this.#position.index + 1n, READ_BYTES);
    if (entries === 'trimmed') {
      // So much was applied at once that it has to be read anew; watchers begin anew, too.
      this.#view.reload();
      this.#position = position;
      this.#hub.close();
      return;
    }
    for (const { index, bytes } of entries) {
      if (index > position.index) return;
      const { epoch, changes } = decodeEntry(bytes);
      this.#position = { epoch, index };
      const change = this.#view.apply(changes);
      if (change.uids.size === 0 && !change.isClusterChanged) continue;
      this.#hub.publish({ ...change, position: this.#position });
    }
    if (this.#position.index < position.index) this.applied(position);
  }

  close(): void {
    this.#hub.close();
  }
}
