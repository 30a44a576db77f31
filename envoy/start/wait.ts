/** Waiting until an address answers, by plain node:http (the parts are local and speak HTTP/1.1). */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPT_LIMIT_MS = 2000;
const PAUSE_MS = 50;

/** Resolves once GET `url` answers 200; rejects when `signal` fires. */
export async function waitForOk(url: string, signal: AbortSignal): Promise<void> {
  while ((await statusOf(url, signal)) !== 200) {
    signal.throwIfAborted();
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

/** Status of GET `url`, or undefined if nothing answers within two seconds. */
function statusOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(
      url,
      { signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_LIMIT_MS)]), agent: false },
      (answer) => {
        answer.resume();
        answer.once('close', () => resolve(answer.statusCode));
        answer.once('error', () => resolve(undefined));
      },
    );
    request.once('error', () => resolve(undefined));
  });
}
