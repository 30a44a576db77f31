/**
 * A call whose answer never ends and says by each of its pieces that something may have changed. It is begun
 * again when it breaks, and after some time in any case, since a dead connection is silent; a hint follows each
 * beginning because what happened in between was missed.
 */
import type { NodeClient } from '../../../core/meilisearch/client.ts';
import type { NodeCall } from '../../../core/meilisearch/outcome.ts';

const ROUND_MS = 60_000;
const ROUND_BYTES_MAX = 8 * 1024 * 1024;
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 5_000;

/** Where to listen next; asked before each round. May throw: then it is asked again later. */
export type NextListening = () => {
  readonly client: NodeClient;
  readonly call: Pick<NodeCall, 'method' | 'path' | 'headers' | 'body'>;
};

/** Begins to listen. Returns how to end it. */
export function listenForHints(next: NextListening, onHint: () => void): () => void {
  const abort = new AbortController();
  void listen(next, onHint, abort.signal);
  return () => abort.abort();
}

async function listen(next: NextListening, onHint: () => void, signal: AbortSignal): Promise<void> {
  let pauseMs = PAUSE_MS_MIN;
  while (!signal.aborted) {
    const isHeard = await listenOnce(next, onHint, signal);
    pauseMs = isHeard ? PAUSE_MS_MIN : Math.min(pauseMs * 2, PAUSE_MS_MAX);
    await pause(pauseMs, signal);
  }
}

/** One round; whether anything was heard. */
async function listenOnce(
  next: NextListening,
  onHint: () => void,
  signal: AbortSignal,
): Promise<boolean> {
  let listening: ReturnType<NextListening>;
  try {
    listening = next();
  } catch {
    return false;
  }
  let isHeard = false;
  await listening.client.call({
    ...listening.call,
    deadlineMs: ROUND_MS,
    answerBytesMax: ROUND_BYTES_MAX,
    signal,
    onChunk: () => {
      isHeard = true;
      if (!signal.aborted) onHint();
    },
  });
  return isHeard;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
