/**
 * Changes of keys (POST, PATCH, DELETE /keys), one at a time: the first node judges the call with the
 * caller's own authorization and its answer is the client's; what it accepted is done on the others with
 * the master key, under the same uid. Whatever fails there is made good when the table is read again.
 */
import { randomUUID } from 'node:crypto';
import { errorBody } from '../../core/errors.ts';
import { isObject } from '../../core/settings/index.ts';
import type { ControlCall, ControlNode, NodeAnswer } from '../nodes/index.ts';
import { INTERNAL_KEY_UID } from './internal-key.ts';
import { createKey, type NodeKey } from './node-keys.ts';

const WAITING_MAX = 256;

/** One call of the routes /keys. */
export interface KeyCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Empty for the list and for POST. */
  readonly uidOrKey: string;
  /** Without the question mark. */
  readonly query: string;
  readonly body: string;
  readonly authorization: string;
  readonly contentType: string;
}

/** What the client gets. */
export interface KeyCallReply {
  readonly status: number;
  readonly body: string;
}

/** What the calls need. */
export interface KeyCallsOptions {
  readonly usableNodes: () => readonly ControlNode[];
  readonly nodeCount: () => number;
  /** Reads the table again and brings all nodes in line. */
  readonly refreshNow: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** Makes key calls in one order. */
export class KeyCalls {
  readonly #options: KeyCallsOptions;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: KeyCallsOptions) {
    this.#options = options;
  }

  /** Makes one call. Readings do not wait for changes. */
  async call(call: KeyCall): Promise<KeyCallReply> {
    if (call.method === 'GET') return this.#read(call);
    if (this.#waiting >= WAITING_MAX) {
      return unavailable('miroir_overloaded', 'Too many changes of keys wait.');
    }
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#change(call));
    this.#last = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #read(call: KeyCall): Promise<KeyCallReply> {
    const [first] = this.#options.usableNodes();
    if (first === undefined) return noNode();
    return toReply(await first.call(this.#toNodeCall(call)));
  }

  async #change(call: KeyCall): Promise<KeyCallReply> {
    const { usableNodes, nodeCount, refreshNow } = this.#options;
    const nodes = usableNodes();
    const [first, ...others] = nodes;
    if (first === undefined || nodes.length < nodeCount()) return noNode();
    if (call.uidOrKey === INTERNAL_KEY_UID) return notFound(call.uidOrKey);
    const named = call.method === 'POST' ? { ...call, body: withUid(call.body) } : call;
    const answer = await first.call(this.#toNodeCall(named));
    if (answer.kind !== 'answer') {
      // It may have been done: the table tells, and brings the others in line.
      if (!answer.isSurelyUndone) await refreshNow();
      return toReply(answer);
    }
    if (answer.status >= 200 && answer.status < 300) {
      await Promise.all(others.map((node) => this.#repeat(node, named, answer.text)));
      await refreshNow();
    }
    return toReply(answer);
  }

  async #repeat(node: ControlNode, call: KeyCall, answer: string): Promise<void> {
    const { signal } = this.#options;
    if (call.method === 'POST') {
      await createKey(node, JSON.parse(answer) as NodeKey, signal);
      return;
    }
    const { authorization: _, ...withMasterKey } = this.#toNodeCall(call);
    await node.call(withMasterKey);
  }

  #toNodeCall(call: KeyCall): ControlCall {
    const name = call.uidOrKey === '' ? '' : `/${encodeURIComponent(call.uidOrKey)}`;
    const query = /^[\x21-\x7e]+$/.test(call.query) ? `?${call.query}` : '';
    const hasBody = call.method === 'POST' || call.method === 'PATCH';
    return {
      method: call.method,
      path: `/keys${name}${query}`,
      ...(hasBody ? { body: call.body, contentType: call.contentType } : {}),
      authorization: call.authorization,
      signal: this.#options.signal,
    };
  }
}

/** A body without a uid gets one, so that every node makes the same key. Faulty bodies stay as they are. */
function withUid(body: string): string {
  try {
    const key: unknown = JSON.parse(body);
    if (!isObject(key) || key['uid'] !== undefined) return body;
    return JSON.stringify({ ...key, uid: randomUUID() });
  } catch {
    return body;
  }
}

function toReply(answer: NodeAnswer): KeyCallReply {
  return answer.kind === 'answer' ? { status: answer.status, body: answer.text } : noNode();
}

function noNode(): KeyCallReply {
  return unavailable(
    'miroir_shard_unavailable',
    'Keys are changed on all nodes together, and at least one does not answer.',
  );
}

function unavailable(
  code: 'miroir_shard_unavailable' | 'miroir_overloaded',
  words: string,
): KeyCallReply {
  return { status: 503, body: JSON.stringify(errorBody(code, words)) };
}

function notFound(uid: string): KeyCallReply {
  const code = 'api_key_not_found';
  const message = `API key \`${uid}\` not found.`;
  const link = `https://docs.meilisearch.com/errors#${code}`;
  const type = 'invalid_request';
  return { status: 404, body: JSON.stringify({ message, code, type, link }) };
}
