/**
 * An unknown key may have been made on the nodes a moment ago. Control is asked to read the nodes' keys
 * again, at most once a second; whoever comes in between waits for the same answer or, right after it,
 * takes what is there. Guessing keys therefore costs the cluster one call a second, whatever the rate.
 */
import type { ClusterView } from '../../core/topology.ts';

const PAUSE_MS = 1_000;

/** How the key table is brought up to date. */
export interface KeyRefreshOptions {
  /** Asks control to read the keys and resolves once the view holds them. */
  readonly refresh: () => Promise<void>;
  readonly view: () => ClusterView;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

/** Returns a function that brings the key table up to date, as described above. */
export function keyRefresher(options: KeyRefreshOptions): () => Promise<ClusterView> {
  let lastEndMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  return async () => {
    if (running === undefined) {
      if (options.nowMs() - lastEndMs < PAUSE_MS) return options.view();
      running = options.refresh().finally(() => {
        lastEndMs = options.nowMs();
        running = undefined;
      });
    }
    await running;
    return options.view();
  };
}
