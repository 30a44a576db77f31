/** A gateway under test as its clients and its operator see it, with the nodes behind it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Answer, request } from '../kit/cluster.ts';
import type { EngineProcess } from './engine-process.ts';

/** Of every cluster of such tests. */
export const MASTER_KEY = 'chaos-master-key-0123456789';
const CALL_LIMIT_MS = 20_000;
const CONNECTIONS = 64;
const DISCONNECT_MS = 2_000;

/** A node behind it. */
export interface GatewayNode {
  readonly id: string;
  readonly group: number;
  readonly engine: EngineProcess;
}

/** One gateway. */
export class Gateway {
  readonly url: string;
  readonly #pool: Pool;

  constructor(url: string) {
    this.url = url;
    this.#pool = new Pool(url, { connections: CONNECTIONS });
  }

  /** Of the master key. */
  get authorization(): string {
    return `Bearer ${MASTER_KEY}`;
  }

  /** One request with the master key. Rejects when the connection breaks or nothing comes in time. */
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer> {
    return within(
      request(this.#pool, {
        method,
        path,
        body,
        headers: {
          authorization: this.authorization,
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
      }),
    );
  }

  /** One request to a node itself, past the gateway and any proxy. */
  async ask(node: GatewayNode, path: string): Promise<unknown> {
    const answer = await fetch(`${node.engine.url}${path}`, {
      headers: { authorization: this.authorization },
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    });
    if (!answer.ok) throw new Error(`${node.id}: GET ${path}: ${answer.status}`);
    return answer.json();
  }

  /** A route that only the operator may use. */
  operate(path: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.adminToken()}` };
    return within(request(this.#pool, { method: 'GET', path, headers }));
  }

  /** The operator's token. */
  protected adminToken(): string {
    return '';
  }

  /** Ends all connections to it. */
  protected async disconnect(): Promise<void> {
    // What is left of it ends with the gateway.
    await Promise.race([this.#pool.destroy(), sleep(DISCONNECT_MS, undefined, { ref: false })]);
  }
}

/** A cluster that can be loaded and judged. */
export interface JudgedGateway extends Gateway {
  readonly nodes: readonly GatewayNode[];
}

function within<Value>(promise: Promise<Value>): Promise<Value> {
  const limit = new AbortController();
  const late = sleep(CALL_LIMIT_MS, undefined, { signal: limit.signal, ref: true }).then(() => {
    throw new Error('no answer in time');
  });
  for (const loser of [promise, late]) loser.catch(() => {});
  return Promise.race([promise, late]).finally(() => limit.abort());
}
