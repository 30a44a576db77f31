/**
 * A server under test or its reference: requests over a keep-alive pool, each with a deadline. Answers
 * keep their exact text; JSON is parsed so that numbers keep theirs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { parseTree, type Tree } from '../stories/lossless.ts';
import { type FuzzRequest, wireBody, wirePath } from './requests/request.ts';

const CONNECTIONS = 8;
const REQUEST_LIMIT_MS = 60_000;
const TASK_LIMIT_MS = 120_000;
const TASK_PAUSE_MS = 4;

/** One answer. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** The body; undefined if it is empty or not JSON. */
  readonly tree: Tree | undefined;
}

/** What may be sent: a request without its kind. */
export type Call = Omit<FuzzRequest, 'kind'>;

/** A server with its key. */
export class Server {
  readonly name: string;
  private readonly pool: Pool;
  private readonly key: string;

  constructor(name: string, url: string, key: string) {
    this.name = name;
    this.key = key;
    this.pool = new Pool(url, {
      connections: CONNECTIONS,
      headersTimeout: REQUEST_LIMIT_MS,
      bodyTimeout: REQUEST_LIMIT_MS,
    });
  }

  /** Sends one request. A connection that breaks is an answer too: status 0 and the reason. */
  async send(call: Call): Promise<Reply> {
    const body = wireBody({ ...call, kind: 'search' });
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    };
    if (this.key === '' || headers['authorization'] === '') delete headers['authorization'];
    try {
      const answer = await this.pool.request({
        method: call.method,
        path: wirePath({ ...call, kind: 'search' }),
        headers,
        body: body ?? null,
        signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
      });
      const text = await answer.body.text();
      const type = answer.headers['content-type'];
      return {
        status: answer.statusCode,
        contentType: typeof type === 'string' ? type : '',
        text,
        tree: parse(text),
      };
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return { status: 0, contentType: '', text, tree: undefined };
    }
  }

  /** Waits for a task to end. Throws if it does not in good time. */
  async waitForTask(taskUid: string): Promise<Reply> {
    const giveUpAt = Date.now() + TASK_LIMIT_MS;
    let pauseMs = TASK_PAUSE_MS;
    while (Date.now() < giveUpAt) {
      const reply = await this.send({ method: 'GET', path: `/tasks/${taskUid}` });
      if (reply.status !== 200) return reply;
      const status = reply.tree instanceof Map ? reply.tree.get('status') : undefined;
      if (status !== 'enqueued' && status !== 'processing') return reply;
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 1.5, 50);
    }
    throw new Error(`${this.name}: task ${taskUid} did not end in ${TASK_LIMIT_MS} ms`);
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}

function parse(text: string): Tree | undefined {
  try {
    return text === '' ? undefined : parseTree(text);
  } catch {
    return undefined;
  }
}
