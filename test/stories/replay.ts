/**
 * Tells one story to a server and compares every answer. Requests go out one after the other, each on a
 * connection of its own: a node closes a connection whose request body it did not read. Before `GET /tasks/<uid>` whose recorded answer is finished, it asks until the task is;
 * every other step is sent at once.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, compareAnswers, type Difference } from './compare.ts';
import { parseTree, type Tree } from './lossless.ts';
import { encodePath, type Story, type StoryRequest, type StoryStep } from './story.ts';

const REQUEST_LIMIT_MS = 60_000;
const POLL_FIRST_MS = 2;
const POLL_MAX_MS = 100;
const FINISHED = new Set(['succeeded', 'failed', 'canceled']);

/** How one step went. */
export interface StepResult {
  readonly step: number;
  readonly request: string;
  /** Empty if the answer was as recorded. */
  readonly differences: readonly Difference[];
}

/** Options of a replay. */
export interface ReplayOptions {
  /** Address of the server, e.g. `http://127.0.0.1:7700`. */
  readonly url: string;
  /** How long to wait for one task to finish. */
  readonly taskLimitMs: number;
}

/** Replays all steps of one story; the result has one entry per step. */
export async function replayStory(story: Story, options: ReplayOptions): Promise<StepResult[]> {
  const agent = new Agent({ keepAlive: false, maxSockets: 1 });
  const replaced = new Map<string, string>();
  const results: StepResult[] = [];
  try {
    for (const [index, step] of story.steps.entries()) {
      const pointers = story.volatilePaths.filter((path) => path.step === index);
      const hasServerId = pointers.some((path) => path.pointer.startsWith('/request'));
      const sent = hasServerId ? withOwnIds(step.request, replaced) : step.request;
      results.push({
        step: index,
        request: `${sent.method} ${sent.path}`,
        differences: await playStep(step, sent, {
          ...options,
          agent,
          rules: {
            volatileKeys: story.volatileKeys,
            volatilePointers: new Set(
              pointers
                .filter((path) => path.pointer.startsWith('/response'))
                .map((path) => path.pointer.slice('/response'.length)),
            ),
            onVolatileText: (recorded, received) => replaced.set(recorded, received),
          },
        }),
      });
    }
  } finally {
    agent.destroy();
  }
  return results;
}

interface PlayOptions extends ReplayOptions {
  readonly agent: Agent;
  readonly rules: Parameters<typeof compareAnswers>[2];
}

async function playStep(
  step: StoryStep,
  sent: StoryRequest,
  options: PlayOptions,
): Promise<Difference[]> {
  try {
    const answer = await askUntilFinished(step, sent, options);
    return compareAnswers(step.response, answer, options.rules);
  } catch (error) {
    return [{ pointer: '', expected: 'an answer', got: String(error) }];
  }
}

async function askUntilFinished(
  step: StoryStep,
  sent: StoryRequest,
  options: PlayOptions,
): Promise<Answer> {
  const until = Date.now() + options.taskLimitMs;
  const waits =
    sent.method === 'GET' &&
    /^\/tasks\/\d+$/.test(sent.path) &&
    FINISHED.has(statusOf(step.response.body));
  for (let pauseMs = POLL_FIRST_MS; ; pauseMs = Math.min(POLL_MAX_MS, pauseMs * 2)) {
    const answer = await send(sent, options);
    const status = statusOf(answer.body);
    if (!waits || (status !== 'enqueued' && status !== 'processing')) return answer;
    if (Date.now() > until) return answer;
    await sleep(pauseMs);
  }
}

function statusOf(body: Tree | undefined): string {
  const status = body instanceof Map ? body.get('status') : undefined;
  return typeof status === 'string' ? status : '';
}

/** Ids made by the recorded server, replaced by those that this server made. */
function withOwnIds(recorded: StoryRequest, replaced: ReadonlyMap<string, string>): StoryRequest {
  const swap = (text: string) =>
    [...replaced].reduce((done, [before, after]) => done.replaceAll(before, after), text);
  return {
    ...recorded,
    path: swap(recorded.path),
    body: recorded.body === undefined ? undefined : Buffer.from(swap(recorded.body.toString())),
  };
}

function send(sent: StoryRequest, options: PlayOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(options.url).origin,
      {
        agent: options.agent,
        method: sent.method,
        path: encodePath(sent.path),
        headers: {
          ...Object.fromEntries(sent.headers),
          ...(sent.body === undefined ? {} : { 'content-length': sent.body.length }),
        },
        timeout: REQUEST_LIMIT_MS,
      },
      (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const contentType = reply.headers['content-type'] ?? '';
          const headers = Object.entries(reply.headers).map(
            ([key, value]) => [key, String(value)] as const,
          );
          resolve({
            status: reply.statusCode ?? 0,
            contentType,
            text,
            body: treeOf(text, contentType),
            headers: new Map(headers),
          });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer in ${REQUEST_LIMIT_MS} ms`)));
    call.on('error', reject);
    call.end(sent.body);
  });
}

function treeOf(text: string, contentType: string): Tree | undefined {
  if (!contentType.includes('json') || contentType.includes('ndjson')) return undefined;
  try {
    return parseTree(text);
  } catch {
    return undefined;
  }
}
